import JobQueue
import Postgres
import Testing

@Suite struct ArrayTests {
  private func array(
    _ world: QueueWorld, _ elements: ClosedRange<Int64>,
    _ change: (inout NewJob) -> Void = { _ in }
  ) throws -> Int64 {
    try world.job {
      $0.array = JobArray(elements)
      change(&$0)
    }
  }

  @Test("a million elements are one row, and stay so until they are claimed")
  func oneRow() throws {
    let world = try QueueWorld()
    let id = try array(world, 0...999_999)
    #expect(try world.value("select count(*) from pra_store.jobs") == "1")
    let claimed = try world.workers.claim(worker: try world.worker(), count: 3)
    #expect(claimed.map(\.elements?.range) == [0..<1, 1..<2, 2..<3])
    #expect(claimed.map(\.elements?.array) == [id, id, id])
    #expect(try world.value("select count(*) from pra_store.jobs") == "4")
    #expect(try world.value("select waiting from pra.arrays") == "999997")
  }

  @Test("an attempt's arguments name its elements, for the claimer and in the view")
  func arguments() throws {
    let world = try QueueWorld()
    _ = try array(world, 10...24) {
      $0.arguments = #"{"range": {}, "x": 1}"#
      $0.array?.pack = 10
      $0.array?.firstPath = ["range", "first"]
      $0.array?.endPath = ["range", "last"]
    }
    let claimed = try world.workers.claim(worker: try world.worker(), count: 5)
    let expected = [
      #"{"x": 1, "range": {"last": 20, "first": 10}}"#,
      #"{"x": 1, "range": {"last": 25, "first": 20}}"#,
    ]
    #expect(claimed.map(\.arguments) == expected)
    let seen = try world.administrator.query(
      "select arguments from pra.jobs where array_id is not null order by id")
    #expect(try seen.map { try $0.string("arguments") } == expected)
  }

