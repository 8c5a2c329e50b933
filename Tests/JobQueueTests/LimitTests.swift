import JobQueue
import Postgres
import Testing

@Suite struct LimitTests {
  @Test("a limit of two is two slots, given back however an attempt ends")
  func slots() throws {
    let world = try QueueWorld()
    try world.submit.setLimit("licence", slots: 2)
    let jobs = try (0..<4).map { _ in try world.job { $0.limits = ["licence"] } }
    let worker = try world.worker()
    let first = try world.workers.claim(worker: worker, count: 4).map(\.lease)
    #expect(first.map(\.job) == [jobs[0], jobs[1]])
    #expect(try world.value("select held_by from pra.limits") == "{\(jobs[0]),\(jobs[1])}")
    let why = try world.submit.whyPending(jobs[2])
    #expect(why.reasons.first == "limit")
    #expect(
      why.detail.hasPrefix(
        "limit \"licence\" is full: 2 of 2 held by jobs \(jobs[0]), \(jobs[1]);"))
    try world.workers.release(first[0])
    #expect(try world.workers.claim(worker: worker, count: 4).map(\.lease.job) == [jobs[0]])
    try world.workers.finish(first[1])
    #expect(try world.workers.claim(worker: worker, count: 4).map(\.lease.job) == [jobs[2]])
  }

  @Test func aLostWorkerGivesItsSlotsBack() throws {
    let world = try QueueWorld()
    try world.submit.setLimit("licence", slots: 1)
    let job = try world.job { $0.limits = ["licence"] }
    let dead = try world.worker()
    _ = try world.claimOne(dead)
    try world.expire(dead)
    _ = try world.workers.reap()
    #expect(try world.claimOne(try world.worker()).job == job)
    #expect(try world.value("select taken from pra.limits") == "1")
  }

  /// A statement locks newer versions of rows than it sees.
  @Test("a slot that is taken and given back while somebody looks leaves no job without one")
  func givenBackMeanwhile() throws {
    let world = try QueueWorld()
    try world.submit.setLimit("licence", slots: 2)
    for _ in 0..<2 { _ = try world.job { $0.limits = ["licence"] } }
    let worker = try world.worker()
    // The look at the slots waits for a lock that the test holds.
    try world.administrator.run(
      """
      do $do$
      declare
        old text := pg_get_functiondef(
          'pra_store.take_slots(bigint[], bigint[], text[])'::regprocedure);
        new text := replace(old, E's.job_id is null\\n      order',
          E'pg_advisory_xact_lock_shared(7) is not null and s.job_id is null\\n      order');
      begin
        assert new <> old;
        execute new;
      end
      $do$
      """)
    let database = world.database
    let claimed = try onThreads(2) { thread, team in
      if thread == 0 {
        let workers = WorkerQueue(try database.connect(.worker))
        while team.goesOn, team.done.load(ordering: .sequentiallyConsistent) == 0 {}
        return try workers.claim(worker: worker, count: 2).count
      }
      // The end of the session, in whatever way, releases the lock.
      let other = try database.connect()
      try other.run("select pg_advisory_lock(7)")
      team.done.store(1, ordering: .sequentiallyConsistent)
      let waiting = """
        select count(*) from pg_locks join pg_database as d on d.oid = database
        where locktype = 'advisory' and not granted and d.datname = current_database()
        """
      while team.goesOn, try other.query(waiting).single().text(at: 0) == "0" {}
      try other.run(
        """
        update pra_store.limit_slots set ordinal = nextval('pra_store.slot_order')
        where ordinal = (select min(ordinal) from pra_store.limit_slots)
        """)
      return 0
    }[0]
    // Slots of jobs that run.
    let held = """
      select count(*) from pra_store.limit_slots as s
      join pra_store.jobs as j on j.id = s.job_id where j.state = 'running'
      """
    #expect(try world.value(held) == "\(claimed)")
    #expect(try world.value("select sum(taken) from pra.limits") == "\(claimed)")
    _ = try world.workers.claim(worker: worker, count: 2)
    #expect(try world.value(held) == "2")
  }

  @Test("a job takes a slot of each of its limits or none")
  func allOrNone() throws {
    let world = try QueueWorld()
    try world.submit.setLimit("a", slots: 1)
    try world.submit.setLimit("b", slots: 1)
    let worker = try world.worker()
    _ = try world.job { $0.limits = ["b"] }
    _ = try world.claimOne(worker)
    _ = try world.job { $0.limits = ["a", "b"] }
    let last = try world.job { $0.limits = ["a"] }
    #expect(try world.workers.claim(worker: worker, count: 3).map(\.lease.job) == [last])
  }

  @Test("a lowered limit lets end what runs and starts no more than it allows")
  func lowered() throws {
    let world = try QueueWorld()
    try world.submit.setLimit("licence", slots: 3)
    for _ in 0..<6 { _ = try world.job { $0.limits = ["licence"] } }
    let worker = try world.worker()
    let running = try world.workers.claim(worker: worker, count: 6).map(\.lease)
    #expect(running.count == 3)
    try world.submit.setLimit("licence", slots: 1)
    _ = try world.workers.finishMany(worker: worker, Array(running[..<2]))
    #expect(try world.workers.claim(worker: worker, count: 6).isEmpty)
    try world.workers.finish(running[2])
    #expect(try world.workers.claim(worker: worker, count: 6).count == 1)
    try world.submit.setLimit("licence", slots: 2)
    #expect(try world.workers.claim(worker: worker, count: 6).count == 1)
    #expect(try world.value("select count(*) from pra_store.limit_slots") == "2")
  }

  @Test("work behind a full limit does not hide work without one")
  func notInTheWay() throws {
    let world = try QueueWorld()
    try world.submit.setLimit("none", slots: 0)
    for _ in 0..<300 { _ = try world.job { $0.limits = ["none"] } }
    let free = try world.job { $0.priority = -5 }
    #expect(try world.claimOne(try world.worker()).job == free)
  }
}

