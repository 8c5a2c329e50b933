// Turns that a session plans for several claims at once (decision 0065).

import Foundation
import JobQueue
import Postgres
import Testing

@Suite struct TurnTests {
  @Test(
    "a busy session plans turns of arrays for several claims, in the same shares",
    arguments: [1, 5, 100])
  func turns(size: Int) throws {
    let world = try QueueWorld()
    let other = try world.submit.createRun(name: "other")
    try world.submit.setWeight(run: other, 3)
    let claimer = try Claimer(world.database)
    for run in [world.run, other] {
      _ = try world.job { ($0.run, $0.array) = (run, JobArray(0...999)) }
    }
    try claimer.makeBusy(words: 11)
    // The shares follow the weights to within one place.
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
    let claimer = try Claimer(world.database)
    _ = try world.job { $0.array = JobArray(0...20) }
    _ = try world.job { ($0.run, $0.array) = (other, JobArray(0...199)) }
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

  @Test("busy sessions that share arrays by turns do each element once, and wait for nobody long")
  func sharing() throws {
    let world = try QueueWorld()
    for last in [299, 450, 999] {
      let run = try world.submit.createRun(name: "run")
      _ = try world.job { ($0.run, $0.array) = (run, JobArray(0...Int64(last))) }
    }
    let database = world.database
    let done = try onThreads(4) { _, team in
      let claimer = try Claimer(database)
      try claimer.makeBusy(words: 11)
      // All plan before any array ends.
      team.done.add(1, ordering: .sequentiallyConsistent)
      while team.done.load(ordering: .sequentiallyConsistent) < 4 && team.goesOn { sched_yield() }
      return try 2 + claimer.drain(with: team)
    }.reduce(0, +)
    #expect(done == 300 + 451 + 1000)
    #expect(
      try world.value("select string_agg(distinct state::text, ' ') from pra.jobs") == "succeeded")
    #expect(
      try world.value(
        "select count(*) from (select distinct array_id, element_first from pra_store.jobs where array_id is not null) as e"
      ) == "1751")
  }

  @Test("a claim that holds arrays does not wait for one that another holds")
  func holdsAndWaitsNot() throws {
    let world = try QueueWorld()
    let claimer = try Claimer(world.database)
    let runs = try [world.run] + (0..<2).map { try world.submit.createRun(name: "run \($0)") }
    func enqueue(_ run: Int64, last: Int64) throws {
      _ = try world.job { ($0.run, $0.array) = (run, JobArray(0...last)) }
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

  @Test("a busy session takes what a limit leaves, without asking first")
  func limit() throws {
    let world = try QueueWorld()
    try world.submit.setLimit("licence", slots: 4)
    let claimer = try Claimer(world.database)
    _ = try world.job {
      $0.array = JobArray(0...99)
      $0.limits = ["licence"]
    }
    try claimer.makeBusy()
    let first = try claimer.claim(3)
    #expect(first.count == 3)
    #expect(try claimer.memory().count == 10)
    #expect(try claimer.claim(3).count == 1)
    #expect(try claimer.memory().isEmpty)
    #expect(try claimer.claim(3).isEmpty)
    #expect(try claimer.queue.finishMany(worker: claimer.worker, first.map(\.lease)).count == 3)
    #expect(try claimer.claim(9).count == 3)
    #expect(try world.value("select taken from pra.limits") == "4")
  }
}
