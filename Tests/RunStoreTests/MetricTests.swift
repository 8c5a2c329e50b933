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

  /// The earlier step wins between equal values, the later point between equal steps.
  @Test func tiesAreDecided() throws {
    let session = try attempt.open()
    record(session, "loss", [2, 1, 1])
    session.record([MetricPoint(name: "loss", step: 2, value: 7)])
    try session.finish(outputs: [:])
    #expect(try summary("loss") == "4/0 7@2 1@1 7@2 1@1")
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
