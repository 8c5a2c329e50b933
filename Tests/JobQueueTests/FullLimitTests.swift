// Work that waits for slots of a limit, and gangs among it: who is in whose way.

import JobQueue
import Postgres
import Testing

@Suite struct FullLimitTests {
  private func gang(
    _ world: QueueWorld, _ size: Int64, limits: [String], run: Int64? = nil
  ) throws -> Int64 {
    try world.job {
      $0.run = run ?? world.run
      $0.array = JobArray(0...size - 1)
      $0.array?.isGang = true
      $0.limits = limits
    }
  }

  @Test(
    "jobs behind a full limit leave no place idle, in one lane or many, with one limit or several",
    arguments: [["a"], ["a", "b"], ["b", "c"]], [true, false])
  func noPlaceIdle(limits: [String], inOneLane: Bool) throws {
    let world = try QueueWorld()
    for name in ["a", "b", "c"] { try world.submit.setLimit(name, slots: 1) }
    for i in 0..<60 {
      let run = inOneLane ? world.run : try world.submit.createRun(name: "run \(i)")
      _ = try world.job {
        $0.run = run
        $0.limits = i % 3 == 0 ? ["a"] : limits
      }
    }
    let other = try world.submit.createRun(name: "other")
    let free = try (0..<20).map { _ in
      try world.job {
        $0.run = other
        $0.priority = -5
      }
    }
    let worker = try world.worker(slots: 9)
    let claimed = try world.workers.claim(worker: worker, count: 9).map(\.lease.job)
    #expect(claimed.count == 9)
    #expect(claimed.filter(free.contains).count >= 7)
  }

  @Test("many mixed limits are passed over in one claim")
  func mixedLimits() throws {
    let world = try QueueWorld()
    for i in 0..<40 { try world.submit.setLimit("own-\(i)", slots: 5) }
    try world.submit.setLimit("all", slots: 2)
    for i in 0..<40 {
      for _ in 0..<5 { _ = try world.job { $0.limits = ["all", "own-\(i)"] } }
    }
    let free = try (0..<6).map { _ in try world.job { $0.priority = -3 } }
    let claimed = try world.workers.claim(worker: try world.worker(slots: 8), count: 8)
    #expect(claimed.count == 8)
    #expect(Set(free).isSubset(of: claimed.map(\.lease.job)))
  }

