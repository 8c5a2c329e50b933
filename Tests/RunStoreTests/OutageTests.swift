// The server goes away and comes back while a stage works (G8).

import DatabaseTesting
import Foundation
import JobQueue
import Postgres
import RunStore
import StageKit
import Testing
import Threads

@Suite struct OutageTests {
  let server: TestServer
  let url: DatabaseURL

  init() throws {
    server = try TestServer()
    try Connection(server.url).run("create database pra")
    url = server.url.with("dbname", "pra")
    _ = try Migrator(Connection(url)).migrate()
  }

  /// Each crash comes when the previous batch is committed, but not known to be on disk.
  @Test func crashesOfTheServerLoseNoMetricAndRepeatNone() throws {
    let attempt = try Attempt(url)
    let session = try attempt.open()
    var step: Int64 = 0
    func record(_ count: Int64) {
      session.record(
        (step..<step + count).map { MetricPoint(name: "loss", step: $0, value: Double($0)) })
      step += count
    }
    for _ in 0..<4 {
      record(300)
      let reader = try Connection(url)
      try wait {
        try reader.query(
          "select from pra.metrics where step = $1", [.integer(step - 1)]
        ).count == 1
      }
      try server.stop(mode: "immediate")
      record(200)
      session.progress(done: step, total: 2000, unit: "steps")
      try server.start()
    }
    try session.finish(outputs: [:])

    let admin = try Connection(url)
    let row = try admin.query(
      """
      select count(*) as points, count(distinct step) as steps, max(step) as last
      from pra.metrics_raw
      """
    ).single()
    #expect(try row.integer("points") == 2000)
    #expect(try row.integer("steps") == 2000)
    #expect(try row.integer("last") == 1999)
  }

  @Test func aCheckpointWaitsForTheServer() throws {
    let attempt = try Attempt(url)
    let session = try attempt.open()
    let content = [UInt8](repeating: 7, count: 5_000_000)
    let path = try attempt.write(content, to: "state")
    session.record([MetricPoint(name: "loss", step: 0, value: 1)])
    try server.stop(mode: "immediate")
    let restart = try DedicatedThread("restart") { [server] in try! server.start() }
    try session.registerCheckpoint(step: 1, files: [CheckpointPart(name: "state", path: path)])
    restart.join()
    let stored = try #require(try session.latestCheckpoint(ofJob: attempt.job)?.files["state"])
    #expect(try session.fetchArtifact(sha256: stored.sha256) == content)
    try session.finish(outputs: [:])
    let admin = try Connection(url)
    #expect(try admin.query("select from pra.metrics").count == 1)
  }

  /// Tells a training that the next checkpoint would block.
  @Test func aCheckpointDuringAnOutageHoldsTheNextUp() throws {
    let attempt = try Attempt(url)
    let session = try attempt.open()
    let path = try attempt.write([1], to: "state")
    var step: Int64 = 0
    func isHeldUp() -> Bool {
      session.record([MetricPoint(name: "loss", step: step, value: 1)])
      step += 1
      return session.heldUpBy == .database
    }
    // The start of the series is declared to the server before anything else.
    #expect(try session.latestCheckpoint(ofJob: attempt.job) == nil)
    #expect(!isHeldUp())
    try server.stop(mode: "immediate")
    try session.beginCheckpoint(step: 1) { _ in [CheckpointPart(name: "state", path: path)] }
    try wait { isHeldUp() }
    try server.start()
    try wait { !isHeldUp() }
    try session.waitForCheckpoint()
    #expect(!isHeldUp())
    try session.finish(outputs: [:])
    let admin = try Connection(url)
    #expect(try admin.query("select from pra.checkpoints").count == 1)
    #expect(try admin.query("select from pra.metrics_raw").count == Int(step))
  }

  /// A client that does not want to wait gets the error at once.
  @Test func aSubmitterIsToldThatTheServerIsAway() throws {
    try server.stop()
    var submitter = ArtifactStore(
      RetryingConnection(
        url: url, role: .submit, name: "test", giveUp: { true }, report: { _ in }))
    let error = #expect(throws: PostgresError.self) {
      try submitter.bytes(sha256: String(repeating: "0", count: 64))
    }
    #expect(error?.isUnreachable == true)
  }
}
