// Summaries of series, and batches that wait for the server.

import DatabaseTesting
import Foundation
import Postgres
import StageKit
import Testing

@Suite struct MetricTests {
  let attempt: Attempt

  init() throws { attempt = try Attempt(try TestDatabase.create().url) }

  private func record(_ session: StageSession, _ name: String, _ values: [Double], from: Int64 = 0)
  {
    session.record(
      values.enumerated().map {
        MetricPoint(name: name, step: from + Int64($0.offset), value: $0.element)
      })
  }

  /// The summary as `points/not finite last@step min@step max@step best@step`.
  private func summary(_ name: String) throws -> String? {
    try attempt.admin.query(
      """
      select concat(
        points, '/', not_finite, ' ', last_value, '@', last_step, ' ', min_value, '@', min_step,
        ' ', max_value, '@', max_step, ' ', best_value, '@', best_step) as text
      from pra.metric_summaries where job_id = $1 and name = $2
      """, [.integer(attempt.job), .text(name)]
    ).first?.string("text")
  }

  @Test func aSummaryFollowsItsSeries() throws {
    let session = try attempt.open()
    record(session, "loss", [3, 1, .nan])
    record(session, "eval/psnr", [20, 22, 21])
    let path = try attempt.write([1], to: "state")
    try session.registerCheckpoint(step: 3, files: [CheckpointPart(name: "state", path: path)])
    #expect(try summary("loss") == "3/1 NaN@2 1@1 3@0 1@1")
    #expect(try summary("eval/psnr") == "3/0 21@2 20@0 22@1 22@1")
    record(session, "loss", [2, -.infinity, 1], from: 3)
    try session.finish(outputs: [:])
    #expect(try summary("loss") == "6/2 1@5 -Infinity@4 3@0 -Infinity@4")
  }

  /// Points after the step from which a resumed attempt continued are in no summary any more.
  @Test func aSummaryIsOfTheSurvivingSeries() throws {
    let first = try attempt.open()
    record(first, "loss", [5, 4, 3])
    let path = try attempt.write([1], to: "state")
    try first.registerCheckpoint(step: 2, files: [CheckpointPart(name: "state", path: path)])
    record(first, "loss", [-100, -200], from: 3)
    first.close()
    try attempt.claim()
    let second = try attempt.open()
    #expect(try second.latestCheckpoint(ofJob: attempt.job)?.step == 2)
    #expect(try summary("loss") == "2/0 4@1 4@1 5@0 4@1")
    record(second, "loss", [6], from: 2)
    try second.finish(outputs: [:])
    #expect(try summary("loss") == "3/0 6@2 4@1 6@2 4@1")
  }

  /// The end of a series is kept while no attempt writes to it, and says the same then as before.
  @Test func theEndOfASeriesIsKeptUntilItGoesOn() throws {
    func kept() throws -> String? {
      try attempt.admin.query(
        "select concat(end_value, ' of ', end_steps) as text from pra.metric_summaries where job_id = $1",
        [.integer(attempt.job)]
      ).first?.string("text")
    }
    func said() throws -> String? {
      try attempt.admin.query(
        "select concat(value, ' of ', steps) as text from pra.metric_end($1, 'loss')",
        [.integer(attempt.job)]
      ).first?.string("text")
    }
    let first = try attempt.open()
    record(first, "loss", [Double](repeating: 9, count: 38) + [4, 2, .nan, 3])
    let path = try attempt.write([1], to: "state")
    try first.registerCheckpoint(step: 42, files: [CheckpointPart(name: "state", path: path)])
    #expect(try kept() == " of " && said() == "3 of 4")
    first.close()
    try attempt.claim()
    // The attempt before has ended.
    #expect(try kept() == "3 of 4")
    let second = try attempt.open()
    #expect(try second.latestCheckpoint(ofJob: attempt.job)?.step == 42)
    #expect(try kept() == " of " && said() == "3 of 4")
    record(second, "loss", [Double](repeating: 7, count: 8), from: 42)
    try second.finish(outputs: [:])
    #expect(try kept() == "7 of 5" && said() == "7 of 5")
    // It stays when the points go.
    try attempt.admin.run("delete from pra_store.metrics")
    #expect(try said() == "7 of 5")
  }

