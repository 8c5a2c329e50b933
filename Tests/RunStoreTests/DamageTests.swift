// Artifacts that are damaged, lost or falsely reserved: they come back, and nothing is lost by it.

import DatabaseTesting
import Digest
import Foundation
import JobQueue
import ObjectServer
import Postgres
import RunStore
import StageKit
import Testing

/// A place of the artifacts of a test.
enum Place: String, CaseIterable, Sendable {
  /// In its row, in rows of 1 MiB, in a folder.
  case inline, database, file
}

/// A harm to the stored bytes.
enum Harm: String, CaseIterable, Sendable {
  case changed, shorter, gone
}

@Suite struct DamageTests {
  let attempt: Attempt
  let store: String

  init() throws {
    attempt = try Attempt(try TestDatabase.create().url)
    store = "\(attempt.folder)/store"
    try FileManager.default.createDirectory(atPath: store, withIntermediateDirectories: false)
  }

  private func use(_ place: Place) throws {
    if place == .file {
      try attempt.admin.query("select pra.use_store($1)", [.text("file:\(store)")])
    }
  }

  /// Harms the stored bytes behind the back of the database.
  private func harm(_ artifact: Artifact, _ place: Place, _ harm: Harm) throws {
    let sha256 = "decode('\(artifact.sha256)', 'hex')"
    switch (place, harm) {
    case (.inline, _):
      try attempt.admin.run(
        "update pra_store.artifacts set bytes = set_byte(bytes, 5, 255 - get_byte(bytes, 5)) where sha256 = \(sha256)"
      )
    case (.database, .changed):
      try attempt.admin.run(
        "update pra_store.artifact_chunks set bytes = set_byte(bytes, 5, 255 - get_byte(bytes, 5))")
    case (.database, .shorter):
      try attempt.admin.run(
        "update pra_store.artifact_chunks set bytes = substr(bytes, 2) where ordinal = 1")
    case (.database, .gone):
      try attempt.admin.run("delete from pra_store.artifact_chunks where ordinal = 1")
    case (.file, _):
      let path = try #require(try objects().first { $0.contains(artifact.sha256) })
      let file = URL(filePath: "\(store)/\(path)")
      switch harm {
      case .changed:
        var bytes = try Data(contentsOf: file)
        bytes[5] ^= 1
        try bytes.write(to: file)
      case .shorter: try Data(contentsOf: file).dropLast().write(to: file)
      case .gone: try FileManager.default.removeItem(at: file)
      }
    }
  }

  /// Files of the store but its mark.
  private func objects() throws -> [String] {
    let names = FileManager.default.enumerator(atPath: store)?.compactMap { $0 as? String } ?? []
    return names.filter { $0.split(separator: "/").last!.count >= 64 }
  }

  private func put(_ session: StageSession, _ bytes: [UInt8]) throws -> Artifact {
    try session.storeArtifact(
      bytes: bytes, name: "weights.bin", mediaType: "application/octet-stream")
  }

  private func suspects() throws -> Int64 {
    try attempt.count("select count(*) from pra.artifacts where suspect_at is not null")
  }