  @Test("what a claim reads does not grow with what waits for a limit")
  func costOfAClaim() throws {
    func blocks(_ waiting: Int) throws -> Int {
      let world = try QueueWorld()
      try world.submit.setLimit("a", slots: 1)
      try world.administrator.query(
        """
        select count(pra.enqueue('train', $1, '{}', limits => '{a}')) from generate_series(1, $2)
        """, [.integer(world.run), .integer(waiting)])
      let other = try world.submit.createRun(name: "other")
      for _ in 0..<50 {
        _ = try world.job {
          $0.run = other
          $0.priority = -5
        }
      }
      try world.administrator.run("analyze pra_store.jobs, pra_store.lanes")
      let worker = try world.worker()
      _ = try world.workers.claim(worker: worker, count: 2)
      // The second in its session: plans are made and catalogs read.
      let session = try world.database.connect()
      let token = "(select token from pra_store.workers where id = \(worker.worker))"
      try session.run("select from pra.claim(\(worker.worker), 2, 0, \(token))")
      let plan = try session.query(
        "explain (analyze, buffers) select from pra.claim(\(worker.worker), 4, 0, \(token))")
      let line = try #require(
        plan.compactMap { $0.text(at: 0) }.first { $0.contains("shared hit=") })
      return Int(line.split(separator: "shared hit=")[1].prefix { $0.isNumber })!
    }
    let (few, many) = (try blocks(20), try blocks(4000))
    #expect(many < 2 * few)
  }

  @Test("a gang that a limit can never hold is refused, with the sentence that helps")
  func refused() throws {
    let world = try QueueWorld()
    try world.submit.setLimit("licence", slots: 2)
    let error = #expect(throws: PostgresError.self) { try gang(world, 3, limits: ["licence"]) }
    #expect(error?.sqlState == "PR003")
    #expect(
      error?.message
        == "gang: its 3 members start together and need 3 slots of limit \"licence\", which has 2")
    #expect(throws: Never.self) { try gang(world, 2, limits: ["licence"]) }
  }

  @Test("a gang whose limit was lowered below its members is in nobody's way, and why says so")
  func lowered() throws {
    let world = try QueueWorld()
    try world.submit.setLimit("licence", slots: 3)
    let worker = try world.worker(slots: 2)
    let id = try gang(world, 3, limits: ["licence"])
    try world.submit.setLimit("licence", slots: 2)
    let jobs = try (0..<2).map { _ in try world.job { $0.limits = ["licence"] } }
    let why = try world.submit.whyPending(id)
    #expect(why.reasons.contains("limit"))
    #expect(why.detail.contains("limit \"licence\" has 2 slots, and its 3 members need one each"))
    #expect(try world.workers.claim(worker: worker, count: 2).map(\.lease.job) == jobs)
  }

  @Test(
    "a gang that waits for a slot which a long job holds keeps back those alone that want the limit"
  )
  func waitsForSlots() throws {
    let world = try QueueWorld()
    try world.submit.setLimit("licence", slots: 2)
    let worker = try world.worker(slots: 6)
    _ = try world.job { $0.limits = ["licence"] }
    let long = try world.claimOne(worker)
    let other = try world.submit.createRun(name: "other")
    let id = try gang(world, 2, limits: ["licence"], run: other)
    let same = try world.job { $0.limits = ["licence"] }
    let free = try (0..<3).map { _ in try world.job() }
    #expect(try world.workers.claim(worker: worker, count: 5).map(\.lease.job).sorted() == free)
    #expect(
      try world.submit.whyPending(same).detail.contains(
        "gang \(id) is ahead and waits for slots of limit \"licence\""))
    try world.workers.finish(long)
    let started = try world.workers.claim(worker: worker, count: 3)
    #expect(started.map(\.run) == [other, other])
    for job in started { try world.workers.finish(job.lease) }
    #expect(try world.claimOne(worker).job == same)
  }

  @Test("a worker that cannot run a waiting gang leaves it the slots it waits for")
  func otherWorkers() throws {
    let world = try QueueWorld()
    try world.submit.setLimit("licence", slots: 2)
    let able = try world.worker(labels: #"{"gpu": "1"}"#, slots: 2)
    let other = try world.worker(slots: 4)
    let first = try world.job { $0.limits = ["licence"] }
    let long = try #require(try world.workers.claim(worker: other).first)
    #expect(long.lease.job == first)
    let id = try world.job {
      $0.array = JobArray(0...1)
      $0.array?.isGang = true
      $0.limits = ["licence"]
      $0.requirements = ["gpu=1"]
    }
    let later = try world.job { $0.limits = ["licence"] }
    let free = try world.job()
    #expect(try world.workers.claim(worker: other, count: 3).map(\.lease.job) == [free])
    try world.workers.finish(long.lease)
    #expect(try world.workers.claim(worker: other, count: 3).isEmpty)
    #expect(try world.workers.claim(worker: able, count: 2).count == 2)
    #expect(try world.submit.state(of: id) == .running)
    #expect(try world.submit.state(of: later) == .ready)
  }

  @Test("behind a gang that waits for slots a job of the limit starts that will have ended by then")
  func backfill() throws {
    let world = try QueueWorld()
    try world.submit.setLimit("licence", slots: 2)
    let worker = try world.worker(slots: 4)
    _ = try world.job {
      $0.limits = ["licence"]
      $0.timeLimit = .seconds(3600)
    }
    _ = try world.claimOne(worker)
    _ = try gang(world, 2, limits: ["licence"])
    let long = try world.job {
      $0.limits = ["licence"]
      $0.timeLimit = .seconds(7200)
    }
    let short = try world.job {
      $0.limits = ["licence"]
      $0.timeLimit = .seconds(600)
    }
    #expect(try world.workers.claim(worker: worker, count: 3).map(\.lease.job) == [short])
    #expect(try world.submit.state(of: long) == .ready)
  }

  @Test("of a limit with slots to spare a waiting gang keeps only as many as it needs")
  func twoLimits() throws {
    let world = try QueueWorld()
    try world.submit.setLimit("scarce", slots: 2)
    try world.submit.setLimit("ample", slots: 10)
    let worker = try world.worker(slots: 20)
    _ = try world.job { $0.limits = ["scarce"] }
    _ = try world.claimOne(worker)
    _ = try gang(world, 2, limits: ["ample", "scarce"])
    let ample = try world.job { $0.limits = ["ample"] }
    _ = try world.job { $0.limits = ["scarce"] }
    #expect(try world.workers.claim(worker: worker, count: 10).map(\.lease.job) == [ample])
  }

  /// Its slots of another limit would stand idle until a job ends of which nobody knows when.
  @Test("a gang that waits for a slot without a known end keeps no slot of its other limits")
  func otherLimitsGoOn() throws {
    let world = try QueueWorld()
    for name in ["p", "q"] { try world.submit.setLimit(name, slots: 2) }
    let worker = try world.worker(slots: 10)
    _ = try world.job { $0.limits = ["p"] }
    let long = try world.claimOne(worker)
    let id = try gang(world, 2, limits: ["p", "q"])
    let ofP = try world.job { $0.limits = ["p"] }
    let ofQ = try (0..<2).map { _ in try world.job { $0.limits = ["q"] } }
    let claimed = try world.workers.claim(worker: worker, count: 5).map(\.lease)
    #expect(claimed.map(\.job) == ofQ)
    #expect(try world.submit.state(of: ofP) == .ready)
    for lease in claimed { try world.workers.finish(lease) }
    try world.workers.finish(long)
    #expect(try world.workers.claim(worker: worker, count: 2).count == 2)
    #expect(try world.submit.state(of: id) == .running)
  }

  @Test(
    "a gang whose slot will be free at a known moment keeps those of its other limits until then")
  func otherLimitsAreKept() throws {
    let world = try QueueWorld()
    for name in ["p", "q"] { try world.submit.setLimit(name, slots: 2) }
    let worker = try world.worker(slots: 10)
    _ = try world.job {
      $0.limits = ["p"]
      $0.timeLimit = .seconds(3600)
    }
    _ = try world.claimOne(worker)
    _ = try gang(world, 2, limits: ["p", "q"])
    let long = try world.job { $0.limits = ["q"] }
    let short = try world.job {
      $0.limits = ["q"]
      $0.timeLimit = .seconds(600)
    }
    #expect(try world.workers.claim(worker: worker, count: 5).map(\.lease.job) == [short])
    #expect(try world.submit.state(of: long) == .ready)
  }

  @Test("claims that look again for want of slots wait for none of each other's arrays")
  func lookingAgain() throws {
    let world = try QueueWorld()
    try world.submit.setLimit("a", slots: 3)
    try world.submit.setLimit("b", slots: 2)
    for i in 0..<6 {
      let run = try world.submit.createRun(name: "arrays \(i)")
      for limits in [["a"], ["a", "b"], []] {
        _ = try world.job {
          $0.run = run
          $0.array = JobArray(0...39)
          $0.limits = limits
        }
      }
    }
    let database = world.database
    let done = try onThreads(4) { _, team in try Claimer(database).drain(with: team) }.reduce(0, +)
    #expect(done == 6 * 3 * 40)
    #expect(try world.value("select sum(taken) from pra.limits") == "0")
  }

  @Test("a gang that asks for labels is a matter of the workers that have them")
  func labels() throws {
    let world = try QueueWorld()
    let big = try world.worker(labels: #"{"vram": "80"}"#, slots: 1)
    let small = try world.worker(slots: 4)
    let id = try world.job {
      $0.array = JobArray(0...1)
      $0.array?.isGang = true
      $0.requirements = ["vram>=40"]
    }
    let job = try world.job()
    let detail = try world.submit.whyPending(id).detail
    #expect(detail.contains("it needs 2 places, the fleet has 1"))
    #expect(try world.workers.claim(worker: big, count: 1).map(\.lease.job) == [job])
    #expect(try world.workers.claim(worker: small, count: 1).isEmpty)
  }
}
