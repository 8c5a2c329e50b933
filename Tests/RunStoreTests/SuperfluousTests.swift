// Objects of which the database knows nothing, as after a restore from a backup.

import DatabaseTesting
import Foundation
import JobQueue
import ObjectServer
import Postgres
import RunStore
import StageKit
import Testing

@Suite struct SuperfluousTests {
  @Test("what was stored since the backup is named and left alone", arguments: ["file", "s3"])
  func named(place: String) throws {
    let attempt = try Attempt(try TestDatabase.create().url)
    let server = try ObjectServer()
    let folder = "\(attempt.folder)/store"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
    try attempt.admin.query(
      "select pra.use_store($1)",
      [.text(place == "file" ? "file:\(folder)" : "s3://bucket/test?endpoint=\(server.endpoint)")])
    let keys = ["AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"]
    let session = try attempt.open(keys)
    defer { session.close() }
    func put(_ seed: Int) throws -> Artifact {
      try session.storeArtifact(
        bytes: storedBytes(2_500_000, seed), name: "part",
        mediaType: "application/octet-stream")
    }
    let kept = try put(1)
    let others = try (2..<7).map { try put($0) }
    var owner = ArtifactStore(
      RetryingConnection(
        url: attempt.url, role: .owner, name: "test", giveUp: { true }, report: { _ in }),
      environment: keys, reader: .administrator)
    #expect(try owner.verify().superfluous.isEmpty)
    for other in others {
      try attempt.admin.run(
        """
        delete from pra_store.artifacts where sha256 = decode('\(other.sha256)', 'hex');
        delete from pra_store.objects where sha256 = decode('\(other.sha256)', 'hex')
        """)
    }
    for _ in 0..<2 {
      let found = try owner.verify()
      #expect(Set(found.superfluous.map(\.name)) == Set(others.map(\.sha256)))
      #expect(found.superfluous.allSatisfy { $0.size == 2_500_000 && !$0.location.isEmpty })
      #expect(found.suspects.isEmpty && found.away.isEmpty && found.artifacts == 1)
    }
    // The work done again takes the bytes as its own.
    #expect(try put(2).sha256 == others[0].sha256)
    #expect(try owner.verify().superfluous.count == others.count - 1)
    #expect(try owner.bytes(sha256: kept.sha256).count == 2_500_000)
  }
}
