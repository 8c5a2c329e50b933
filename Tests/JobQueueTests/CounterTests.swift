// Counters of attempts and of waits, which no pruning lowers.

import Foundation
import JobQueue
import Postgres
import Testing

@Suite struct CounterTests {
  private func counters(_ world: QueueWorld) throws -> [String] {
    try world.administrator.query(
      "select kind || ' ' || outcome || ' ' || attempts as row from pra.attempt_counters order by 1"
    ).map { try $0.string("row") }
  }

  @Test func everyStartAndEveryEndIsCountedOnce() throws {
    let world = try QueueWorld()
    let worker = try world.worker()
    for _ in 0..<4 { _ = try world.job() }
    _ = try world.job("sample") { $0.array = JobArray(0...4) }
    let claimed = try world.workers.claim(worker: worker, count: 100)
    #expect(claimed.count == 9)
    let singles = claimed.filter { $0.kind == "train" }.map(\.lease)
    #expect(try world.workers.finishMany(worker: worker, [singles[0], singles[1]]).count == 2)
    #expect(try world.workers.finish(singles[2]))
    #expect(try !world.workers.finish(singles[2]))
    try world.workers.reportExit(singles[3], .fault)
    let parts = claimed.filter { $0.kind == "sample" }.map(\.lease)
    #expect(try world.workers.finishMany(worker: worker, parts).count == 5)
    // A repeated call is none.
    _ = try? world.workers.finishMany(worker: worker, parts)
    let expected = [
      "sample started 5", "sample succeeded 5", "train fault 1", "train started 4",
      "train succeeded 3",
    ]
    #expect(try counters(world) == expected)
    // Folded, and without the history.
    try world.workers.reap()
    #expect(try world.value("select count(*) from pra_store.count_steps") == "0")
    try world.administrator.run("delete from pra_store.attempts where outcome = 'succeeded'")
    #expect(try counters(world) == expected)
  }

  @Test func waitsAreAHistogram() throws {
    let world = try QueueWorld()
    let worker = try world.worker()
    let waited = try world.job()
    let parent = try world.job()
    let child = try world.job("sample") { $0.after = [parent] }
    try world.administrator.run(
      """
      update pra_store.jobs set run_after = run_after - interval '100 seconds' where id = \(waited);
      update pra_store.jobs set run_after = run_after - interval '1 hour' where id = \(child)
      """)
    let leases = try world.workers.claim(worker: worker, count: 5).map(\.lease)
    _ = try world.workers.finishMany(worker: worker, leases)
    // It was blocked for an hour, and waits since a moment.
    #expect(try world.workers.claim(worker: worker).map(\.lease.job) == [child])
    func starts(_ kind: String) throws -> String? {
      try world.value(
        "select string_agg(le || ':' || starts, ' ' order by le) from pra.start_waits where kind = '\(kind)'"
      )
    }
    for _ in 0..<2 {
      #expect(
        try starts("train")
          == "1:1 5:1 15:1 60:1 300:2 900:2 3600:2 14400:2 86400:2 Infinity:2")
      #expect(
        try starts("sample")
          == "1:1 5:1 15:1 60:1 300:1 900:1 3600:1 14400:1 86400:1 Infinity:1")
      #expect(
        try world.value(
          "select bool_and(seconds between 100 and 110) from pra.start_waits where kind = 'train'")
          == "t")
      try world.workers.reap()
    }
  }

  @Test("steps that are folded while others are written are all counted")
  func underLoad() throws {
    let world = try QueueWorld()
    for _ in 0..<300 { _ = try world.job() }
    let database = world.database
    let done = try onThreads(3) { _, team in
      let one = try Claimer(database)
      var done = 0
      while team.goesOn {
        let claimed = try one.claim(3).map(\.lease)
        if claimed.isEmpty { break }
        done += try one.queue.finishMany(worker: one.worker, claimed).count
        try one.queue.reap()
      }
      return done
    }.reduce(0, +)
    #expect(done == 300)
    #expect(try counters(world) == ["train started 300", "train succeeded 300"])
  }
}
