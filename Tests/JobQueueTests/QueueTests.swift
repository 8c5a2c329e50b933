import JobQueue
import Postgres
import Testing

@Suite struct QueueTests {
  @Test("G1: an enqueue repeated with its key returns the same job")
  func idempotency() throws {
    let world = try QueueWorld()
    let first = try world.job { $0.idempotencyKey = "k" }
    #expect(try world.job { $0.idempotencyKey = "k" } == first)
    #expect(try world.value("select count(*) from pra.jobs") == "1")
    let error = #expect(throws: PostgresError.self) {
      try world.job("sample") { $0.idempotencyKey = "k" }
    }
    #expect(error?.sqlState == "PR004")
  }

  @Test("a job is handed out once, whoever asks")
  func concurrentClaims() async throws {
    let world = try QueueWorld()
    for _ in 0..<200 { _ = try world.job() }
    let database = world.database
    let claimed = try await withThrowingTaskGroup(of: [Lease].self) { group in
      for _ in 0..<8 {
        group.addTask {
          let queue = WorkerQueue(try database.connect(.worker))
          let worker = try queue.register(name: "w", kinds: ["train"], slots: 1000)
          var mine: [Lease] = []
          while true {
            let batch = try queue.claim(worker: worker, count: 3)
            if batch.isEmpty { return mine }
            mine += batch.map(\.lease)
          }
        }
      }
      return try await group.reduce(into: [Lease]()) { $0 += $1 }
    }
    #expect(claimed.count == 200)
    #expect(Set(claimed.map(\.job)).count == 200)
  }

  @Test func everyAttemptHasAHigherEpoch() throws {
    let world = try QueueWorld()
    let worker = try world.worker()
    _ = try world.job()
    var epochs: [Int64] = []
    for _ in 0..<4 {
      let lease = try world.claimOne(worker)
      epochs.append(lease.epoch)
      #expect(try world.workers.release(lease) == .ready)
    }
    #expect(epochs == [1, 2, 3, 4])
    #expect(try world.value("select faults + lost + preemptions from pra.jobs") == "0")
  }

  @Test func aWorkerTakesNoMoreThanItsSlots() throws {
    let world = try QueueWorld()
    for _ in 0..<5 { _ = try world.job() }
    let worker = try world.worker(slots: 2)
    #expect(try world.workers.claim(worker: worker, count: 10).count == 2)
    #expect(try world.workers.claim(worker: worker, count: 10).isEmpty)
  }

  @Test func higherPriorityGoesFirstThenTheOlder() throws {
    let world = try QueueWorld()
    let jobs = try [0, 5, 5].map { priority in try world.job { $0.priority = priority } }
    let claimed = try world.workers.claim(worker: try world.worker(), count: 3).map(\.lease.job)
    #expect(claimed == [jobs[1], jobs[2], jobs[0]])
  }

  @Test func aDelayedJobWaits() throws {
    let world = try QueueWorld()
    let job = try world.job { $0.delay = .seconds(3600) }
    let worker = try world.worker()
    #expect(try world.workers.claim(worker: worker).isEmpty)
    #expect(try world.submit.whyPending(job).reasons.contains("delayed"))
    #expect(try world.submit.retry(job) == .ready)
    #expect(try world.claimOne(worker).job == job)
  }

  @Test(
    "requirements are compared with the worker's labels",
    arguments: [
      ("gpu>=1", true), ("gpu>2", false), ("gpu=2", true), ("gpu=2.0", true), ("gpu!=2", false),
      ("host=a7", true), ("host!=a7", false), ("host>=1", false), ("vram>=1", false),
      ("vram!=1", true), ("gpu<10", true),
    ])
  func requirements(requirement: String, fits: Bool) throws {
    let world = try QueueWorld()
    let job = try world.job { $0.requirements = [requirement] }
    let worker = try world.worker(labels: #"{"gpu": "2", "host": "a7"}"#)
    if !fits {
      #expect(try world.submit.whyPending(job).reasons == ["no-matching-worker"])
    }
    #expect(try world.workers.claim(worker: worker).isEmpty == !fits)
  }

  @Test("an impossible requirement is refused", arguments: ["gpu", "gpu>=a", ">=1", "a=b=c"])
  func badRequirement(text: String) throws {
    let world = try QueueWorld()
    let error = #expect(throws: PostgresError.self) {
      try world.job { $0.requirements = [text] }
    }
    #expect(error?.sqlState == "PR003")
  }

  @Test(
    "a job of an impossible kind, queue or run is refused, and leaves nothing",
    arguments: [
      ("Train", "default", true, "PR003", "kind"), ("train", "a b", true, "PR003", "queue"),
      ("train", "new", false, "PR002", "run"),
    ], [nil, "key"])
  func badLane(
    of job: (kind: String, queue: String, hasRun: Bool, sqlState: String, field: String),
    key: String?
  ) throws {
    let world = try QueueWorld()
    let places =
      "select (select count(*) from pra_store.queues) || ' ' || (select count(*) from pra_store.lanes)"
    let before = try world.value(places)
    let error = #expect(throws: PostgresError.self) {
      var new = NewJob(kind: job.kind, run: job.hasRun ? world.run : 99)
      new.queue = job.queue
      new.idempotencyKey = key
      _ = try world.submit.enqueue(new)
    }
    #expect(error?.sqlState == job.sqlState && error?.message.hasPrefix("\(job.field): ") == true)
    #expect(try world.value(places) == before)
    #expect(try world.value("select count(*) from pra.jobs") == "0")
  }

  @Test func aPausedRunOrQueueIsLeftAlone() throws {
    let world = try QueueWorld()
    let job = try world.job()
    let worker = try world.worker()
    try world.submit.pause(run: world.run)
    try world.submit.pause(queue: "default")
    #expect(
      try world.submit.whyPending(job).reasons.prefix(2) == ["run-paused", "queue-paused"])
    #expect(try world.workers.claim(worker: worker).isEmpty)
    try world.submit.resume(run: world.run)
    #expect(try world.workers.claim(worker: worker).isEmpty)
    try world.submit.resume(queue: "default")
    #expect(try world.claimOne(worker).job == job)
  }

  @Test func faultsSpendTheirBudgetAndReturnLater() throws {
    let world = try QueueWorld()
    let worker = try world.worker()
    let job = try world.job()
    for fault in 1...4 {
      let next = try world.workers.reportExit(try world.claimOne(worker), .fault, message: "boom")
      #expect(next == (fault < 4 ? .ready : .failed))
      if fault < 4 {
        #expect(try world.value("select run_after > now() from pra.jobs") == "t")
        try world.administrator.run("update pra_store.jobs set run_after = now()")
      }
    }
    #expect(try world.value("select message from pra.jobs") == "boom")
    #expect(try world.submit.retry(job) == .ready)
    #expect(try world.value("select faults from pra.jobs") == "0")
  }

  @Test func aPermanentErrorFailsAtOnce() throws {
    let world = try QueueWorld()
    _ = try world.job()
    let lease = try world.claimOne(try world.worker())
    #expect(try world.workers.reportExit(lease, .permanent) == .failed)
    #expect(try world.value("select state from pra.runs") == "failed")
  }

  @Test func aJobThatKillsItsWorkersIsQuarantined() throws {
    let world = try QueueWorld()
    _ = try world.job()
    let worker = try world.worker()
    let ends = try (0..<6).map { _ in
      try world.workers.reportExit(try world.claimOne(worker), .lost)
    }
    #expect(ends == [.ready, .ready, .ready, .ready, .ready, .quarantined])
  }

  @Test func aRunningJobHearsThatItIsCancelled() throws {
    let world = try QueueWorld()
    let job = try world.job()
    let worker = try world.worker()
    let lease = try world.claimOne(worker)
    #expect(try world.workers.heartbeat(worker: worker, running: [lease]).isEmpty)
    #expect(try world.submit.cancel(job) == 1)
    let asked = try world.workers.heartbeat(worker: worker, running: [lease])
    #expect(asked.map(\.ask) == [.cancel])
    #expect(try world.workers.reportExit(lease, .fault) == .cancelled)
  }

  @Test func aPreemptedJobLosesNoTry() throws {
    let world = try QueueWorld()
    let job = try world.job()
    let worker = try world.worker()
    let lease = try world.claimOne(worker)
    try world.submit.preempt(job)
    #expect(try world.workers.heartbeat(worker: worker, running: [lease]).map(\.ask) == [.preempt])
    #expect(try world.workers.release(lease) == .ready)
    #expect(try world.value("select preemptions || ' ' || faults from pra.jobs") == "1 0")
  }

  @Test("a limit of no name is refused, as one that is not there")
  func noLimit() throws {
    let world = try QueueWorld()
    let error = #expect(throws: PostgresError.self) {
      try world.administrator.query(
        "select pra.enqueue('train', $1, '{}', limits => array[null]::text[])",
        [.integer(world.run)])
    }
    #expect(error?.sqlState == "PR002")
  }
}
