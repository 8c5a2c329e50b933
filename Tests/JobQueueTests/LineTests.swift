// What a session that claims all the time remembers of the line, and how places are shared out.

import JobQueue
import Postgres
import Testing

@Suite struct LineTests {
  /// A worker with a session of its own, which can be asked what it remembers.
  private struct Claimer {
    let session: Connection
    let queue: WorkerQueue
    let worker: Int64

    init(_ world: QueueWorld) throws {
      session = try world.database.connect(.worker)
      queue = WorkerQueue(session)
      worker = try queue.register(name: "w", kinds: ["train"], slots: 100)
    }

    func claim(_ count: Int = 1) throws -> [ClaimedJob] {
      try queue.claim(worker: worker, count: count)
    }

    /// Claims and finishes two jobs, between which the session is told that they are the forty-ninth
    /// and fiftieth of a period that does not end soon.
    func makeBusy(words: Int = 10) throws {
      #expect(try queue.finishMany(worker: worker, claim().map(\.lease)).count == 1)
      #expect(try memory().count == 6)
      try remember { ($0[2], $0[3]) = ("1000", "49") }
      #expect(try queue.finishMany(worker: worker, claim().map(\.lease)).count == 1)
      #expect(try memory().count == words)
    }

    /// Six words while it counts claims alone, ten when it remembers where it got to, and one more, for whose turn it
    /// is, where arrays alone share.
    func memory() throws -> [Substring] {
      try session.query("select current_setting('pra.line', true) as line").single().text(at: 0)?
        .split(separator: " ") ?? []
    }

    func remember(_ change: (inout [Substring]) -> Void) throws {
      var words = try memory()
      change(&words)
      try session.query(
        "select set_config('pra.line', $1, false)", [.text(words.joined(separator: " "))])
    }
  }

  @Test("a session that claims all the time looks at the whole line when its period is over")
  func wholeLook() throws {
    let world = try QueueWorld()
    let jobs = try (0..<5).map { _ in try world.job() }
    let claimer = try Claimer(world)
    try claimer.makeBusy()
    let urgent = try world.job { $0.priority = 1 }
    #expect(try claimer.claim().map(\.lease.job) == [jobs[2]])
    // The period is over.
    try claimer.remember { $0[1] = "0" }
    #expect(try claimer.claim().map(\.lease.job) == [urgent])
  }

  @Test("who gets less than asked for from where it got to looks at the whole line at once")
  func lessThanAsked() throws {
    let world = try QueueWorld()
    for _ in 0..<5 { _ = try world.job() }
    let claimer = try Claimer(world)
    try claimer.makeBusy()
    let urgent = try world.job { $0.priority = 1 }
    let rest = try claimer.claim(50).map(\.lease.job)
    #expect(rest.count == 4 && rest.contains(urgent))
    #expect(try claimer.memory().isEmpty)
  }

