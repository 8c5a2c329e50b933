import JobQueue
import Postgres
import Synchronization
import Testing

@Suite struct GangTests {
  private func gang(_ world: QueueWorld, _ size: Int64) throws -> Int64 {
    try world.job {
      $0.array = JobArray(0...size - 1)
      $0.array?.isGang = true
    }
  }

  private func running(_ world: QueueWorld) throws -> String? {
    try world.value(
      "select count(*) from pra.jobs where array_id is not null and state = 'running'")
  }

  @Test("a gang starts whole, on several workers at once")
  func startsWhole() throws {
    let world = try QueueWorld()
    let first = try world.worker(slots: 2)
    let id = try gang(world, 3)
    #expect(try world.workers.claim(worker: first, count: 2).isEmpty)
    #expect(try running(world) == "0")
    #expect(try world.submit.whyPending(id).reasons == ["gang"])
    let second = try world.worker(slots: 2)
    let here = try world.workers.claim(worker: first, count: 2)
    #expect(here.count == 2)
    #expect(try running(world) == "3")
    let there = try world.workers.claim(worker: second, count: 2)
    #expect(there.map(\.elements?.range) == [2..<3])
    for job in here + there { _ = try world.workers.finish(job.lease) }
    #expect(try world.submit.state(of: id) == .succeeded)
  }

  @Test("when one member is lost the others are asked to stop, and all start again together")
  func restartsWhole() throws {
    let world = try QueueWorld()
    let first = try world.worker(slots: 1)
    let second = try world.worker(slots: 1)
    let id = try gang(world, 2)
    let one = try world.claimOne(first)
    let two = try world.claimOne(second)
    try world.workers.reportExit(two, .lost)
    #expect(try world.submit.state(of: two.job) == .blocked)
    #expect(try world.workers.claim(worker: second).isEmpty)
    let asked = try world.workers.heartbeat(worker: first, running: [one])
    #expect(asked.map(\.ask) == [.preempt])
    try world.workers.release(one)
    #expect(try world.submit.state(of: id) == .ready)
    let again = [try world.claimOne(second), try world.claimOne(first)]
    #expect(again.map(\.epoch) == [2, 2])
    #expect(Set(again.map(\.job)) == [one.job, two.job])
  }

  /// The count of what runs there begins at the oldest job that the worker knows, and members of a
  /// gang that starts again are older.
  @Test("members placed on a worker while its claim waits for its row take slots of that claim")
  func placedWhileAClaimWaits() throws {
    let world = try QueueWorld()
    let (first, second) = (try world.worker(slots: 2), try world.worker(slots: 1))
    _ = try gang(world, 2)
    let (one, two) = (try world.claimOne(first), try world.claimOne(second))
    _ = try world.job()
    let known = try world.claimOne(first)
    try world.workers.reportExit(two, .lost)
    try world.workers.release(one)
    _ = try world.job()
    let database = world.database
    let claimed = try onThreads(2) { thread, team in
      if thread == 0 {
        while team.goesOn, team.done.load(ordering: .sequentiallyConsistent) == 0 {}
        return try WorkerQueue(try database.connect(.worker))
          .claim(worker: first, count: 1, oldest: known.job).map(\.lease.job)
      }
      let (placing, watching) = (try database.connect(.worker), try database.connect())
      try placing.run("begin")
      let placed = try WorkerQueue(placing).claim(worker: second, count: 1)
      team.done.store(1, ordering: .sequentiallyConsistent)
      let waiting = """
        select count(*) from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'
        """
      while team.goesOn, try watching.query(waiting).single().text(at: 0) == "0" {}
      try placing.run("commit")
      return placed.map(\.lease.job)
    }
    #expect(claimed.map(\.count) == [1, 1])
    #expect(Set(claimed.joined()) == [one.job, two.job])
    let most = "select count(*) from pra.jobs where state = 'running' and worker_id = $1"
    #expect(
      try world.administrator.query(most, [.integer(first.worker)]).single().text(at: 0) == "2")
  }

  @Test("a member that fails for good ends the gang")
  func failsWhole() throws {
    let world = try QueueWorld()
    let worker = try world.worker(slots: 2)
    let id = try gang(world, 2)
    let members = try world.workers.claim(worker: worker, count: 2).map(\.lease)
    try world.workers.reportExit(members[0], .permanent)
    #expect(
      try world.workers.heartbeat(worker: worker, running: [members[1]]).map(\.ask) == [.cancel])
    try world.workers.reportExit(members[1], .cancelled)
    #expect(try world.submit.state(of: id) == .failed)
    #expect(try world.submit.retry(id) == .ready)
    #expect(try world.workers.claim(worker: worker, count: 2).map(\.lease.epoch) == [2, 2])
  }

  @Test("a gang that one worker does not fetch in time starts again as a whole")
  func timeOut() throws {
    let world = try QueueWorld()
    let first = try world.worker(slots: 1)
    _ = try world.worker(slots: 1)
    let id = try gang(world, 2)
    let one = try world.claimOne(first)
    try world.administrator.run(
      "update pra_store.gang_members set placed_at = now() - interval '1 min'")
    _ = try world.workers.reap()
    #expect(try world.workers.heartbeat(worker: first, running: [one]).map(\.ask) == [.preempt])
    try world.workers.release(one)
    #expect(try world.submit.state(of: id) == .ready)
    #expect(try world.value("select sum(faults + lost) from pra.jobs") == "0")
  }

  @Test("behind a waiting gang only what ends before it can start is started")
  func backfill() throws {
    let world = try QueueWorld()
    let worker = try world.worker(slots: 2)
    _ = try world.job { $0.timeLimit = .seconds(3600) }
    _ = try world.claimOne(worker)
    _ = try gang(world, 2)
    let endless = try world.job()
    let long = try world.job { $0.timeLimit = .seconds(7200) }
    let short = try world.job { $0.timeLimit = .seconds(600) }
    #expect(try world.submit.whyPending(endless).reasons.contains("behind-gang"))
    #expect(try world.workers.claim(worker: worker, count: 2).map(\.lease.job) == [short])
    #expect(try world.submit.state(of: long) == .ready)
  }

  @Test("a gang that no set of workers can ever hold is in nobody's way")
  func impossible() throws {
    let world = try QueueWorld()
    let worker = try world.worker(slots: 2)
    _ = try gang(world, 5)
    let job = try world.job()
    #expect(try world.claimOne(worker).job == job)
  }

  @Test("many gangs and many workers: each gang whole or not at all, and all of them done")
  func manyAtOnce() throws {
    let world = try QueueWorld()
    for size in [1, 2, 3, 4, 2, 3, 4, 1] as [Int64] { _ = try gang(world, size) }
    let database = world.database
    let partial = try onThreads(4) { _, team in
      let session = try database.connect()
      let queue = WorkerQueue(session)
      let worker = try queue.register(name: "w", kinds: ["train"], slots: 1)
      var partial = 0
      while try team.goesOn
        && session.query(
          "select exists (select from pra.jobs where state in ('ready', 'running')) as more"
        ).single().boolean("more")
      {
        let claimed = try queue.claim(worker: worker)
        partial += Int(
          try session.query(
            """
            select count(*) as n from pra.arrays as a where a.state = 'running'
              and a.running > 0 and a.running + a.succeeded < a.elements
            """
          ).single().integer("n"))
        for job in claimed { _ = try queue.finish(job.lease) }
      }
      return partial
    }.reduce(0, +)
    #expect(partial == 0)
    #expect(try world.value("select count(*) from pra.arrays where state = 'succeeded'") == "8")
  }
}