  /// The earlier step wins between equal values, the later point between equal steps.
  @Test func tiesAreDecided() throws {
    let session = try attempt.open()
    record(session, "loss", [2, 1, 1])
    session.record([MetricPoint(name: "loss", step: 2, value: 7)])
    try session.finish(outputs: [:])
    #expect(try summary("loss") == "4/0 7@2 1@1 7@2 1@1")
  }

  /// Every figure of every rollup, from points and as it is kept.
  private func rollupsDiffer() throws -> Int64 {
    try attempt.count(
      """
      select count(*) from (
        select name, step / 256 * 256 as from_step, count(*) as points, max(step) as last_step,
          min(value) as low, max(value) as high, (avg(value) * 1000)::bigint as mean
        from pra.metrics where job_id = \(attempt.job) group by name, step / 256
      ) as p
      full join (
        select name, from_step, points, last_step, min_value as low, max_value as high,
          (mean * 1000)::bigint as mean
        from pra.metric_rollups where job_id = \(attempt.job)
      ) as r using (name, from_step, points, last_step, low, high, mean)
      where p.name is null or r.name is null
      """)
  }

  /// An attempt goes on in the middle of a rollup, one from scratch, one from the attempt before the last.
  @Test func rollupsAreOfTheSurvivingSeries() throws {
    func values(_ count: Int, _ seed: Double) -> [Double] {
      (0..<count).map { sin(Double($0) * seed) }
    }
    func checkpoint(_ session: StageSession, _ step: Int64) throws {
      let path = try attempt.write([UInt8(step % 251)], to: "state")
      try session.registerCheckpoint(
        step: step, files: [CheckpointPart(name: "state", path: path)])
    }
    let first = try attempt.open()
    record(first, "loss", values(700, 1))
    record(first, "rare", [1, 2], from: 690)
    try checkpoint(first, 700)
    record(first, "loss", values(300, 2), from: 700)
    first.close()
    #expect(try rollupsDiffer() == 0)
    try attempt.claim()
    let second = try attempt.open()
    #expect(try second.latestCheckpoint(ofJob: attempt.job)?.step == 700)
    #expect(try rollupsDiffer() == 0)
    #expect(try summary("loss")?.hasPrefix("700/0") == true)
    record(second, "loss", values(900, 3), from: 700)
    second.close()
    #expect(try rollupsDiffer() == 0)
    #expect(try attempt.count("select count(*) from pra.metric_rollups where name = 'loss'") == 7)
    // The third goes on from the first, at another step than the second did.
    try attempt.claim()
    try attempt.admin.run(
      "select pra.continue_from(\(attempt.job), 3, 1, 500, token => '\(attempt.token)')")
    #expect(try rollupsDiffer() == 0)
    #expect(try summary("loss")?.hasPrefix("500/0") == true)
    #expect(try summary("rare") == nil)
    try attempt.claim()
    try attempt.admin.run(
      "select pra.continue_from(\(attempt.job), 4, token => '\(attempt.token)')")
    #expect(try attempt.count("select count(*) from pra.metric_rollups") == 0)
    #expect(try summary("loss") == nil)
  }