  @Test("a busy session obeys a pause at once, and goes on with arrays where it was")
  func pause() throws {
    let world = try QueueWorld()
    for _ in 0..<2 { _ = try world.job { $0.array = JobArray(0...9) } }
    let claimer = try Claimer(world)
    try claimer.makeBusy()
    try world.submit.pause(run: world.run)
    #expect(try claimer.claim(5).isEmpty)
    try world.submit.resume(run: world.run)
    var elements: [Int64] = []
    while let job = try claimer.claim().first {
      elements.append(try #require(job.elements).range.lowerBound)
      #expect(try claimer.queue.finishMany(worker: claimer.worker, [job.lease]).count == 1)
    }
    #expect(elements == Array(2...9) + Array(0...9))
  }

  @Test("places of one claim are shared between arrays by the weights of their runs")
  func weights() throws {
    let world = try QueueWorld()
    let other = try world.submit.createRun(name: "other")
    try world.submit.setWeight(run: other, 3)
    let worker = try world.worker()
    _ = try world.job { $0.array = JobArray(0...999) }
    var job = NewJob(kind: "train", run: other)
    job.array = JobArray(0...999)
    _ = try world.submit.enqueue(job)
    let claimed = try world.workers.claim(worker: worker, count: 20)
    #expect(claimed.filter { $0.run == other }.count == 15)
    #expect(claimed.count == 20)
    // What runs counts: the next four keep the shares.
    let more = try world.workers.claim(worker: worker, count: 4)
    #expect(more.filter { $0.run == other }.count == 3)
  }

  @Test(
    "a busy session plans turns of arrays for several claims, in the same shares",
    arguments: [1, 5, 100])
  func turns(size: Int) throws {
    let world = try QueueWorld()
    let other = try world.submit.createRun(name: "other")
    try world.submit.setWeight(run: other, 3)
    let claimer = try Claimer(world)
    for run in [world.run, other] {
      var job = NewJob(kind: "train", run: run)
      job.array = JobArray(0...999)
      _ = try world.submit.enqueue(job)
    }
    try claimer.makeBusy(words: 11)
    // None waits for its fair part longer than the difference of one place.
    var taken = [world.run: 0, other: 0]
    for _ in 0..<(200 / size) {
      let claimed = try claimer.claim(size)
      #expect(claimed.count == size)
      for job in claimed { taken[job.run, default: 0] += 1 }
      #expect(
        try claimer.queue.finishMany(worker: claimer.worker, claimed.map(\.lease)).count == size)
      #expect(abs(taken[other]! - 3 * taken[world.run]!) <= 4)
    }
    #expect(try claimer.memory().count == 11)
    #expect(
      try world.value(
        "select count(distinct (array_id, element_first)) from pra_store.jobs where array_id is not null"
      ) == "202")
  }

  @Test("turns end with an array that has no more elements, and with a job that is none")
  func endOfTurns() throws {
    let world = try QueueWorld()
    let other = try world.submit.createRun(name: "other")
    let claimer = try Claimer(world)
    _ = try world.job { $0.array = JobArray(0...20) }
    var job = NewJob(kind: "train", run: other)
    job.array = JobArray(0...199)
    _ = try world.submit.enqueue(job)
    try claimer.makeBusy(words: 11)
    var first = 0
    for _ in 0..<15 {
      let claimed = try claimer.claim(5)
      #expect(claimed.count == 5)
      first += claimed.filter { $0.run == world.run }.count
      #expect(try claimer.queue.finishMany(worker: claimer.worker, claimed.map(\.lease)).count == 5)
    }
    #expect((19...21).contains(first))
    let single = try world.job()
    try claimer.remember { $0[1] = "0" }
    #expect(try claimer.claim(5).map(\.lease.job).contains(single))
  }

  @Test("a claim that holds arrays does not wait for one that another holds")
  func holdsAndWaitsNot() throws {
    let world = try QueueWorld()
    let claimer = try Claimer(world)
    let runs = try [world.run] + (0..<2).map { try world.submit.createRun(name: "run \($0)") }
    func enqueue(_ run: Int64, last: Int64) throws {
      var job = NewJob(kind: "train", run: run)
      job.array = JobArray(0...last)
      _ = try world.submit.enqueue(job)
    }
    try enqueue(runs[0], last: 3)
    try enqueue(runs[1], last: 99)
    try claimer.makeBusy(words: 11)
    try enqueue(runs[2], last: 99)
    // The second claim finds nothing more of the first array, and looks at all.
    let claimed = try world.administrator.transaction {
      try world.administrator.query(
        "select from pra_store.jobs where run_id = $1 for update", [.integer(runs[2])])
      return try (0..<2).map { _ in try claimer.claim(5).map(\.run) }
    }
    #expect(claimed.map(\.count) == [5, 5])
    #expect(!claimed.joined().contains(runs[2]))
    #expect(
      try world.value(
        "select count(*) from pra.jobs where run_id = \(runs[0]) and element_first is not null")
        == "4")
    let next = try claimer.claim(10)
    #expect(next.count == 10 && next.contains { $0.run == runs[2] })
  }

  @Test("what an array leaves of its part goes to the others")
  func leftOver() throws {
    let world = try QueueWorld()
    let other = try world.submit.createRun(name: "other")
    let worker = try world.worker()
    _ = try world.job { $0.array = JobArray(0...1) }
    var job = NewJob(kind: "train", run: other)
    job.array = JobArray(0...99)
    _ = try world.submit.enqueue(job)
    let claimed = try world.workers.claim(worker: worker, count: 20)
    #expect(claimed.filter { $0.run == other }.count == 18)
    #expect(claimed.filter { $0.run == world.run }.count == 2)
  }

  @Test(
    "workers that share arrays of several runs take each element once, and wait for nobody long")
  func sharing() throws {
    let world = try QueueWorld()
    let runs = try (0..<3).map { try world.submit.createRun(name: "run \($0)") }
    try world.submit.setLimit("licence", slots: 7)
    for run in runs {
      var job = NewJob(kind: "train", run: run)
      job.array = JobArray(0...299)
      job.limits = run == runs[0] ? ["licence"] : []
      _ = try world.submit.enqueue(job)
    }
    let database = world.database
    let done = try onThreads(4) { _, team in
      let queue = WorkerQueue(try database.connect(.worker))
      let worker = try queue.register(name: "w", kinds: ["train"], slots: 50)
      var done = 0
      var misses = 0
      while misses < 3 && team.goesOn {
        let claimed = try queue.claim(worker: worker, count: 5).map(\.lease)
        done += try queue.finishMany(worker: worker, claimed).count
        misses = claimed.isEmpty ? misses + 1 : 0
      }
      return done
    }.reduce(0, +)
    #expect(done == 900)
    #expect(
      try world.value("select string_agg(distinct state::text, ' ') from pra.jobs") == "succeeded")
    #expect(
      try world.value(
        """
        select count(*) from (select distinct run_id, element_first from pra.jobs
        where element_first is not null) as e
        """) == "900")
    #expect(try world.value("select taken from pra.limits") == "0")
  }

  @Test("a finish of many gives all their slots back, those of a lowered limit too")
  func slots() throws {
    let world = try QueueWorld()
    try world.submit.setLimit("a", slots: 8)
    try world.submit.setLimit("b", slots: 6)
    let worker = try world.worker()
    _ = try world.job {
      $0.array = JobArray(0...19)
      $0.limits = ["a", "b"]
    }
    let first = try world.workers.claim(worker: worker, count: 10).map(\.lease)
    #expect(first.count == 6)
    #expect(
      try world.value("select string_agg(taken::text, ' ' order by name) from pra.limits") == "6 6")
    try world.submit.setLimit("a", slots: 2)
    #expect(try world.workers.finishMany(worker: worker, first).count == 6)
    #expect(
      try world.value("select string_agg(taken::text, ' ' order by name) from pra.limits") == "0 0")
    #expect(
      try world.value("select count(*) from pra_store.limit_slots where limit_name = 'a'") == "2")
    #expect(try world.workers.claim(worker: worker, count: 10).count == 2)
  }
}
