// Artifacts outside the database, and garbage collection.

import DatabaseTesting
import Digest
import Foundation
import JobQueue
import ObjectServer
import Postgres
import RunStore
import StageKit
import Testing
import Threads

@Suite struct StoreTests {
  let attempt: Attempt
  let store: String

  init() throws {
    attempt = try Attempt(try TestDatabase.create().url)
    store = "\(attempt.folder)/store"
    try FileManager.default.createDirectory(atPath: store, withIntermediateDirectories: false)
    try attempt.admin.query("select pra.use_store($1)", [.text("file:\(store)")])
  }

  private func owner() -> ArtifactStore {
    ArtifactStore(
      RetryingConnection(
        url: attempt.url, role: .owner, name: "test", giveUp: { true }, report: { _ in }))
  }

  private func files() throws -> [String] {
    let names = FileManager.default.enumerator(atPath: store)?.compactMap { $0 as? String } ?? []
    return names.filter {
      var isFolder: ObjCBool = false
      return $0 != "pra-store.json"
        && FileManager.default.fileExists(atPath: "\(store)/\($0)", isDirectory: &isFolder)
        && !isFolder.boolValue
    }
  }

  private func put(_ session: StageSession, _ bytes: [UInt8]) throws -> Artifact {
    try session.storeArtifact(
      bytes: bytes, name: "weights.bin", mediaType: "application/octet-stream")
  }

