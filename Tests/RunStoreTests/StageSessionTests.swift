import DatabaseTesting
import Foundation
import JobQueue
import Postgres
import RunStore
import Testing

@testable import StageKit

@Suite struct StageSessionTests {
  let database: TestDatabase
  let attempt: Attempt

  init() throws {
    database = try TestDatabase.create()
    attempt = try Attempt(database.url)
  }

  private func points(_ steps: Range<Int64>) -> [MetricPoint] {
    steps.map { MetricPoint(name: "loss", step: $0, value: Double($0)) }
  }

  @Test func aSessionKnowsItsJob() throws {
    let session = try attempt.open()
    defer { session.close() }
    #expect(session.jobID == attempt.job)
    #expect(session.arguments == #"{"act": "succeed"}"#)
    #expect(session.runID > 0)
  }

  @Test func aStaleAttemptDoesNotOpen() throws {
    try attempt.admin.run("update pra_store.jobs set epoch = epoch + 1")
    #expect(throws: LeaseLost.self) { try attempt.open() }
  }

  /// Metrics up to a checkpoint are durable with it; later ones belong to the next attempt.
  @Test func aResumedSeriesIsCleanAndTheRawOneWhole() throws {
    let first = try attempt.open()
    #expect(try first.latestCheckpoint(ofJob: attempt.job) == nil)
    first.record(points(0..<3))
    let path = try attempt.write(Array("3".utf8), to: "state")
    try first.registerCheckpoint(step: 3, files: [CheckpointPart(name: "state.json", path: path)])
    first.record(points(3..<5))
    first.close()

    try attempt.claim()
    let second = try attempt.open()
    let checkpoint = try second.latestCheckpoint(ofJob: attempt.job)
    #expect(checkpoint?.step == 3)
    #expect(checkpoint?.files["state.json"]?.mediaType == "application/json")
    second.record(points(3..<6))
    try second.finish(outputs: [:])

    #expect(
      try attempt.series("loss")
        == ["0=0 of 1", "1=1 of 1", "2=2 of 1", "3=3 of 2", "4=4 of 2", "5=5 of 2"])
    #expect(try attempt.series("loss", view: "metrics_raw").count == 8)
  }

  @Test func anAttemptWithoutCheckpointStartsFromScratch() throws {
    let first = try attempt.open()
    first.record(points(0..<4))
    first.close()
    try attempt.claim()
    let second = try attempt.open()
    #expect(try second.latestCheckpoint(ofJob: attempt.job) == nil)
    second.record(points(0..<2))
    try second.finish(outputs: [:])
    #expect(try attempt.series("loss") == ["0=0 of 2", "1=1 of 2"])
  }

  /// Even for a fast stage, the last progress is stored when the job has ended.
  @Test func aFinishedJobShowsItsLastProgress() throws {
    let session = try attempt.open()
    let shown = "select coalesce(progress_done, 0) from pra.jobs where id = \(attempt.job)"
    session.progress(done: 1, total: 12, unit: "images")
    try wait { try attempt.count(shown) == 1 }
    session.progress(done: 12, total: 12, unit: "images")
    try session.finish(outputs: [:])
    #expect(try attempt.count(shown) == 12)
    session.close()
  }

  /// The rate is that of the last seconds, and a copy is said in sizes.
  @Test func theProgressIsASentenceWithItsRate() throws {
    var rate = ProgressRate()
    rate.add(100, "steps", at: 0)
    #expect(rate.rate == nil)
    rate.add(110, "steps", at: 4)
    #expect(rate.rate == 2.5)
    for second in 1...20 { rate.add(110 + 5 * Int64(second), "steps", at: 4 + Double(second)) }
    #expect(rate.rate == 5)
    rate.add(1, "bytes fetched", at: 30)
    #expect(rate.rate == nil)

    func said(_ done: Int64, _ total: Int64, _ unit: String, _ rate: Double?) throws -> String? {
      try WorkerQueue(attempt.admin).progress(
        Lease(job: attempt.job, epoch: attempt.epoch, token: attempt.token), done: done,
        total: total, unit: unit, rate: rate)
      return try attempt.admin.query("select progress from pra.jobs").single().text("progress")
    }
    let gb: Int64 = 1_000_000_000
    #expect(
      try said(31 * gb, 252 * gb, "bytes fetched", 420e6) == "fetching 31 of 252 GB, 420 MB/s")
    #expect(try said(1500, 7_660_000, "bytes stored", nil) == "storing 0 of 7.66 MB")
    #expect(try said(1200, 3000, "steps", 4.12) == "1200 of 3000 steps, 4.12/s")
    #expect(try said(0, 0, "steps", nil) == nil)
  }

  @Test func valuesThatAreNoNumbersAreKept() throws {
    let session = try attempt.open()
    session.record([
      MetricPoint(name: "loss", step: 0, value: .nan),
      MetricPoint(name: "loss", step: 1, value: -.infinity),
    ])
    try session.finish(
      outputs: [:],
      evaluations: [
        EvaluationRecord(metric: "fid", scope: "overall", value: .nan, images: 2),
        EvaluationRecord(
          metric: "fid", scope: "smile \"wide\"", value: .infinity, images: 1,
          details: #"{"note": 1}"#),
      ])
    #expect(try attempt.series("loss") == ["0=NaN of 1", "1=-Infinity of 1"])
    let values = try attempt.admin.query(
      "select value::text, scope from pra.evaluations order by 2")
    #expect(try values.map { try $0.string("value") } == ["NaN", "Infinity"])
    #expect(try values[1].string("scope") == "smile \"wide\"")
  }

  @Test func theFinishCommitsEverythingAtOnce() throws {
    let session = try attempt.open()
    session.record(points(0..<10_000))
    let image = try session.storeArtifact(
      bytes: [0, 1, 2], name: "images.packed", mediaType: "application/octet-stream")
    try session.finish(
      outputs: ["images.packed": image],
      images: ImageSet(
        first: 7, seed: .max, artifact: image, place: 1, side: 1, channels: 1,
        images: [(label: 3, className: "smile", digest: -2), (4, "frown, \"wide\"", .min)]),
      result: #"{"images": 2}"#)
    let job = try attempt.admin.query("select state, result->>'images' as n from pra.jobs").single()
    #expect(try job.string("state") == "succeeded")
    #expect(try job.string("n") == "2")
    let drawn = try attempt.admin.query("select * from pra.images order by number").map { row in
      try ["number", "label", "class_name", "place", "size", "side", "digest"].map(row.string)
        .joined(separator: " ")
    }
    #expect(
      drawn == [
        "7 3 smile 1 1 1 fffffffffffffffe", "8 4 frown, \"wide\" 2 1 1 8000000000000000",
      ])
    let seed = try attempt.admin.query("select seed from pra.images where class_name = 'smile'")
    #expect(try seed.single().string("seed") == "18446744073709551615")
    #expect(try attempt.count("select count(*) from pra.metrics") == 10_000)
    var reader = ArtifactStore(
      RetryingConnection(
        url: database.url, role: .read, name: "test", giveUp: { true }, report: { _ in }))
    #expect(try reader.bytes(sha256: image.sha256) == [0, 1, 2])
  }

  /// Fifty thousand images with the names of a thousand classes.
  @Test func anImageTakesFewBytesInTheDatabase() throws {
    let session = try attempt.open()
    let set = try session.storeArtifact(
      bytes: [1], name: "images.packed", mediaType: "application/octet-stream")
    let images = (0..<50_000).map { number in
      let label = number * 7919 % 1000
      return (
        label: label, className: "class number \(label), with a name",
        digest: Int64(bitPattern: UInt64(number) &* 0x9E37_79B9_7F4A_7C15)
      )
    }
    try session.finish(
      outputs: ["images.packed": set],
      images: ImageSet(
        first: 0, seed: 0, artifact: set, place: 128, side: 32, channels: 3, images: images))
    let bytes = try attempt.count(
      "select pg_total_relation_size('pra_store.image_sets') + pg_total_relation_size('pra_store.images')"
    )
    #expect(bytes / 50_000 < 50, "\(bytes) bytes")
    #expect(try attempt.count("select count(*) from pra.images") == 50_000)
    #expect(
      try attempt.count("select place from pra.images where number = 49999") == 128 + 49_999 * 3072)
  }

  @Test func outputsAreThoseOfAFinishedJob() throws {
    let first = try attempt.open()
    #expect(throws: StoreError.self) { try first.outputs(ofJob: attempt.job) }
    let artifact = try first.storeArtifact(bytes: [7], name: "x", mediaType: "image/png")
    try first.finish(outputs: ["seven": artifact])
    let next = try Attempt(database.url).open()
    defer { next.close() }
    #expect(try next.outputs(ofJob: attempt.job).mapValues(\.sha256) == ["seven": artifact.sha256])
  }

  /// Nothing of an attempt that was followed by another one (G2).
  @Test func aStaleAttemptWritesNothing() throws {
    let stale = try attempt.open()
    try attempt.claim()
    let path = try attempt.write([1], to: "state")
    #expect(throws: LeaseLost.self) {
      try stale.storeArtifact(bytes: [1], name: "x", mediaType: "image/png")
    }
    #expect(throws: LeaseLost.self) {
      try stale.registerCheckpoint(step: 1, files: [CheckpointPart(name: "state", path: path)])
    }
    stale.record(points(0..<5))
    #expect(throws: LeaseLost.self) { try stale.finish(outputs: [:]) }
    #expect(attempt.lost.read { $0.count } == 1)
    for table in ["metrics", "metric_staging", "checkpoints", "artifacts", "job_outputs"] {
      #expect(try attempt.count("select count(*) from pra_store.\(table)") == 0, "\(table)")
    }
  }

  @Test func progressReachesTheDatabase() throws {
    let session = try attempt.open()
    defer { session.close() }
    for step in 1...1000 { session.progress(done: Int64(step), total: 1000, unit: "steps") }
    try wait {
      try self.attempt.count("select coalesce(max(done), 0) from pra_store.progress") == 1000
    }
  }

  @Test func theAgentAsksForAStop() throws {
    let session = try attempt.open()
    defer { session.close() }
    #expect(!session.stopRequested)
    _ = write(attempt.channel, "st", 2)
    _ = write(attempt.channel, "op\n", 3)
    try wait { session.stopRequested }
  }

  @Test func theEndOfTheChannelEndsTheStage() throws {
    let session = try attempt.open()
    attempt.dropChannel()
    try wait { self.attempt.lost.read { $0 == ["the agent is gone"] } }
    session.close()
  }
}