  @Test("jobs enqueued together have each their own arguments")
  func manyJobs() throws {
    let world = try QueueWorld()
    let all = #"[{"a": 1}, {"a": 2}, {"a": 3}]"#
    let id = try world.submit.enqueueMany(
      kind: "train", run: world.run, arguments: all, pack: 2, idempotencyKey: "k")
    #expect(
      try world.submit.enqueueMany(
        kind: "train", run: world.run, arguments: all, pack: 2, idempotencyKey: "k") == id)
    let error = #expect(throws: PostgresError.self) {
      try world.submit.enqueueMany(
        kind: "train", run: world.run, arguments: #"[{}, {"a": 2}, {"a": 3}]"#, pack: 2,
        idempotencyKey: "k")
    }
    #expect(error?.sqlState == "PR004")
    let claimed = try world.workers.claim(worker: try world.worker(), count: 5)
    #expect(
      claimed.map(\.arguments) == [#"{"elements": [{"a": 1}, {"a": 2}]}"#, #"{"a": 3}"#])
    #expect(claimed.map(\.count) == [2, 1])
  }

  @Test("an element that fails is retried by itself, and its dependents wait for it")
  func retryByElement() throws {
    let world = try QueueWorld()
    let worker = try world.worker()
    let id = try array(world, 0...99) { $0.array?.pack = 50 }
    let child = try world.job("sample") { $0.after = [id] }
    let claimed = try world.workers.claim(worker: worker, count: 2)
    let failure = ElementFailure(
      job: claimed[1].lease.job, element: 77, message: "say \"no\"\n")
    let accepted = try world.workers.finishMany(
      worker: worker, claimed.map(\.lease), failures: [failure])
    #expect(accepted.sorted() == claimed.map(\.lease.job))
    #expect(try world.submit.state(of: id) == .running)
    #expect(try world.submit.state(of: child) == .blocked)
    #expect(try world.value("select succeeded || ' ' || waiting from pra.arrays") == "99 1")
    try world.administrator.run("update pra_store.jobs set run_after = now() where not due")
    let again = try #require(try world.workers.claim(worker: worker).first)
    #expect(again.elements?.range == 77..<78)
    // Strictly higher than the epoch of the attempt in which it failed.
    #expect(again.lease.epoch == 2)
    #expect(try world.workers.finish(again.lease))
    #expect(try world.submit.state(of: id) == .succeeded)
    #expect(try world.submit.state(of: child) == .ready)
    #expect(
      try world.value("select count(*) from pra.events where kind = 'array.succeeded'") == "1")
  }

  @Test("an array with an element that failed for good fails, and a retry by hand revives it")
  func retryByHand() throws {
    let world = try QueueWorld()
    let worker = try world.worker()
    let id = try array(world, 0...2)
    let child = try world.job("sample") { $0.after = [id] }
    let claimed = try world.workers.claim(worker: worker, count: 3).map(\.lease)
    try world.workers.reportExit(claimed[1], .permanent)
    _ = try world.workers.finishMany(worker: worker, [claimed[0], claimed[2]])
    #expect(try world.submit.state(of: id) == .failed)
    #expect(
      try world.value("select message from pra.jobs where id = \(id)")
        == "1 of 3 elements did not succeed")
    #expect(try world.submit.retry(claimed[1].job) == .ready)
    #expect(try world.submit.state(of: id) == .running)
    try world.workers.finish(try world.claimOne(worker))
    #expect(try world.submit.state(of: id) == .succeeded)
    #expect(try world.submit.state(of: child) == .ready)
  }

  @Test func retryingAnArrayRunsWhatDidNotSucceed() throws {
    let world = try QueueWorld()
    let worker = try world.worker()
    let id = try array(world, 0...2)
    let claimed = try world.workers.claim(worker: worker, count: 3).map(\.lease)
    try world.workers.reportExit(claimed[1], .permanent)
    _ = try world.workers.finishMany(worker: worker, [claimed[0], claimed[2]])
    #expect(try world.submit.retry(id) == .running)
    let again = try world.workers.claim(worker: worker, count: 5)
    #expect(again.map(\.lease.job) == [claimed[1].job] && again.map(\.lease.epoch) == [2])
  }

  @Test func cancellingAnArrayStopsWhatRunsAndCutsNoMore() throws {
    let world = try QueueWorld()
    let worker = try world.worker()
    let id = try array(world, 0...9)
    let lease = try world.claimOne(worker)
    #expect(try world.submit.cancel(id) == 1)
    #expect(try world.workers.claim(worker: worker).isEmpty)
    let asked = try world.workers.heartbeat(worker: worker, running: [lease])
    #expect(asked.map(\.ask) == [.cancel])
    #expect(try world.workers.reportExit(lease, .cancelled) == .cancelled)
    #expect(try world.submit.state(of: id) == .cancelled)
  }

  @Test("%limit: never more attempts at once, whoever claims")
  func arrayLimit() throws {
    let world = try QueueWorld()
    _ = try array(world, 0...199) { $0.array?.limit = 3 }
    let database = world.database
    let most = try onThreads(4) { _, team in
      let session = try database.connect(.worker)
      let queue = WorkerQueue(session)
      let worker = try queue.register(name: "w", kinds: ["train"], slots: 10)
      var most = 0
      var done = 0
      while done < 20 && team.goesOn {
        let claimed = try queue.claim(worker: worker, count: 10).map(\.lease)
        if !claimed.isEmpty {
          let running = try session.query("select taken from pra.limits").single()
          most = max(most, Int(try running.integer("taken")))
          done += try queue.finishMany(worker: worker, claimed).count
        }
      }
      return most
    }.max()!
    #expect(most <= 3)
    #expect(try world.value("select count(*) from pra_store.limit_slots") == "3")
  }

  @Test("elementwise: each element waits for its own")
  func elementwise() throws {
    let world = try QueueWorld()
    let worker = try world.worker()
    let first = try array(world, 0...2)
    let second = try world.job("sample") {
      $0.array = JobArray(0...2)
      $0.array?.isElementwise = true
      $0.after = [first]
    }
    let claimed = try world.workers.claim(worker: worker, count: 3).map(\.lease)
    try world.workers.finish(claimed[1])
    let follower = try #require(try world.workers.claim(worker: worker, count: 5).first)
    #expect(follower.kind == "sample" && follower.elements?.range == 1..<2)
    #expect(try world.submit.state(of: second) == .blocked)
    _ = try world.workers.finishMany(worker: worker, [claimed[0], claimed[2], follower.lease])
    #expect(try world.submit.state(of: first) == .succeeded)
    let rest = try world.workers.claim(worker: worker, count: 5)
    #expect(rest.map(\.elements?.range.lowerBound) == [0, 2])
    _ = try world.workers.finishMany(worker: worker, rest.map(\.lease))
    #expect(try world.submit.state(of: second) == .succeeded)
  }

  @Test("an array of another size is not followed")
  func elementwiseMismatch() throws {
    let world = try QueueWorld()
    let first = try array(world, 0...2)
    let error = #expect(throws: PostgresError.self) {
      try world.job {
        $0.array = JobArray(0...3)
        $0.array?.isElementwise = true
        $0.after = [first]
      }
    }
    #expect(error?.sqlState == "PR004")
  }

  @Test("fan-in happens once, whoever finishes last")
  func fanInOnce() throws {
    let world = try QueueWorld()
    let id = try array(world, 0...399) { $0.array?.pack = 2 }
    let child = try world.job("sample") { $0.after = [id] }
    let database = world.database
    _ = try onThreads(4) { _, _ in
      let queue = WorkerQueue(try database.connect(.worker))
      let worker = try queue.register(name: "w", kinds: ["train"], slots: 100)
      while true {
        let claimed = try queue.claim(worker: worker, count: 3).map(\.lease)
        if claimed.isEmpty { return }
        for lease in claimed { _ = try queue.finish(lease) }
      }
    }
    // The last two elements may have left the end of the array to each other.
    _ = try world.workers.reap()
    #expect(try world.submit.state(of: id) == .succeeded)
    #expect(try world.submit.state(of: child) == .ready)
    #expect(
      try world.value("select count(*) from pra.events where kind = 'array.succeeded'") == "1")
    #expect(try world.value("select succeeded from pra.arrays") == "400")
  }

  @Test(
    "impossible arguments are refused by name",
    arguments: [
      ("array_first => 5, array_last => 4", "array_last"), ("array_first => 5", "array_last"),
      ("pack => 2", "array_first"), ("array_first => 0, array_last => 5, pack => 0", "pack"),
      ("array_first => 0, array_last => 5, array_limit => 0", "array_limit"),
      ("limits => '{nowhere}'", "limits"),
      ("array_first => 0, array_last => 5, elementwise => true", "after"),
      ("gang => true", "array_first"),
      ("array_first => 0, array_last => 5, gang => true, pack => 2", "gang"),
      ("fault_retries => -1", "fault_retries"), ("time_limit => '0'", "time_limit"),
      ("idempotency_key => ''", "idempotency_key"),
    ])
  func refusals(arguments: String, named: String) throws {
    let world = try QueueWorld()
    let error = #expect(throws: PostgresError.self) {
      try world.administrator.query(
        "select pra.enqueue(kind => 'train', run => 1, arguments => '{}', \(arguments))")
    }
    #expect(error?.message.hasPrefix(named) == true, "\(error?.message ?? "")")
    #expect(try world.value("select count(*) from pra_store.jobs") == "0")
  }

  /// The session keeps its plans: what one lane was asked with must fit what two are asked with.
  @Test("one session claims from one lane of arrays, then from two, then from one")
  func lanesComeAndGo() throws {
    let world = try QueueWorld()
    let worker = try world.worker()
    let other = try world.submit.createRun(name: "other")
    for round in 0..<8 {
      let runs = round % 2 == 0 ? [world.run] : [world.run, other]
      for run in runs {
        var job = NewJob(kind: "train", run: run)
        job.array = JobArray(0...3)
        _ = try world.submit.enqueue(job)
      }
      var leases: [Lease] = []
      while leases.count < 4 * runs.count {
        let claimed = try world.workers.claim(worker: worker, count: 2).map(\.lease)
        try #require(!claimed.isEmpty)
        leases += claimed
      }
      #expect(try world.workers.finishMany(worker: worker, leases).count == 4 * runs.count)
    }
    #expect(
      try world.value("select count(*) from pra.jobs where state <> 'succeeded'") == "0")
  }
}