  @Test(arguments: [1 << 20 + 1, 3 << 20, 3_500_000]) func aFileComesBackAsItWas(size: Int) throws {
    let session = try attempt.open()
    defer { session.close() }
    let original = storedBytes(size)
    let artifact = try put(session, original)
    let name = artifact.sha256
    #expect(try files() == ["sha256/\(name.prefix(2))/\(name.dropFirst(2).prefix(2))/\(name)"])
    #expect(try session.fetchArtifact(sha256: name) == original)
    #expect(try attempt.count("select count(*) from pra_store.artifact_chunks") == 0)
    #expect(try put(session, original) == artifact)
    // Small artifacts stay in the database, where one query finds them.
    _ = try put(session, [1, 2, 3])
    _ = try put(session, storedBytes(Artifact.inlineSize))
    #expect(try files().count == 1)
    // A packed set of 22 images of 32 pixels, say: the database has its row and no bytes.
    let set = try put(session, storedBytes(Artifact.inlineSize + 1))
    #expect(try files().count == 2)
    #expect(try session.fetchArtifact(sha256: set.sha256).count == Artifact.inlineSize + 1)
    let places = try attempt.admin.query("select storage from pra.artifacts order by size")
    #expect(
      try places.map { try $0.string("storage") } == ["inline", "inline", "file", "file"])
  }

  /// The file is read once, and its copy gets its name afterwards.
  @Test func aFolderTakesACopyOfAFile() throws {
    let session = try attempt.open()
    defer { session.close() }
    let path = try attempt.write(storedBytes(3_500_000), to: "weights.bin")
    func put() throws -> Artifact {
      try session.storeArtifact(
        file: path, name: "weights.bin", mediaType: "application/octet-stream")
    }
    let artifact = try put()
    #expect(artifact.sha256 == SHA256.hexadecimal(of: storedBytes(3_500_000)))
    #expect(artifact.size == 3_500_000)
    // The file still belongs to its owner, who may write into it.
    try Data(storedBytes(3_500_000, 1)).write(to: URL(filePath: path))
    #expect(try session.fetchArtifact(sha256: artifact.sha256) == storedBytes(3_500_000))
    // The same size: first with other bytes, then with the same bytes again.
    let other = try put()
    #expect(try put() == other)
    #expect(try session.fetchArtifact(sha256: other.sha256) == storedBytes(3_500_000, 1))
    #expect(Set(try files().map { String($0.suffix(64)) }) == [artifact.sha256, other.sha256])
    // A refused artifact leaves nothing.
    try Data(storedBytes(2_000_000)).write(to: URL(filePath: path))
    try attempt.admin.run("update pra_store.jobs set epoch = epoch + 1")
    #expect(throws: LeaseLost.self) { try put() }
    #expect(try files().count == 2)
  }

  /// The copies of a killed process, before and after a day.
  @Test func abandonedCopiesAreCollected() throws {
    try FileManager.default.createDirectory(
      atPath: "\(store)/sha256", withIntermediateDirectories: false)
    for (name, age) in [("old", 25.0), ("new", 23.0)] {
      let path = "\(store)/sha256/.incoming.\(name)"
      try Data(storedBytes(10)).write(to: URL(filePath: path))
      try FileManager.default.setAttributes(
        [.modificationDate: Date(timeIntervalSinceNow: -age * 3600)], ofItemAtPath: path)
    }
    var connection = owner()
    _ = try connection.collectGarbage(grace: 0, dry: true)
    #expect(try files().count == 2)
    _ = try connection.collectGarbage(grace: 0, dry: false)
    #expect(try files() == ["sha256/.incoming.new"])
  }

  /// A checkpoint's files belong to the stage alone: on the store's file system they are linked,
  /// not copied.
  @Test func aFileOfACheckpointBecomesTheStoredOneWhereItCan() throws {
    let session = try attempt.open()
    defer { session.close() }
    // Another file system than that of the store, which is in the temporary folder.
    let elsewhere = "/dev/shm/pra-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: elsewhere, withIntermediateDirectories: false)
    defer { try? FileManager.default.removeItem(atPath: elsewhere) }
    func device(_ path: String) throws -> Int {
      try #require(FileManager.default.attributesOfItem(atPath: path)[.systemNumber] as? Int)
    }
    func inode(_ path: String) throws -> Int {
      try #require(FileManager.default.attributesOfItem(atPath: path)[.systemFileNumber] as? Int)
    }
    for (step, folder) in [(1, attempt.folder), (2, elsewhere)] {
      let path = "\(folder)/weights.bin"
      try Data(storedBytes(2_000_000, step)).write(to: URL(filePath: path))
      try session.registerCheckpoint(
        step: Int64(step), files: [CheckpointPart(name: "weights.bin", path: path)])
      let sha256 = try attempt.admin.query(
        "select files -> 0 ->> 'sha256' as sha256 from pra.checkpoints where step = $1",
        [.integer(Int64(step))]
      ).single().string("sha256")
      let stored = "\(store)/\(try #require(try files().first { $0.hasSuffix(sha256) }))"
      let isShared = try device(folder) == device(store)
      #expect(try (inode(stored) == inode(path)) == isShared)
      unlink(path)
      #expect(try session.fetchArtifact(sha256: sha256) == storedBytes(2_000_000, step))
      let mode = try FileManager.default.attributesOfItem(atPath: stored)[.posixPermissions]
      #expect(mode as? Int == 0o600)
    }
    #expect(try files().count == 2)
  }

  /// Artifacts in the database stay readable when new ones go elsewhere.
  @Test func everyArtifactIsReadWhereItLies() throws {
    let session = try attempt.open()
    defer { session.close() }
    try attempt.admin.run("select pra.use_store('database')")
    let inside = try put(session, storedBytes(2_000_000, 1))
    try attempt.admin.query("select pra.use_store($1)", [.text("file:\(store)")])
    let outside = try put(session, storedBytes(2_000_000, 2))
    try attempt.admin.run("select pra.use_store('database')")
    #expect(try session.fetchArtifact(sha256: inside.sha256) == storedBytes(2_000_000, 1))
    #expect(try session.fetchArtifact(sha256: outside.sha256) == storedBytes(2_000_000, 2))
    #expect(
      try attempt.admin.query("select location from pra.stores where artifacts > 0").count == 2)
  }

  @Test func damageIsFoundAndNothingIsLeft() throws {
    let session = try attempt.open()
    defer { session.close() }
    let artifact = try put(session, storedBytes(2_000_000))
    let path = "\(store)/\(try files()[0])"
    for damaged in [storedBytes(2_000_000, 1), storedBytes(1_999_999), storedBytes(2_000_001), []]
      as [[UInt8]]
    {
      try Data(damaged).write(to: URL(filePath: path))
      #expect(throws: DamagedArtifact.self) {
        try session.fetchArtifact(sha256: artifact.sha256, to: "\(attempt.folder)/copy")
      }
    }
    unlink(path)
    let error = #expect(throws: DamagedArtifact.self) {
      try session.fetchArtifact(sha256: artifact.sha256, to: "\(attempt.folder)/copy")
    }
    #expect(
      error?.description.hasPrefix(
        "artifact \(artifact.sha256) is missing: there is no \(path); `pra store verify`") == true)
    #expect(!FileManager.default.fileExists(atPath: "\(attempt.folder)/copy"))
  }

  @Test func aStoreThatCannotBeWrittenIsNamedAndNothingIsRegistered() throws {
    let session = try attempt.open()
    defer { session.close() }
    try FileManager.default.removeItem(atPath: store)
    try Data().write(to: URL(filePath: store))
    let error = #expect(throws: StoreAway.self) { try put(session, storedBytes(2_000_000)) }
    #expect(error?.description == "cannot open \(store)/pra-store.json: Not a directory")
    #expect(error?.isRefusal == true)
    #expect(try attempt.count("select count(*) from pra.artifacts") == 0)
  }

  @Test(arguments: [
    ("tape:0", "neither database nor file:/folder nor s3://bucket/prefix"),
    ("file:relative", "neither database nor"), ("file:/a/../b", "absolute path"),
    ("s3://bucket/../x", "letters, digits"),
    ("s3://bucket?color=red", "endpoint=, region= and ca="),
    ("s3://bucket?endpoint=ftp://x", "http:// or https://"), ("s3://bucket", "AWS_ACCESS_KEY_ID"),
  ]) func aLocationThatCannotBeIsRefused(location: String, words: String) throws {
    var connection = owner()
    let error = #expect(throws: (any Error).self) { try connection.probe(location) }
    #expect("\(error!)".contains(words), "\(error!)")
  }

  /// A folder of another machine that is not mounted is an outage, and no fault of the attempt.
  @Test func aFolderThatIsAwayIsWaitedFor() throws {
    let session = try attempt.open()
    defer { session.close() }
    let first = try put(session, storedBytes(2_000_000))
    let away = "\(store)-away"
    #expect(rename(store, away) == 0)
    defer { try? FileManager.default.removeItem(atPath: away) }
    let folder = store
    let path = try attempt.write(storedBytes(3_000_000), to: "weights.bin")
    try session.beginCheckpoint(step: 1) { _ in
      [CheckpointPart(name: "weights.bin", path: path)]
    }
    try wait { session.heldUpBy == .store }
    #expect(try session.waitForCheckpointOrOutage() == .store)
    let copy = "\(attempt.folder)/copy"
    let mounting = try DedicatedThread("mount") {
      while access("\(copy).partial", F_OK) != 0 { usleep(1000) }
      _ = rename(away, folder)
    }
    try session.fetchArtifact(sha256: first.sha256, to: copy)
    mounting.join()
    // Its writer tries again after a pause.
    try wait { try session.waitForCheckpointOrOutage() == nil }
    #expect(try session.latestCheckpoint(ofJob: attempt.job)?.step == 1)
  }

  // MARK: garbage

  @Test func onlyWhatNothingRefersToIsCollectedAfterItsGrace() throws {
    let session = try attempt.open()
    let kept = try put(session, storedBytes(2_000_000, 1))
    _ = try put(session, storedBytes(2_000_000, 2))
    try attempt.admin.run("select pra.use_store('database')")
    _ = try put(session, storedBytes(2_000_000, 3))
    _ = try put(session, [1])
    var connection = owner()
    // A running attempt may refer to its stored artifacts when it finishes.
    #expect(try connection.collectGarbage(grace: 0, dry: false)[0].count == 0)
    try session.finish(outputs: ["weights": kept])
    #expect(try connection.collectGarbage(grace: 3600, dry: false)[0].count == 0)
    #expect(try connection.collectGarbage(grace: 0, dry: true)[0].count == 3)
    #expect(try files().count == 2)
    #expect(try connection.collectGarbage(grace: 0, dry: false)[0].bytes == 4_000_001)
    #expect(try files().count == 1)
    #expect(try attempt.count("select count(*) from pra_store.artifact_chunks") == 0)
    #expect(try attempt.count("select count(*) from pra_store.uploads") == 0)
    #expect(try attempt.count("select count(*) from pra_store.objects") == 1)
    var reader = ArtifactStore(
      RetryingConnection(
        url: attempt.url, role: .read, name: "test", giveUp: { true }, report: { _ in }))
    #expect(try reader.bytes(sha256: kept.sha256) == storedBytes(2_000_000, 1))
  }

  /// Only the arguments of the ingest job name the run's data.
  @Test func whatAJobNamesIsKept() throws {
    let session = try attempt.open()
    let named = try put(session, storedBytes(2_000_000))
    try session.finish(outputs: [:])
    try attempt.admin.query(
      "select pra.enqueue('ingest', 1, $1::jsonb)",
      [.text(#"{"deep": {"list": ["\#(named.sha256)"]}}"#)])
    var connection = owner()
    #expect(try connection.collectGarbage(grace: 0, dry: false)[0].count == 0)
  }

  /// A job that a schedule will enqueue, and elements of an array that are not claimed yet.
  @Test(arguments: [
    """
    select pra.schedule(
      name => 'nightly', cron => '0 3 * * *', run => 1, kind => 'ingest', arguments => $1::jsonb)
    """,
    "select pra.enqueue_many('ingest', 1, array['{}'::jsonb, $1::jsonb])",
  ])
  func whatAJobToComeNamesIsKept(_ statement: String) throws {
    let session = try attempt.open()
    let named = try put(session, storedBytes(2_000_000))
    try session.finish(outputs: [:])
    try attempt.admin.query(statement, [.text(#"{"deep": {"list": ["\#(named.sha256)"]}}"#)])
    var connection = owner()
    #expect(try connection.collectGarbage(grace: 0, dry: false)[0].count == 0)
  }

  /// A collector that died between marking and deleting, and bytes that are then stored again.
  @Test func markedBytesAreWrittenAnew() throws {
    let session = try attempt.open()
    let original = storedBytes(2_000_000)
    _ = try put(session, original)
    try session.finish(outputs: [:])
    try attempt.admin.run("select * from pra.collect_garbage('0 s')")
    #expect(
      try attempt.count("select count(*) from pra_store.objects where state = 'deleting'") == 1)
    #expect(try attempt.count("select count(*) from pra.artifacts") == 0)

    let next = try Attempt(attempt.url)
    let again = try next.open()
    let artifact = try put(again, original)
    var connection = owner()
    _ = try connection.collectGarbage(grace: 3600, dry: false)
    #expect(try again.fetchArtifact(sha256: artifact.sha256) == original)
    try again.finish(outputs: ["weights": artifact])
  }

  @Test func anUploadThatWasNeverFinishedIsCollected() throws {
    let folder = "\(store)/sha256/ab/cd"
    let name = "abcd" + String(repeating: "0", count: 60)
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try Data([1]).write(to: URL(filePath: "\(folder)/\(name)"))
    try attempt.admin.query("select * from pra_store.begin_object($1, 1)", [.text(name)])
    try attempt.open().finish(outputs: [:])
    var connection = owner()
    _ = try connection.collectGarbage(grace: 0, dry: false)
    #expect(try files().isEmpty)
    #expect(try attempt.count("select count(*) from pra_store.objects") == 0)
  }

  /// Losses 9, 1, 5, 4, 3, one checkpoint after each step.
  @Test func checkpointsAreKeptByRule() throws {
    let session = try attempt.open()
    for (step, loss) in [9.0, 1, 5, 4, 3].enumerated() {
      session.record([MetricPoint(name: "loss", step: Int64(step), value: loss)])
      let path = try attempt.write([UInt8(step)], to: "state")
      try session.registerCheckpoint(
        step: Int64(step + 1), files: [CheckpointPart(name: "state", path: path)])
    }
    func reasons(_ rules: Retention, dry: Bool) throws -> [String] {
      var connection = owner()
      return try connection.retain(rules, run: nil, dry: dry).map { $0.reason ?? "-" }
    }
    #expect(try reasons(Retention(), dry: true) == ["-", "-", "-", "-", "last"])
    #expect(
      try reasons(Retention(keepLast: 2, keepBest: 1, keepEvery: 3), dry: true)
        == ["-", "best", "every", "last", "last"])
    // A job that has not ended may read its newest.
    #expect(try reasons(Retention(keepLast: 0), dry: true) == ["-", "-", "-", "-", "last"])
    #expect(throws: PostgresError.self) { try reasons(Retention(keepLast: -1), dry: true) }
    // By a series that the job does not have nobody knows which is the best: all stay.
    for metric in ["losss", "validation.loss"] {
      #expect(
        try reasons(Retention(keepBest: 1, metric: metric), dry: false)
          == ["not rated", "not rated", "not rated", "not rated", "last"])
    }
    let run = try attempt.count("select run_id from pra.jobs where id = \(attempt.job)")
    var named = owner()
    #expect {
      try named.retain(Retention(keepBest: 1, metric: "losss"), run: run, dry: false)
    } throws: {
      "\($0)".contains(
        "run \(run) has no points of the series \"losss\", by which its best checkpoints would be chosen; "
          + "it has loss")
    }
    #expect(try attempt.count("select count(*) from pra.checkpoints") == 5)
    #expect(try reasons(Retention(keepBest: 1), dry: false).count == 5)
    let left = try attempt.admin.query("select step from pra.checkpoints order by step")
    #expect(try left.map { try $0.integer("step") } == [2, 5])
    #expect(try session.latestCheckpoint(ofJob: attempt.job)?.step == 5)
    session.close()
  }

  /// The third attempt continues from step 3 of the second, whose steps 4 and 5 then belong to no
  /// series: otherwise its step 4 would be the second best.
  @Test("the best checkpoints are those of the series that survives")
  func survivors() throws {
    func step(_ session: StageSession, _ step: Int64, _ loss: Double) throws {
      session.record([MetricPoint(name: "loss", step: step - 1, value: loss)])
      let path = try attempt.write([UInt8(step), UInt8(attempt.epoch)], to: "state")
      try session.registerCheckpoint(step: step, files: [CheckpointPart(name: "state", path: path)])
    }
    let first = try attempt.open()
    for (i, loss) in [9.0, 7].enumerated() { try step(first, Int64(i + 1), loss) }
    first.close()
    try attempt.claim()
    let second = try attempt.open()
    #expect(try second.latestCheckpoint(ofJob: attempt.job)?.step == 2)
    for (i, loss) in [1.0, 2, 6].enumerated() { try step(second, Int64(i + 3), loss) }
    second.close()
    try attempt.claim()
    let third = "\(attempt.job), \(attempt.epoch)"
    let token = "token => '\(attempt.token)'"
    try attempt.admin.run(
      """
      select pra.continue_from(\(third), 2, 3, \(token));
      insert into pra_store.metric_staging (job_id, epoch, token, batch, name, steps, "values")
      values (\(third), '\(attempt.token)', 1, 'loss', '{3,4}', '{4,8}');
      select pra.absorb_metrics(\(third), 1, \(token));
      select pra.register_checkpoint(\(third), step, files, \(token))
      from pra.checkpoints where epoch = 2 and step > 3
      """)
    let kept = try attempt.admin.query(
      "select * from pra.retain_checkpoints(null, keep_best => 2, dry => true)"
    ).map { "\(try $0.string("epoch")) \(try $0.string("step")) \(try $0.text("reason") ?? "-")" }
    #expect(kept == ["1 1 -", "1 2 -", "2 3 best", "2 4 -", "2 5 -", "3 4 best", "3 5 last"])
  }

  @Test func nobodyButTheOwnerCollects() throws {
    for role in [DatabaseRole.read, .worker, .submit] {
      let connection = try Connection(attempt.url, role: role)
      for call in [
        "collect_garbage()", "use_store('database')", "drop_metrics(now())", "drop_events(now())",
      ] {
        #expect(throws: PostgresError.self) { try connection.run("select pra.\(call)") }
      }
    }
  }
}
