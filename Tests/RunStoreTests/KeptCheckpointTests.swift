// Checkpoints that a rule keeps at registration, and garbage beside running attempts.

import DatabaseTesting
import Foundation
import JobQueue
import Postgres
import RunStore
import StageKit
import Testing

@Suite struct KeptCheckpointTests {
  let attempt: Attempt
  let store: String

  init() throws {
    attempt = try Attempt(try TestDatabase.create().url)
    store = "\(attempt.folder)/store"
    try FileManager.default.createDirectory(atPath: store, withIntermediateDirectories: false)
  }

  /// Both kinds of stores: objects that the attempt deletes itself, and rows.
  private func use(_ place: String) throws {
    guard place == "file" else { return }
    try attempt.admin.query("select pra.use_store($1)", [.text("file:\(store)")])
  }

  private func owner() -> ArtifactStore {
    ArtifactStore(
      RetryingConnection(
        url: attempt.url, role: .owner, name: "test", giveUp: { true }, report: { _ in }))
  }

  /// More than a mebibyte, which is not stored inline.
  private func weights(_ number: Int) -> [UInt8] {
    [UInt8](repeating: UInt8(number), count: 1 << 20) + [1, 2, UInt8(number)]
  }

  private func register(
    _ session: StageSession, step: Int, loss: Double? = nil, rule: String?
  ) throws {
    if let loss {
      session.record([MetricPoint(name: "loss", step: Int64(step - 1), value: loss)])
    }
    // Files of their own, since a folder takes a file itself.
    let path = try attempt.write(weights(step), to: "weights-\(step)")
    try session.registerCheckpoint(
      step: Int64(step), files: [CheckpointPart(name: "weights", path: path)], rule: rule)
  }

  private func steps() throws -> [Int64] {
    try attempt.admin.query("select step from pra.checkpoints order by step").map {
      try $0.integer("step")
    }
  }

  /// Numbers of checkpoints whose bytes are anywhere.
  private func stored(_ place: String) throws -> Int64 {
    guard place == "file" else {
      return try attempt.count("select count(distinct upload_id) from pra_store.artifact_chunks")
    }
    let names = FileManager.default.enumerator(atPath: store)?.compactMap { $0 as? String } ?? []
    return Int64(names.count { $0.split(separator: "/").last?.count == 64 })
  }

