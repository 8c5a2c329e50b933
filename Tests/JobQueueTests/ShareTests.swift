// Shares of users and runs, whatever the age of what waits.

import JobQueue
import Postgres
import Testing

@Suite struct ShareTests {
  /// Runs of users, each with so many jobs in line.
  private struct Line {
    let world: QueueWorld
    let runs: [Int64]
    let worker: Registration

    init(users: [String], jobs: [Int], slots: Int, weights: [Double]? = nil) throws {
      world = try QueueWorld()
      var runs: [Int64] = []
      for (i, user) in users.enumerated() {
        let run = try world.submit.createRun(name: "\(user) \(i)")
        try world.administrator.query(
          "update pra_store.runs set created_by = $1 where id = $2", [.text(user), .integer(run)])
        if let weights { try world.submit.setWeight(user: user, weights[i]) }
        var job = NewJob(kind: "train", run: run)
        if jobs[i] > 1 { job.array = JobArray(0...Int64(jobs[i] - 1)) }
        _ = try world.submit.enqueue(job)
        runs.append(run)
      }
      (self.runs, worker) = (runs, try world.worker(slots: slots))
    }

    /// Lets the jobs of a run have waited so many seconds more.
    func age(_ run: Int, _ seconds: Int) throws {
      try world.administrator.query(
        "update pra_store.jobs set place = place - $1 where run_id = $2",
        [.integer(seconds), .integer(runs[run])])
    }

    /// Starts so many jobs, and says of which runs they are.
    func claim(_ count: Int) throws -> [Int] {
      try world.workers.claim(worker: worker, count: count).map { job in
        runs.firstIndex(of: job.run)!
      }
    }

    /// Starts and ends one job after the other, and says of which runs they are.
    func run(_ count: Int) throws -> [Int] {
      try (0..<count).map { _ in
        let job = try #require(try world.workers.claim(worker: worker).first)
        try world.workers.finish(job.lease)
        return runs.firstIndex(of: job.run)!
      }
    }
  }

  @Test("a backlog of 10,000 that has waited does not start before the only job of another")
  func oldBacklog() throws {
    for users in [["ann", "bob"], ["ann", "ann"]] {
      let line = try Line(users: users, jobs: [10_000, 1], slots: 8)
      try line.age(0, 1300)
      let started = try line.claim(8)
      #expect(started.count { $0 == 1 } == 1)
      #expect(started.count { $0 == 0 } == 7)
    }
  }

  @Test("one place goes round: no backlog keeps it, and each share has as many turns as its weight")
  func onePlace() throws {
    let even = try Line(users: ["ann", "bob", "eve"], jobs: [10_000, 100, 100], slots: 1)
    try even.age(0, 5000)
    let turns = try even.run(30)
    for run in 0..<3 { #expect(turns.count { $0 == run } == 10) }
    let weighted = try Line(
      users: ["ann", "bob"], jobs: [10_000, 10_000], slots: 1, weights: [1, 3])
    try weighted.age(0, 5000)
    let started = try weighted.run(40)
    #expect((28...32).contains(started.count { $0 == 1 }))
  }

  @Test("weights hold whatever the age of what waits", arguments: [0, 1300, 100_000])
  func weightsOfOldWork(age: Int) throws {
    let line = try Line(users: ["ann", "bob"], jobs: [10_000, 10_000], slots: 8, weights: [3, 1])
    try line.age(0, age)
    #expect(try line.claim(8).count { $0 == 0 } == 6)
  }

  @Test("a share that is smaller than a place has its turn all the same")
  func smallShare() throws {
    let line = try Line(users: ["ann", "bob"], jobs: [10_000, 10], slots: 2, weights: [50, 1])
    _ = try line.claim(1)
    let turns = try line.run(120)
    #expect((1...4).contains(turns.count { $0 == 1 }))
  }

  @Test("age raises a priority as a whole: it puts nobody before others of the same priority")
  func agedPriority() throws {
    let line = try Line(users: ["ann", "bob", "eve"], jobs: [10_000, 1, 1], slots: 8)
    try line.age(0, 1300)
    try line.world.administrator.query(
      "update pra_store.jobs set priority = 5, place = place - 3000 where run_id = $1",
      [.integer(line.runs[2])])
    let started = try line.claim(3)
    #expect(started.sorted() == [0, 1, 2])
  }

  @Test(
    "a higher priority of another share goes first, and nothing waits for ever behind a stream of them"
  )
  func stream() throws {
    let line = try Line(users: ["ann", "bob"], jobs: [1000, 1], slots: 1)
    try line.world.administrator.query(
      "update pra_store.jobs set priority = 1, place = place - 600 where run_id = $1",
      [.integer(line.runs[0])])
    #expect(try line.run(20).allSatisfy { $0 == 0 })
    try line.age(1, 601)
    #expect(try line.run(2).contains(1))
  }

  @Test("the places of a share that has nothing to do go to the others")
  func leftToOthers() throws {
    let line = try Line(users: ["ann", "bob", "eve"], jobs: [100, 100, 1], slots: 8)
    let started = try line.claim(8)
    #expect(started.count { $0 == 2 } == 1)
    #expect(started.count { $0 == 0 } >= 3 && started.count { $0 == 1 } >= 3)
  }

  @Test("why names the share and what is older")
  func why() throws {
    let line = try Line(users: ["ann", "bob"], jobs: [10_000, 20], slots: 8)
    _ = try line.claim(8)
    let text = try line.world.value("select id from pra.jobs where array_last = 19")
    let id = try #require(text.flatMap { Int64($0) })
    let detail = try line.world.submit.whyPending(id).detail
    #expect(
      detail.contains(
        "your share is 4 of 8 places, and shares go before age; in line for longer: "
          + "9996 elements of run \"ann 0\""))
  }
}
