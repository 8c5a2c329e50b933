// Damage, owners and killed uploads of buckets.

import DatabaseTesting
import Digest
import Dispatch
import Foundation
import JobQueue
import ObjectServer
import Postgres
import StageKit
import Synchronization
import Testing

@testable import RunStore

@Suite struct BucketDamageTests {
  let world: BucketWorld
  let attempt: Attempt
  private let bytes = storedBytes(2_500_000)

  init() throws {
    world = try BucketWorld()
    attempt = try Attempt(try TestDatabase.create().url)
    try attempt.admin.query("select pra.use_store($1)", [.text(world.location)])
  }

  private func owner(_ url: DatabaseURL) -> ArtifactStore { Self.owner(url, world.environment) }

  private static func owner(_ url: DatabaseURL, _ environment: [String: String]) -> ArtifactStore {
    ArtifactStore(
      RetryingConnection(
        url: url, role: .owner, name: "test", giveUp: { true }, report: { _ in }),
      environment: environment, patience: .probe(), reader: .administrator)
  }

  private func put(_ session: StageSession, _ bytes: [UInt8]) throws -> Artifact {
    try session.storeArtifact(bytes: bytes, name: "weights.bin", mediaType: "a/b")
  }

  @Test(
    "an object that is damaged or gone is stored again", arguments: Harm.allCases, [true, false])
  func storedAgain(harm: Harm, isRead: Bool) throws {
    let session = try attempt.open(world.environment)
    defer { session.close() }
    let artifact = try put(session, bytes)
    switch harm {
    case .changed: world.server.put(storedBytes(2_500_000, 1), sha256: artifact.sha256)
    case .shorter: world.server.put(Array(bytes.dropLast()), sha256: artifact.sha256)
    case .gone: world.server.remove(sha256: artifact.sha256)
    }
    // Other bytes of the same size are seen by a reader alone.
    if isRead || harm == .changed {
      #expect(throws: DamagedArtifact.self) { try session.fetchArtifact(sha256: artifact.sha256) }
    }
    #expect(try put(session, bytes) == artifact)
    #expect(try session.fetchArtifact(sha256: artifact.sha256) == bytes)
    // The login that stored it does not answer for it while another copy is there.
    #expect(
      try attempt.count("select count(*) from pra.artifacts where verified or suspect_at is null")
        == 1)
  }

  @Test("bytes that are there are looked for, not sent again")
  func looks() throws {
    let session = try attempt.open(world.environment)
    defer { session.close() }
    _ = try put(session, bytes)
    world.server.answer { _, _ in nil }
    _ = try put(session, bytes)
    #expect(world.server.requests.map(\.method) == ["HEAD"])
  }

  @Test("of several databases at once exactly one gets the bucket, and no other writes there")
  func oneOwner() throws {
    let urls = try (0..<4).map { _ in try TestDatabase.create().url }
    let won = Mutex<[Int]>([])
    let location = "s3://bucket/team?endpoint=\(world.server.endpoint)"
    let environment = world.environment
    DispatchQueue.concurrentPerform(iterations: urls.count) { number in
      var store = Self.owner(urls[number], environment)
      if (try? store.claim(location, takingOver: false)) != nil {
        won.withLock { $0.append(number) }
      }
    }
    let winners = won.withLock { $0 }
    #expect(winners.count == 1)
    let loser = try Attempt(urls[winners == [0] ? 1 : 0])
    try loser.admin.query("select pra.use_store($1)", [.text(location)])
    let session = try loser.open(world.environment)
    defer { session.close() }
    let error = #expect(throws: StoreError.self) { try put(session, bytes) }
    #expect(error?.description.contains("belongs to another database") == true)
  }

  @Test func aPrefixThatIsInUseIsRefused() throws {
    world.server.put([1], sha256: String(repeating: "0", count: 64), prefix: "bucket/theirs")
    var store = owner(attempt.url)
    func refusal(_ prefix: String) -> String {
      do {
        _ = try store.claim(
          "s3://bucket\(prefix)?endpoint=\(world.server.endpoint)/", takingOver: false)
        return ""
      } catch {
        return "\(error)"
      }
    }
    #expect(refusal("/theirs").contains("it is not empty"))
    #expect(refusal("/ours") == "")
    // Keys that may not list.
    world.server.answer { request, _ in
      request.query["list-type"] == nil ? nil : .error(403, "AccessDenied")
    }
    #expect(refusal("/theirs") == "")
  }

  @Test("an upload in parts that was killed is aborted by its recorded number")
  func killedUpload() throws {
    let session = try attempt.open(world.environment)
    world.server.answer { request, _ in
      // The first part arrives, then the writer dies: it can neither go on nor abort.
      guard request.query["uploadId"] != nil, request.query["partNumber"] != "1" else { return nil }
      return .error(400, "EntityTooLarge")
    }
    #expect(throws: StoreError.self) { try put(session, storedBytes(20 << 20)) }
    try session.finish(outputs: [:])
    #expect(world.server.openUploads == 1)
    world.server.answer { _, _ in nil }
    var store = owner(attempt.url)
    _ = try store.collectGarbage(grace: 3600, dry: false)
    #expect(world.server.openUploads == 1)
    _ = try store.collectGarbage(grace: 0, dry: false)
    #expect(world.server.openUploads == 0)
    #expect(try attempt.count("select count(*) from pra_store.multipart_uploads") == 0)
    #expect(try attempt.count("select count(*) from pra_store.objects") == 0)
  }

  @Test("an upload that went through leaves no number")
  func wholeUpload() throws {
    let session = try attempt.open(world.environment)
    defer { session.close() }
    let large = storedBytes(20 << 20)
    let artifact = try put(session, large)
    #expect(try session.fetchArtifact(sha256: artifact.sha256) == large)
    #expect(try attempt.count("select count(*) from pra_store.multipart_uploads") == 0)
  }

  @Test("a bucket that does not answer keeps no other store from being collected")
  func awayBucket() throws {
    let session = try attempt.open(world.environment)
    _ = try put(session, bytes)
    let folder = "\(attempt.folder)/store"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
    try attempt.admin.query("select pra.use_store($1)", [.text("file:\(folder)")])
    let second = try put(session, storedBytes(2_500_000, 1))
    try session.finish(outputs: [:])
    world.server.answer { _, _ in .error(503, "SlowDown") }
    var store = owner(attempt.url)
    var failed: [String] = []
    _ = try store.collectGarbage(grace: 0, dry: false) { location, _ in failed.append(location) }
    #expect(failed == [world.location])
    #expect(
      !FileManager.default.fileExists(
        atPath:
          "\(folder)/sha256/\(second.sha256.prefix(2))/\(second.sha256.dropFirst(2).prefix(2))/\(second.sha256)"
      ))
    world.server.answer { _, _ in nil }
    _ = try store.collectGarbage(grace: 0, dry: false)
    #expect(world.server.objects.keys.sorted() == ["pra-store.json"])
  }
}