  @Test(
    "a rule drops earlier checkpoints, and their bytes are gone at once",
    arguments: ["file", "database"])
  func ruled(_ place: String) throws {
    try use(place)
    let session = try attempt.open()
    let rule = #"{"last": 2, "every": 4, "best": 1, "metric": "loss"}"#
    var most: Int64 = 0
    for (i, loss) in [9.0, 1, 5, 4, 3, 8, 7, 6, 5].enumerated() {
      try register(session, step: i + 1, loss: loss, rule: rule)
      most = max(most, try stored(place))
      #expect(try stored(place) == Int64(try steps().count))
    }
    // The best, both multiples, and the last two, of which one is a multiple.
    #expect(try steps() == [2, 4, 8, 9])
    #expect(most == 4)
    #expect(
      try attempt.count("select count(*) from pra_store.objects where state <> 'stored'") == 0)
    #expect(try session.latestCheckpoint(ofJob: attempt.job)?.step == 9)
    try session.finish(outputs: [:])
  }

  /// A job resumes from its newest checkpoint and ranks each by the losses since the one before, though that
  /// one is gone.
  @Test func aResumedJobKeepsItsBest() throws {
    let rule = #"{"last": 1, "every": null, "best": 1, "metric": "loss"}"#
    let first = try attempt.open()
    for (step, loss) in [(1, 5.0), (2, 1), (3, 6)] {
      try register(first, step: step, loss: loss, rule: rule)
    }
    #expect(try steps() == [2, 3])
    first.close()
    try attempt.claim()
    let second = try attempt.open()
    #expect(try second.latestCheckpoint(ofJob: attempt.job)?.step == 3)
    for (step, loss) in [(4, 2.0), (5, 0.5), (6, 7)] {
      try register(second, step: step, loss: loss, rule: rule)
    }
    #expect(try steps() == [5, 6])
    try second.finish(outputs: [:])
  }

  /// By a series without a point nobody knows which checkpoint is the best.
  @Test func aSeriesThatIsNotThereDropsNothing() throws {
    let rule = #"{"last": 1, "every": null, "best": 1, "metric": "losss"}"#
    let session = try attempt.open()
    for (step, loss) in [(1, 5.0), (2, 1), (3, 6)] {
      try register(session, step: step, loss: loss, rule: rule)
    }
    #expect(try steps() == [1, 2, 3])
    // As soon as there is one, the rule holds.
    session.record([MetricPoint(name: "losss", step: 3, value: 1)])
    try register(session, step: 4, loss: 1, rule: rule)
    try register(session, step: 5, loss: 1, rule: rule)
    #expect(try steps() == [4, 5])
    try session.finish(outputs: [:])
  }

  @Test func aBadRuleRegistersNothing() throws {
    let session = try attempt.open()
    let error = #expect(throws: PostgresError.self) {
      try register(session, step: 1, rule: #"{"last": 0}"#)
    }
    #expect(error?.message.contains("keep: last") == true)
    #expect(try steps().isEmpty)
    session.close()
  }

  /// Bytes that a job names, or that somebody has stored again, are left to the garbage collection.
  @Test(arguments: ["file", "database"]) func bytesThatSomebodyWantsStay(_ place: String) throws {
    try use(place)
    let session = try attempt.open()
    let rule = #"{"last": 1, "every": null, "best": 0, "metric": "loss"}"#
    for step in 1...3 { try register(session, step: step, rule: step < 3 ? nil : rule) }
    #expect(try steps() == [3])
    #expect(try stored(place) == 1)

    try register(session, step: 4, rule: nil)
    let named = try attempt.admin.query(
      "select f ->> 'sha256' as sha256 from pra.checkpoints, jsonb_array_elements(files) as f where step = 4"
    ).single().string("sha256")
    _ = try attempt.admin.query(
      "select pra.enqueue('other', pra.create_run('later'), $1::jsonb)",
      [.text(#"{"init": {"weights": ["\#(named)"]}}"#)])
    try register(session, step: 5, rule: nil)
    var submitter = ArtifactStore(
      RetryingConnection(
        url: attempt.url, role: .submit, name: "test", giveUp: { true }, report: { _ in }))
    _ = try submitter.store(
      bytes: weights(5), name: "weights", mediaType: "application/octet-stream", owner: .submitter)
    try register(session, step: 6, rule: rule)
    #expect(try steps() == [6])
    #expect(try stored(place) == 3)
    var collector = owner()
    _ = try collector.collectGarbage(grace: 3600, dry: false)
    #expect(try stored(place) == 3)
    _ = try collector.collectGarbage(grace: 0, dry: false)
    // That of step 5 goes; the one that a job names stays.
    #expect(try stored(place) == 2)
    #expect(try session.fetchArtifact(sha256: named) == weights(4))
    try session.finish(outputs: [:])
  }

  /// An attempt of weeks protects what it has stored and not yet referred to, and nothing else.
  @Test(arguments: ["file", "database"]) func garbageGoesWhateverRuns(_ place: String) throws {
    try use(place)
    let long = try attempt.open()
    let other = try Attempt(attempt.url)
    let short = try other.open()
    func put(_ session: StageSession, _ number: Int) throws -> Artifact {
      try session.storeArtifact(
        bytes: weights(number), name: "weights", mediaType: "application/octet-stream")
    }
    _ = try put(short, 1)
    try short.finish(outputs: [:])
    let pending = try put(long, 2)
    try register(long, step: 3, rule: nil)
    var collector = owner()
    let found = try collector.collectGarbage(grace: 0, dry: false)
    #expect(found.first { $0.what == "artifacts" }?.bytes == Int64(weights(1).count))
    #expect(try stored(place) == 2)
    #expect(try long.fetchArtifact(sha256: pending.sha256) == weights(2))
    // A checkpoint that is dropped by hand goes while its attempt runs.
    try register(long, step: 4, rule: nil)
    _ = try collector.retain(Retention(keepLast: 1), run: nil, dry: false)
    let dropped = try collector.collectGarbage(grace: 0, dry: false)
    #expect(dropped.first { $0.what == "artifacts" }?.count == 1)
    #expect(try stored(place) == 2)
    try long.finish(outputs: ["pending": pending])
    _ = try collector.collectGarbage(grace: 0, dry: false)
    #expect(try stored(place) == 2)
    #expect(try attempt.count("select count(*) from pra_store.pending_artifacts") == 0)
  }
}