@Suite struct FairnessTests {
  /// Enqueues runs of `count` waiting jobs each; returns how many of each run the first claims
  /// take.
  private func shares(weights: [Double], users: [String]? = nil, claims: Int) throws -> [Int] {
    let world = try QueueWorld()
    var runs: [Int64] = []
    for (i, weight) in weights.enumerated() {
      let run = try world.submit.createRun(name: "run \(i)")
      try world.submit.setWeight(run: run, weight)
      if let users {
        try world.administrator.query(
          "update pra_store.runs set created_by = $1 where id = $2",
          [.text(users[i]), .integer(run)])
      }
      runs.append(run)
      for _ in 0..<claims { _ = try world.submit.enqueue(NewJob(kind: "train", run: run)) }
    }
    let worker = try world.worker()
    var taken = Array(repeating: 0, count: runs.count)
    for _ in 0..<claims {
      let job = try #require(try world.workers.claim(worker: worker).first)
      taken[runs.firstIndex(of: job.run)!] += 1
    }
    return taken
  }

  @Test("places are shared by weight between runs, not in the order of enqueuing")
  func byWeight() throws {
    #expect(try shares(weights: [1, 1], claims: 20) == [10, 10])
    #expect(try shares(weights: [3, 1], claims: 20) == [15, 5])
  }

  @Test("a user with two runs gets no more than a user with one")
  func byUser() throws {
    let taken = try shares(weights: [1, 1, 1], users: ["ann", "ann", "bob"], claims: 20)
    #expect(taken == [5, 5, 10])
  }

  @Test("a higher priority goes before any share")
  func priorityFirst() throws {
    let world = try QueueWorld()
    let other = try world.submit.createRun(name: "other")
    let worker = try world.worker()
    _ = try world.job()
    _ = try world.claimOne(worker)
    _ = try world.submit.enqueue(NewJob(kind: "train", run: other))
    let urgent = try world.job { $0.priority = 1 }
    #expect(try world.claimOne(worker).job == urgent)
  }

  @Test("a job that has waited ten minutes a point passes one of higher priority")
  func ageing() throws {
    let world = try QueueWorld()
    let old = try world.job()
    try world.administrator.run("update pra_store.jobs set place = place - 1900")
    let urgent = try world.job { $0.priority = 3 }
    let more = try world.job { $0.priority = 4 }
    let claimed = try world.workers.claim(worker: try world.worker(), count: 3).map(\.lease.job)
    #expect(claimed == [more, old, urgent])
  }
}