  @Test(
    "what a reader finds damaged or missing is stored again", arguments: Place.allCases,
    Harm.allCases)
  func storedAgain(place: Place, harm: Harm) throws {
    try use(place)
    let session = try attempt.open()
    defer { session.close() }
    let original = storedBytes(place == .inline ? 1000 : 2_500_000)
    let artifact = try put(session, original)
    #expect(try session.fetchArtifact(sha256: artifact.sha256) == original)
    try self.harm(artifact, place, harm)
    let error = #expect(throws: DamagedArtifact.self) {
      try session.fetchArtifact(sha256: artifact.sha256)
    }
    #expect(error?.description.hasPrefix("artifact \(artifact.sha256) is ") == true)
    #expect(try suspects() == 1)
    #expect(
      try attempt.count("select count(*) from pra.events where kind = 'artifact.suspect'") == 1)
    #expect(try put(session, original) == artifact)
    #expect(try session.fetchArtifact(sha256: artifact.sha256) == original)
    #expect(try suspects() == 0)
    let unverified = "select count(*) from pra.artifacts where not verified"
    if place == .file {
      // The server cannot read it, and the login that stored it does not answer for it.
      #expect(try attempt.count(unverified) == 1)
      try attempt.admin.query(
        "select pra.confirm_stored($1, null, store, copy) from pra.artifact_copies($1) limit 1",
        [.text(artifact.sha256)])
    }
    #expect(try attempt.count(unverified) == 0)
  }

  /// A copy that a login wrote and only it has read replaces nobody's: garbage collection keeps the other.
  @Test func nobodyAnswersForTheirOwnCopy() throws {
    try use(.file)
    let session = try attempt.open()
    defer { session.close() }
    let original = storedBytes(2_500_000)
    let artifact = try put(session, original)
    #expect(try session.fetchArtifact(sha256: artifact.sha256) == original)
    let (it, size) = ("\(attempt.job), \(attempt.epoch)", original.count)
    let (sha256, token) = ("'\(artifact.sha256)'", "'\(attempt.token)'")
    try attempt.admin.run(
      """
      select pra.doubt_artifact(\(it), \(sha256), null, 1, 0, 'x', \(token));
      select pra.begin_object(\(it), \(sha256), \(size), \(token));
      select pra.commit_object(\(it), 1, \(sha256), \(size), 'application/octet-stream', 1, null, \(token));
      select pra.confirm_artifact(\(it), \(sha256), null, 1, 1, \(token));
      update pra_store.objects set touched_at = touched_at - interval '2 days';
      update pra_store.artifacts set touched_at = touched_at - interval '2 days';
      """)
    #expect(
      try attempt.count(
        "select number from pra.collect_garbage(interval '0', true) where what = 'further copies'")
        == 0)
    #expect(try session.fetchArtifact(sha256: artifact.sha256) == original)
  }

  @Test(
    "a writer looks whether the bytes are there", arguments: [Place.database, .file],
    [Harm.shorter, .gone])
  func looks(place: Place, harm: Harm) throws {
    try use(place)
    let session = try attempt.open()
    defer { session.close() }
    let original = storedBytes(2_500_000)
    let artifact = try put(session, original)
    try self.harm(artifact, place, harm)
    // Nobody has read it meanwhile: the second writer believes no row.
    #expect(try put(session, original) == artifact)
    #expect(try session.fetchArtifact(sha256: artifact.sha256) == original)
  }

  @Test("a submitter stores again what a run's data had lost", arguments: [Place.database, .file])
  func submittedAgain(place: Place) throws {
    try use(place)
    let session = try attempt.open()
    defer { session.close() }
    var submitter = ArtifactStore(connect(.submit))
    let path = try attempt.write(storedBytes(2_500_000), to: "emoji.tar")
    func submit() throws -> Artifact {
      try submitter.store(
        file: path, name: "emoji.tar", mediaType: "application/x-tar", owner: .submitter)
    }
    let artifact = try submit()
    try harm(artifact, place, .changed)
    #expect(throws: DamagedArtifact.self) { try session.fetchArtifact(sha256: artifact.sha256) }
    #expect(try submit() == artifact)
    #expect(try session.fetchArtifact(sha256: artifact.sha256) == storedBytes(2_500_000))
  }

  /// A reader of `pra_read` may write nothing, not even that.
  @Test func aReaderWithoutTheRightLeavesNoMark() throws {
    let session = try attempt.open()
    defer { session.close() }
    let artifact = try put(session, storedBytes(2_500_000))
    try harm(artifact, .database, .changed)
    var reader = ArtifactStore(connect(.read))
    #expect(throws: DamagedArtifact.self) { try reader.bytes(sha256: artifact.sha256) }
    #expect(try suspects() == 0)
    var telling = ArtifactStore(connect(.read), doubting: connect(.submit))
    #expect(throws: DamagedArtifact.self) { try telling.bytes(sha256: artifact.sha256) }
    #expect(try suspects() == 1)
  }

  // MARK: owners of uploads

  private func connect(_ role: DatabaseRole, _ login: String? = nil) -> RetryingConnection {
    let url = login.map { attempt.url.with("user", $0) } ?? attempt.url
    return RetryingConnection(
      url: url, role: role, name: "test", giveUp: { true }, report: { _ in })
  }

  /// Makes a login, whose name no other test has.
  private func login(_ roles: String) throws -> String {
    let name = "login_" + UUID().uuidString.lowercased().replacing("-", with: "")
    try attempt.admin.run("create role \(name) login in role \(roles)")
    return name
  }

  @Test(
    "zeros under the hash of well-known weights harm nobody else",
    arguments: [Place.database, .file])
  func zeros(place: Place) throws {
    try use(place)
    // Above 64 MiB the server does not compute the SHA-256.
    let size = place == .database ? 65 << 20 : 2_500_000
    let weights = storedBytes(size)
    let sha256 = SHA256.hexadecimal(of: weights)
    let (ann, mallory) = (try login("pra_submit"), try login("pra_submit"))
    let path = try attempt.write(weights, to: "inception.pth")
    func submit(_ login: String) throws {
      var store = ArtifactStore(connect(.submit, login))
      _ = try store.store(
        file: path, name: "inception.pth", mediaType: "application/octet-stream", owner: .submitter)
    }
    let evil = try Connection(attempt.url.with("user", mallory), role: .submit)
    func reserve() throws {
      if place == .database {
        let upload = try evil.query(
          "select pra.begin_submission($1, $2, 'a/b')", [.text(sha256), .integer(Int64(size))])
        let number = try #require(upload[0].text(at: 0))
        try evil.run(
          "select pra.submit_chunk(\(number), n, decode(repeat('00', 1048576), 'hex')) from generate_series(0, 64) as n"
        )
        try evil.run("select pra.commit_submission(\(number))")
      } else {
        let begun = try evil.query(
          "select store, object, copy from pra.begin_submitted_object($1, $2)",
          [.text(sha256), .integer(Int64(size))]
        ).single()
        let object = try begun.string("object")
        let folder = "\(store)/sha256/\(sha256.prefix(2))/\(sha256.dropFirst(2).prefix(2))"
        try FileManager.default.createDirectory(
          atPath: folder, withIntermediateDirectories: true)
        try Data(count: size).write(to: URL(filePath: "\(folder)/\(object)"))
        try evil.query(
          "select pra.commit_submitted_object($1, $2, $3, 'a/b', $4)",
          [
            .integer(try begun.integer("store")), .text(sha256), .integer(Int64(size)),
            .integer(try begun.integer("copy")),
          ])
      }
    }
    try reserve()
    try submit(ann)
    let session = try attempt.open()
    #expect(SHA256.hexadecimal(of: try session.fetchArtifact(sha256: sha256)) == sha256)
    // A reader has checked Ann's copy: it counts for everybody, and nobody replaces it.
    #expect(try attempt.count("select count(*) from pra.artifacts where verified") == 1)
    try evil.query(
      "select pra.submit_doubt(sha256, upload, store, copy, 'lies') from pra.artifacts as a, pra.artifact_copies(a.sha256)"
    )
    try reserve()
    #expect(SHA256.hexadecimal(of: try session.fetchArtifact(sha256: sha256)) == sha256)
    #expect(try suspects() == 0)
    try session.finish(outputs: [
      "weights": Artifact(
        sha256: sha256, size: Int64(size), name: "weights", mediaType: "a/b")
    ])
    // Garbage collection removes what Mallory wrote, and nothing else.
    var owner = ArtifactStore(connect(.owner), reader: .administrator)
    _ = try owner.collectGarbage(grace: 0, dry: false)
    #expect(try objects().count == (place == .file ? 1 : 0))
    #expect(
      try attempt.count("select count(*) from pra_store.uploads") == (place == .file ? 0 : 1))
    #expect(try SHA256.hexadecimal(of: owner.bytes(sha256: sha256)) == sha256)
  }

  @Test(
    "a false doubt loses nothing, even when its author stores other bytes",
    arguments: Place.allCases)
  func falseDoubt(place: Place) throws {
    try use(place)
    let session = try attempt.open()
    let original = storedBytes(place == .inline ? 1000 : 2_500_000)
    let artifact = try put(session, original)
    let mallory = try Connection(
      attempt.url.with("user", try login("pra_submit")), role: .submit)
    func doubt() throws {
      try mallory.query(
        "select pra.submit_doubt($1, upload, store, copy, 'lies') from pra.artifact_copies($1)",
        [.text(artifact.sha256)])
    }
    try doubt()
    // The server checks by itself the bytes that it can check.
    #expect(try suspects() == (place == .file ? 1 : 0))
    var owner = ArtifactStore(connect(.owner), reader: .administrator)
    _ = try owner.collectGarbage(grace: 0, dry: false)
    #expect(try session.fetchArtifact(sha256: artifact.sha256) == original)
    #expect(try suspects() == 0)
    session.close()
  }

  @Test("chunks go into the own upload alone")
  func othersUploads() throws {
    let (ann, mallory) = (
      try Connection(attempt.url.with("user", try login("pra_submit")), role: .submit),
      try Connection(attempt.url.with("user", try login("pra_submit")), role: .submit)
    )
    let upload = try #require(
      try ann.query("select pra.begin_submission(repeat('0', 64), 2000000, 'a/b')")[0].text(at: 0))
    for statement in [
      "select pra.submit_chunk(\(upload), 1, decode(repeat('00', 951424), 'hex'))",
      "select pra.commit_submission(\(upload))",
    ] {
      let error = #expect(throws: PostgresError.self) { try mallory.run(statement) }
      #expect(error?.sqlState == "PR002")
    }
  }

  // MARK: checkpoints

  private func register(_ session: StageSession, step: Int64) throws {
    // A file of its own: the store may keep it.
    let path = try attempt.write(
      storedBytes(2_500_000, Int(step)), to: "weights-\(attempt.epoch)-\(step)")
    try session.registerCheckpoint(
      step: step, files: [CheckpointPart(name: "weights.bin", path: path)])
  }

  private func checkpointFile(_ step: Int64) throws -> Artifact {
    let sha256 = try attempt.admin.query(
      "select files -> 0 ->> 'sha256' as sha256 from pra.checkpoints where step = $1",
      [.integer(step)]
    ).single().string("sha256")
    return Artifact(sha256: sha256, size: 2_500_000, name: "weights.bin", mediaType: "a/b")
  }

  @Test(
    "a job goes on from its newest checkpoint that reads",
    arguments: [[20], [20, 10]] as [[Int64]])
  func fallsBack(damaged: [Int64]) throws {
    try use(.file)
    let first = try attempt.open()
    for step in [10, 20] as [Int64] {
      first.record([MetricPoint(name: "loss", step: step - 1, value: 1)])
      try register(first, step: step)
    }
    first.close()
    for step in damaged { try harm(try checkpointFile(step), .file, .gone) }
    try attempt.claim()
    let second = try attempt.open()
    defer { second.close() }
    var skipped: [Int64] = []
    let found = try second.resume {
      _ = try second.fetchArtifact(sha256: $0.files["weights.bin"]!.sha256)
    } skipped: { checkpoint, _ in
      skipped.append(checkpoint.step)
    }
    #expect(skipped == damaged)
    #expect(found?.step == (damaged.count == 1 ? 10 : nil))
    // Steps of the first attempt survive that the second one does not make again.
    #expect(try attempt.series("loss") == (damaged.count == 1 ? ["9=1 of 1"] : []))
    // The same steps make the same bytes, which are whole again.
    try register(second, step: 20)
    let again = storedBytes(2_500_000, 20)
    #expect(try second.fetchArtifact(sha256: SHA256.hexadecimal(of: again)) == again)
  }

  @Test("rules never drop the checkpoint that reads for one that does not")
  func suspectsCountForNoRule() throws {
    try use(.file)
    let session = try attempt.open()
    defer { session.close() }
    for step in [10, 20] as [Int64] { try register(session, step: step) }
    let newest = try checkpointFile(20)
    try harm(newest, .file, .changed)
    #expect(throws: DamagedArtifact.self) { try session.fetchArtifact(sha256: newest.sha256) }
    var owner = ArtifactStore(connect(.owner))
    let kept = try owner.retain(Retention(keepLast: 1), run: nil, dry: false)
    #expect(kept.map { $0.reason } == ["last", "suspect"])
  }

  // MARK: verification

  @Test func aVerificationNamesWhatDoesNotRead() throws {
    let session = try attempt.open()
    let small = try put(session, storedBytes(1000))
    let rows = try put(session, storedBytes(2_500_000, 1))
    try use(.file)
    let file = try put(session, storedBytes(2_500_000, 2))
    let whole = try put(session, storedBytes(2_500_000, 3))
    try session.finish(outputs: ["small": small, "rows": rows, "file": file, "whole": whole])
    try harm(small, .inline, .changed)
    try harm(rows, .database, .changed)
    try harm(file, .file, .gone)
    var owner = ArtifactStore(connect(.owner), reader: .administrator)
    let found = try owner.verify()
    #expect(found.artifacts == 4)
    #expect(Set(found.suspects.map(\.sha256)) == [small.sha256, rows.sha256, file.sha256])
    #expect(
      Set(found.suspects.flatMap(\.uses).map(\.what)) == [
        "output small", "output rows", "output file",
      ])
    #expect(found.suspects.allSatisfy { $0.remedy.contains("stored anew") && !$0.reason.isEmpty })
    #expect(
      try attempt.count("select count(*) from pra.artifacts where verified and suspect_at is null")
        == 1)
    // The same work again.
    let again = try Attempt(attempt.url)
    let next = try again.open()
    _ = try put(next, storedBytes(1000))
    _ = try put(next, storedBytes(2_500_000, 1))
    _ = try put(next, storedBytes(2_500_000, 2))
    next.close()
    #expect(try owner.verify().suspects.isEmpty)
  }
}
