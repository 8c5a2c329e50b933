// The states of a job: the list of moves, the database, the picture in ARCHITECTURE.md. With
// PRA_UPDATE_GOLDEN=1 the picture is drawn anew.

import JobQueue
import PageTesting
import Postgres
import Testing

/// A database that writes down every move of a job and the function of schema `pra` that made it.
private struct RecordingWorld {
  let world: QueueWorld
  /// Takes five jobs and more, on a host of its own.
  let worker: Registration

  init() throws {
    world = try QueueWorld()
    // The innermost function of schema pra on the stack; a function in SQL stands there without schema.
    try world.administrator.run(
      """
      create table public.moves (old text, new text not null, by text not null);
      create function public.note_move() returns trigger language plpgsql security definer as $$
      declare
        stack text;
        gang boolean := (select a.gang from pra_store.jobs as a where a.id = new.array_id);
        old_state text;
      begin
        get diagnostics stack = pg_context;
        if tg_op = 'UPDATE' then old_state := old.state; end if;
        if new.array_first is null and gang is not true and old_state is distinct from new.state::text
        then
          insert into public.moves
          select old_state, new.state, substring(stack from 'function (?:pra\\.|")([a-z_]+)')
          where stack ~ 'function (?:pra\\.|")[a-z_]';
        end if;
        return null;
      end $$;
      create trigger note_move after insert or update of state on pra_store.jobs
      for each row execute function public.note_move();
      """)
    worker = try world.worker(labels: #"{"host": "a"}"#)
  }

  /// A new job, running; nothing else is in line.
  func running() throws -> Lease {
    _ = try world.job()
    return try world.claimOne(worker)
  }

  func set(_ columns: String) throws {
    try world.administrator.run("update pra_store.jobs set \(columns)")
  }

  func moves() throws -> Set<JobMove> {
    var moves: Set<JobMove> = []
    for row in try world.administrator.query(
      "select coalesce(old, '') as old, new, by from public.moves")
    {
      let (old, new, by) = (try row.string("old"), try row.string("new"), try row.string("by"))
      moves.insert(
        JobMove(
          from: JobState(rawValue: old), to: try #require(JobState(rawValue: new)),
          by: try #require(Mover(rawValue: by), "\(by) moves jobs")))
    }
    return moves
  }
}

/// Lives of jobs that together take every way; each has a database of its own.
extension RecordingWorld {
  static let lives: [@Sendable (RecordingWorld) throws -> Void] = [
    { try $0.attemptsEnd() }, { try $0.budgetsAreSpent() }, { try $0.parentsSucceed() },
    { try $0.childrenEndBeforeTheirParent() }, { try $0.waitingJobsEnd() },
    { try $0.elementsFailWithinABatch() }, { try $0.timesAreOver() },
    { try $0.elementsFollow() }, { try $0.arraysAreFoundComplete() },
    { try $0.checkpointsAreDrawn() },
  ]

  private func checkpointsAreDrawn() throws {
    let lease = try running()
    try set(#"arguments = '{"preview": {"every": "checkpoint", "count": 1}}'"#)
    try world.administrator.query(
      "select pra.put_artifact($1, $2, encode(sha256('x'), 'hex'), 'text/plain', 'x', $3)",
      lease.parameters)
    try world.administrator.query(
      """
      select pra.register_checkpoint($1, $2, 7, jsonb_build_array(jsonb_build_object(
        'name', 'x', 'sha256', encode(sha256('x'), 'hex'))), $3)
      """, lease.parameters)
  }

  /// Each way to end an attempt: of a job that may be repeated, is too late, or was cancelled.
  private func attemptsEnd() throws {
    for mover in [Mover.reportExit, .deregisterWorker, .releaseUnheard, .declareDead, .reap] {
      for change in ["message = ''", "deadline = now() - interval '1 second'", "cancel"] {
        let worker = try world.worker(labels: #"{"host": "a"}"#)
        let job = try world.job()
        let lease = try world.claimOne(worker)
        if change == "cancel" {
          try world.submit.cancel(job)
        } else {
          try world.administrator.run("update pra_store.jobs set \(change) where id = \(job)")
        }
        switch mover {
        case .reportExit: try world.workers.release(lease)
        case .deregisterWorker: try world.workers.deregister(worker: worker)
        case .releaseUnheard: _ = try world.workers.releaseUnheard(worker: worker, known: [])
        case .declareDead: try world.submit.declareDead(worker: worker.worker)
        default:
          try world.expire(worker)
          try world.workers.reap()
        }
        try world.administrator.run(
          "update pra_store.jobs set deadline = null where id = \(job)")
        if try world.submit.state(of: job) != .ready { try world.submit.retry(job) }
        try world.submit.cancel(job)
      }
    }
  }

  private func budgetsAreSpent() throws {
    let lease = try running()
    try set("lost_retries = 0")
    try world.workers.reportExit(lease, .lost)
    try world.submit.retry(lease.job)
    let other = try world.worker(labels: #"{"host": "a"}"#)
    _ = try world.claimOne(other)
    try world.submit.declareDead(worker: other.worker)
    try world.submit.retry(lease.job)
    _ = try world.claimOne(worker)
    try world.expire(worker)
    try world.workers.reap()
    #expect(try world.submit.state(of: lease.job) == .quarantined)
  }

  /// With budget left, and without.
  private func timesAreOver() throws {
    for retries in [1, 0] {
      let lease = try running()
      try set("time_limit = interval '1 minute', timeout_retries = \(retries)")
      try world.administrator.run(
        "update pra_store.attempts set started_at = started_at - interval '2 minutes'")
      _ = try world.workers.heartbeat(worker: worker, running: [lease], draining: false)
      try set("run_after = now() + interval '1 hour', due = false where state = 'ready'")
    }
  }

  private func parentsSucceed() throws {
    let parents = [try running(), try running()]
    for parent in parents {
      _ = try world.job("sample") { job in job.after = [parent.job] }
    }
    try world.workers.finish(parents[0])
    _ = try world.workers.finishMany(worker: worker, [parents[1]])
  }

  private func childrenEndBeforeTheirParent() throws {
    let parent = try running()
    let children = [
      try world.job("sample") { job in job.after = [parent.job] },
      try world.job("sample") { job in job.after = [parent.job] },
    ]
    try world.submit.cancel(children[0])
    try set("deadline = now() - interval '1 second' where id = \(children[1])")
    try world.workers.reap()
    try set("deadline = null where id = \(children[1])")
    for child in children { #expect(try world.submit.retry(child) == .blocked) }
  }

  private func waitingJobsEnd() throws {
    try world.submit.cancel(try world.job())
    _ = try world.job()
    try set("deadline = now() - interval '1 second' where state = 'ready'")
    try world.workers.reap()
  }

  /// With budget left, and without.
  private func elementsFailWithinABatch() throws {
    for retries in [3, 0] {
      _ = try world.job { job in
        job.array = JobArray(0...9)
        job.array?.pack = 10
      }
      try set("fault_retries = \(retries)")
      let part = try world.claimOne(worker)
      _ = try world.workers.finishMany(
        worker: worker, [part],
        failures: [ElementFailure(job: part.job, element: 3, message: "no")])
      try set("run_after = now() + interval '1 hour', due = false where state = 'ready'")
    }
  }

  private func elementsFollow() throws {
    let first = try world.job { job in job.array = JobArray(0...1) }
    _ = try world.job("sample") { job in
      job.array = JobArray(0...1)
      job.array?.isElementwise = true
      job.after = [first]
    }
    let parts = try world.workers.claim(worker: worker, count: 2).map(\.lease)
    try world.workers.finish(parts[0])
    _ = try world.workers.finishMany(worker: worker, [parts[1]])
  }

  /// One was cancelled while its last part ran to the end; one is as two last parts that ended at the same
  /// moment leave it.
  private func arraysAreFoundComplete() throws {
    let array = try world.job { job in job.array = JobArray(0...0) }
    let child = try world.job("sample") { job in job.after = [array] }
    let part = try world.claimOne(worker)
    try world.submit.cancel(array)
    try world.workers.finish(part)
    try world.submit.retry(array)
    #expect(try world.submit.state(of: child) == .ready)
    try set("state = 'running', finished_at = null where id = \(array)")
    try set("state = 'blocked', unmet = 1 where id = \(child)")
    try world.workers.reap()
    #expect(try world.submit.state(of: child) == .ready)
  }
}

@Suite struct JobMoveTests {
  @Test("the list holds every move that the database makes, and no other")
  func listed() throws {
    var seen: Set<JobMove> = []
    for live in RecordingWorld.lives {
      let recording = try RecordingWorld()
      try live(recording)
      seen.formUnion(try recording.moves())
    }
    #expect(seen.subtracting(JobMoves.all).isEmpty, "moves that are not in the list")
    #expect(JobMoves.all.subtracting(seen).isEmpty, "moves that nothing makes")
  }

  /// A function moves jobs that inserts into their table, sets their state, or calls a private function
  /// that does.
  @Test("the list names every function that writes a state")
  func everyMover() throws {
    let world = try QueueWorld()
    let rows = try world.administrator.query(
      """
      select n.nspname || '.' || p.proname as name,
        regexp_replace(p.prosrc, '--[^\\n]*', '', 'g') as text
      from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace
      where n.nspname in ('pra', 'pra_store')
      """)
    var texts: [String: String] = [:]
    for row in rows { texts[try row.string("name"), default: ""] += try row.string("text") }
    var movers = Set(texts.filter { Self.writesStates($0.value) }.keys)
    var before: Set<String> = []
    while movers != before {
      before = movers
      let hidden = movers.filter { $0.hasPrefix("pra_store.") }.map { "\($0)(" }
      movers.formUnion(texts.filter { text in hidden.contains { text.value.contains($0) } }.keys)
    }
    // A function of many jobs, or of a run, is that of one.
    let doors = movers.filter { $0.hasPrefix("pra.") }.map {
      String($0.dropFirst(4)).replacing(/^(cancel|retry)_(?:many|run)$/) { String($0.output.1) }
    }
    #expect(Set(doors) == Set(Mover.allCases.map(\.rawValue)))
  }

  private static func writesStates(_ text: String) -> Bool {
    if text.contains(/(?i)insert\s+into\s+pra_store\.jobs\b/) { return true }
    let updates = text.matches(
      of: /(?i)update\s+pra_store\.jobs(?:\s+as\s+\w+)?\s+set\s+((?:[^;](?!\bwhere\b))*)/)
    return updates.contains { $0.output.1.contains(/(?:^|,)\s*state\s*=/) }
  }

  @Test("only a retry leads out of a final state, and every state is reached")
  func finalStates() {
    for state in JobState.allCases {
      let leaving = JobMoves.ofJobs.filter { $0.from == state }
      #expect(leaving.allSatisfy { ($0.movers == [.retry]) == state.isFinal }, "\(state)")
      #expect(JobMoves.ofJobs.contains { $0.to == state }, "\(state)")
    }
  }

  @Test func thePictureIsThatOfTheList() throws {
    let page = Page("ARCHITECTURE.md")
    try page.updateIfAsked("states", with: JobMoves.picture)
    #expect(try page.part("states") == JobMoves.picture)
  }
}
