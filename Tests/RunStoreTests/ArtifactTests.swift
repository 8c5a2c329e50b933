import DatabaseTesting
import Digest
import Foundation
import JobQueue
import Postgres
import RunStore
import StageKit
import Testing

@Suite struct ArtifactTests {
  let database: TestDatabase
  let attempt: Attempt
  let session: StageSession

  init() throws {
    database = try TestDatabase.create()
    attempt = try Attempt(database.url)
    session = try attempt.open()
  }

  private func bytes(_ count: Int) -> [UInt8] {
    var generator = SystemRandomNumberGenerator()
    return (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
  }

  /// FIPS 180-4, NIST's examples: the empty text and "abc".
  @Test func theDigestIsSHA256() {
    #expect(
      SHA256.hexadecimal(of: [])
        == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    #expect(
      SHA256.hexadecimal(of: Array("abc".utf8))
        == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
  }

  @Test(arguments: [0, 1, 1 << 20, 1 << 20 + 1, 3 << 20, 3_500_000])
  func aFileComesBackAsItWas(size: Int) throws {
    defer { session.close() }
    let original = bytes(size)
    let path = try attempt.write(original, to: "original")
    let artifact = try session.storeArtifact(
      file: path, name: "weights.bin", mediaType: "application/octet-stream")
    #expect(artifact.size == Int64(size))
    #expect(artifact.sha256 == SHA256.hexadecimal(of: original))
    try session.fetchArtifact(sha256: artifact.sha256, to: "\(attempt.folder)/copy")
    #expect(try Data(contentsOf: URL(filePath: "\(attempt.folder)/copy")) == Data(original))
  }

  @Test func bytesAreStoredOnce() throws {
    defer { session.close() }
    let original = bytes(2_000_000)
    let first = try session.storeArtifact(bytes: original, name: "a", mediaType: "image/png")
    let second = try session.storeArtifact(bytes: original, name: "b", mediaType: "image/png")
    #expect(first.sha256 == second.sha256)
    #expect(try attempt.count("select count(*) from pra_store.artifacts") == 1)
    #expect(try attempt.count("select count(*) from pra_store.artifact_chunks") == 2)
  }

  @Test func aDamagedArtifactIsNamedAndLeavesNoFile() throws {
    defer { session.close() }
    let artifact = try session.storeArtifact(
      bytes: bytes(2_000_000), name: "a", mediaType: "image/png")
    try attempt.admin.run(
      "update pra_store.artifact_chunks set bytes = set_byte(bytes, 5, 255 - get_byte(bytes, 5))")
    let error = #expect(throws: DamagedArtifact.self) {
      try session.fetchArtifact(sha256: artifact.sha256, to: "\(attempt.folder)/copy")
    }
    #expect(error?.description.hasPrefix("artifact \(artifact.sha256) is damaged") == true)
    #expect(try FileManager.default.contentsOfDirectory(atPath: attempt.folder).isEmpty)
  }

  @Test func aMissingArtifactIsNamed() throws {
    defer { session.close() }
    let name = String(repeating: "0", count: 64)
    let error = #expect(throws: StoreError.self) {
      try session.fetchArtifact(sha256: name, to: "\(attempt.folder)/copy")
    }
    #expect(error?.description == "there is no artifact \(name)")
  }

  @Test(arguments: [
    "", "../weights", "a/b", "-x", "a..b", "a\0b", String(repeating: "a", count: 201),
  ])
  func aNameThatCouldBeAPathIsRefused(name: String) throws {
    defer { session.close() }
    #expect(throws: StoreError.self) {
      try session.storeArtifact(bytes: [1], name: name, mediaType: "image/png")
    }
  }

  @Test func aMissingFileIsNamed() throws {
    defer { session.close() }
    let error = #expect(throws: StoreError.self) {
      try session.storeArtifact(file: "/nowhere/x.tar", name: "x.tar", mediaType: "a/b")
    }
    #expect(error?.description == "cannot open /nowhere/x.tar: No such file or directory")
  }

  @Test func aSubmitterStoresWhatAStageFetches() throws {
    defer { session.close() }
    let original = bytes(1_500_000)
    var submitter = ArtifactStore(
      RetryingConnection(
        url: database.url, role: .submit, name: "test", giveUp: { true }, report: { _ in }))
    let path = try attempt.write(original, to: "emoji.tar")
    let artifact = try submitter.store(
      file: path, name: "emoji.tar", mediaType: "application/x-tar", owner: .submitter)
    #expect(try session.fetchArtifact(sha256: artifact.sha256) == original)
  }
}
