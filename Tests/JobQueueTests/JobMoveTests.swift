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
  let worker: Int64

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

  /// The next job, running; nothing else is in line.
  func running(_ change: (inout NewJob) -> Void = { _ in }) throws -> Lease {
    _ = try world.job("train", change)
    return try world.claimOne(worker)
  }

  func set(_ columns: String) throws {
    try world.administrator.run("update pra_store.jobs set \(columns)")
  }

  /// Ends a running attempt in the given way.
  func end(_ lease: Lease, by mover: Mover) throws {
    switch mover {
    case .reportExit: try world.workers.release(lease)
    case .deregisterWorker: try world.workers.deregister(worker: worker)
    case .reap:
      try world.expire(worker)
      try world.workers.reap()
    default: Issue.record("\(mover) ends no attempt")
    }
  }

  func moves() throws -> Set<JobMove> {
    let rows = try world.administrator.query(
      "select coalesce(old, '') as old, new, by from public.moves")
    return Set(
      try rows.map { row in
        JobMove(
          from: JobState(rawValue: try row.string("old")),
          to: try #require(JobState(rawValue: try row.string("new"))),
          by: try #require(Mover(rawValue: try row.string("by")), "\(try row.string("by"))"))
      })
  }
}

/// Lives of jobs that together take every way.
private let lives: [(RecordingWorld) throws -> Void] =
  [Mover.reportExit, .deregisterWorker, .reap].flatMap { mover in
    [
      { try $0.end(try $0.running(), by: mover) },
      {
        let lease = try $0.running()
        try $0.set("deadline = now() - interval '1 second'")
        try $0.end(lease, by: mover)
        try $0.world.submit.retry(lease.job)
      },
      {
        let lease = try $0.running()
        try $0.world.submit.cancel(lease.job)
        try $0.end(lease, by: mover)
        try $0.world.submit.retry(lease.job)
      },
    ] as [(RecordingWorld) throws -> Void]
  } + [
    // Out of budget, and what one does about it.
    {
      let lease = try $0.running()
      try $0.set("lost_retries = 0")
      try $0.end(lease, by: .reap)
      try $0.world.submit.retry(lease.job)
    },
    {
      let lease = try $0.running()
      try $0.set("lost_retries = 0")
      try $0.world.workers.reportExit(lease, .lost)
    },
    // Parents and children.
    {
      let parent = try $0.running()
      for _ in 0..<3 { _ = try $0.world.job("sample") { $0.after = [parent.job] } }
      try $0.world.workers.finish(parent)
    },
    {
      let parent = try $0.running()
      let children = try (0..<3).map { _ in try $0.world.job("sample") { $0.after = [parent.job] } }
      try $0.world.submit.cancel(children[0])
      try $0.world.submit.retry(children[0])
      try $0.world.administrator.run(
        "update pra_store.jobs set deadline = now() - interval '1 second' where id = \(children[1])"
      )
      try $0.world.workers.reap()
      try $0.world.submit.retry(children[1])
      _ = try $0.world.workers.finishMany(worker: $0.worker, [parent])
    },
    // Waiting ones that are cancelled or too late.
    {
      try $0.world.submit.cancel(try $0.world.job())
      _ = try $0.world.job()
      try $0.set("deadline = now() - interval '1 second'")
      try $0.world.workers.reap()
    },
    // A worker that waits is handed a job.
    {
      let channel = WorkerQueue.newChannel()
      let session = try $0.world.database.connect(.worker)
      try session.listen(channel)
      #expect(
        try WorkerQueue(session).claim(worker: $0.worker, waitsOn: channel).isEmpty)
      let job = try $0.world.job()
      #expect(try $0.world.submit.state(of: job) == .running)
    },
    // A batch in which elements fail, with budget left and without.
    {
      for retries in [3, 0] {
        _ = try $0.world.job {
          $0.array = JobArray(0...9)
          $0.array?.pack = 10
        }
        try $0.set("fault_retries = \(retries)")
        let part = try $0.world.claimOne($0.worker)
        _ = try $0.world.workers.finishMany(
          worker: $0.worker, [part],
          failures: [ElementFailure(job: part.job, element: 3, message: "no")])
        try $0.set("run_after = now() + interval '1 hour', due = false where state = 'ready'")
      }
    },
    // Elements that follow their own of the array before.
    {
      let first = try $0.world.job { $0.array = JobArray(0...1) }
      _ = try $0.world.job("sample") {
        $0.array = JobArray(0...1)
        $0.array?.isElementwise = true
        $0.after = [first]
      }
      let parts = try $0.world.workers.claim(worker: $0.worker, count: 2).map(\.lease)
      try $0.world.workers.finish(parts[0])
      _ = try $0.world.workers.finishMany(worker: $0.worker, [parts[1]])
    },
    // An array that is found complete by the reaper, and one by a retry, release what waits for them.
    {
      let array = try $0.world.job { $0.array = JobArray(0...0) }
      let child = try $0.world.job("sample") { $0.after = [array] }
      let part = try $0.world.claimOne($0.worker)
      try $0.world.submit.cancel(array)
      try $0.world.workers.finish(part)
      #expect(try $0.world.submit.state(of: child) == .blocked)
      try $0.world.submit.retry(array)
      #expect(try $0.world.submit.state(of: child) == .ready)
      try $0.world.administrator.run(
        """
        update pra_store.jobs set state = 'running', finished_at = null where id = \(array);
        update pra_store.jobs set state = 'blocked', unmet = 1 where id = \(child);
        """)
      try $0.world.workers.reap()
      #expect(try $0.world.submit.state(of: child) == .ready)
    },
  ]

@Suite struct JobMoveTests {
  @Test("the list holds every move that the database makes, and no other")
  func listed() throws {
    var seen: Set<JobMove> = []
    for live in lives {
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
    let doors = movers.filter { $0.hasPrefix("pra.") }.map { String($0.dropFirst(4)) }
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