  @Test func thinnedPointsLeaveRollupsAndSummaries() throws {
    let session = try attempt.open()
    record(session, "loss", (0..<1000).map { Double(($0 * 37) % 101) })
    func thin(_ every: Int, dry: Bool = false, before: String = "now() + interval '1 h'") throws
      -> [String]
    {
      try attempt.admin.query(
        "select * from pra.thin_metrics(null, \(every), \(before), \(dry))"
      ).map { "\(try $0.string("name")) \(try $0.string("points")) \(try $0.string("kept"))" }
    }
    try session.flushMetrics()
    // A job that may go on keeps its points.
    #expect(try thin(10).isEmpty)
    try session.finish(outputs: [:])
    let before = try summary("loss")
    let means = "select sum((mean * 1e6)::bigint * points) from pra.metric_rollups"
    let rollups = try attempt.count(means)
    #expect(try thin(10, before: "now() - interval '1 day'").isEmpty)
    #expect(try thin(10, dry: true) == ["loss 899 101"])
    #expect(try attempt.count("select count(*) from pra.metrics") == 1000)
    #expect(try thin(10) == ["loss 899 101"])
    #expect(
      try attempt.count("select count(*) from pra.metrics where step % 10 = 0 or step = 999") == 101
    )
    #expect(try attempt.count("select count(*) from pra.metrics") == 101)
    #expect(try summary("loss") == before)
    #expect(try attempt.count(means) == rollups)
    #expect(throws: PostgresError.self) { try thin(1) }
  }

  /// Pages of a series, with two points at the last step of one.
  @Test func aSeriesIsReadPageByPage() throws {
    let session = try attempt.open()
    record(session, "loss", (0..<25).map(Double.init))
    session.record([MetricPoint(name: "loss", step: 9, value: 90)])
    record(session, "other", [7])
    try session.finish(outputs: [:])
    var (pages, after): ([[Int64]], Int64) = ([], -1)
    while true {
      let page = try attempt.admin.query(
        "select step from pra.metric_points(\(attempt.job), 'loss', \(after), 10)"
      ).map { try $0.integer("step") }
      guard let last = page.last else { break }
      pages.append(page)
      after = last
    }
    #expect(pages == [Array(0...9) + [9], Array(10...19), Array(20...24)])
    #expect(throws: PostgresError.self) {
      try attempt.admin.run("select pra.metric_points(1, 'loss', -1, 0)")
    }
  }

  @Test func manySeriesInOneStepStayApart() throws {
    let session = try attempt.open()
    for step in 0..<50 {
      // The order of the names changes, and some are absent.
      let names = (0..<40).map { "layer.\($0)" }.filter { _ in Bool.random() }.shuffled()
      session.record(names.map { MetricPoint(name: $0, step: Int64(step), value: Double(step)) })
    }
    try session.finish(outputs: [:])
    #expect(try attempt.count("select count(*) from pra.metrics where value <> step") == 0)
    #expect(
      try attempt.count(
        "select count(*) from (select 1 from pra.metrics group by name, step having count(*) > 1) as t"
      ) == 0)
  }

  @Test func withoutAServerASessionEndsInItsTime() throws {
    let server = try TestServer()
    try Connection(server.url).run("create database pra")
    let url = server.url.with("dbname", "pra")
    try Migrator(Connection(url)).migrate()
    let session = try Attempt(url).open()
    try server.stop(mode: "immediate")
    record(session, "loss", [1, 2, 3])
    #expect(session.metricBacklog == 3)
    let start = ContinuousClock.now
    session.close(within: 0.3)
    #expect(ContinuousClock.now - start < .seconds(30))
  }

  /// Batches beyond the memory limit go to a file without a name; nothing is lost or repeated (G8).
  @Test func aLongOutageIsSpooledToDisk() throws {
    let server = try TestServer()
    try Connection(server.url).run("create database pra")
    let url = server.url.with("dbname", "pra")
    try Migrator(Connection(url)).migrate()
    let attempt = try Attempt(url)
    let session = try attempt.open()
    record(session, "loss", [0])
    try server.stop(mode: "immediate")
    let count = 500_000
    for first in stride(from: 1, to: count, by: 1000) {
      record(
        session, "loss", (first..<min(first + 1000, count)).map(Double.init), from: Int64(first))
    }
    try wait { self.spoolSize(in: attempt.folder) > 1_000_000 }
    try server.start()
    try session.finish(outputs: [:])
    let row = try Connection(url).query(
      """
      select count(*) as points, count(distinct step) as steps, count(*) filter (where step <> value)
        as wrong
      from pra.metrics_raw
      """
    ).single()
    #expect(try row.integer("points") == Int64(count))
    #expect(try row.integer("steps") == Int64(count))
    #expect(try row.integer("wrong") == 0)
    #expect(spoolSize(in: attempt.folder) == 0)
  }

  /// Size in bytes of this process's nameless spool in a folder.
  private func spoolSize(in folder: String) -> Int64 {
    let descriptors = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
    for descriptor in descriptors {
      let link = try? FileManager.default.destinationOfSymbolicLink(
        atPath: "/proc/self/fd/\(descriptor)")
      guard let link, link.contains("\(folder.split(separator: "/").last!)/metrics.spool") else {
        continue
      }
      var status = stat()
      guard let number = Int32(descriptor), fstat(number, &status) == 0 else { continue }
      return Int64(status.st_size)
    }
    return 0
  }
}
