// A bucket in the test's own process, and a store that uses it.

import DatabaseTesting
import Digest
import Foundation
import JobQueue
import ObjectServer
import Postgres

@testable import RunStore

struct BucketWorld {
  let server: ObjectServer
  var environment = ["AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"]

  init() throws { server = try ObjectServer() }

  var location: String { "s3://bucket?endpoint=\(server.endpoint)" }

  func store(_ patience: StorePatience = .person()) throws -> BucketStore {
    try BucketStore(location, environment: environment, patience: patience)
  }

  /// A session that is never opened: a bucket needs none.
  static func noConnection() throws -> RetryingConnection {
    RetryingConnection(
      url: try DatabaseURL("postgresql://127.0.0.1:1/none"), role: .worker, name: "test",
      report: { _ in })
  }

  static func bytes(_ count: Int, _ seed: Int = 0) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: ($0 &* 2_654_435_761) >> 7 &+ seed) }
  }

  static func artifact(_ bytes: [UInt8]) -> Artifact {
    Artifact(
      sha256: SHA256.hexadecimal(of: bytes), size: Int64(bytes.count), name: "bytes",
      mediaType: "application/octet-stream")
  }

  func put(_ bytes: [UInt8], _ patience: StorePatience = .person()) throws {
    var store = try store(patience)
    var connection = try Self.noConnection()
    var position = 0
    try store.put(
      Self.artifact(bytes),
      next: {
        let end = min(position + Artifact.chunkSize, bytes.count)
        defer { position = end }
        return Array(bytes[position..<end])
      }, over: &connection)
  }

  func read(_ bytes: [UInt8], _ patience: StorePatience = .person()) throws -> [UInt8] {
    var store = try store(patience)
    var connection = try Self.noConnection()
    var found: [UInt8] = []
    let artifact = Self.artifact(bytes)
    try store.read(
      StoredArtifact(
        sha256: artifact.sha256, size: artifact.size, chunks: 0, location: location),
      over: &connection
    ) { found += $0 }
    return found
  }

  /// Whether the bucket holds these bytes under their name.
  func holds(_ bytes: [UInt8]) -> Bool {
    server.objects[SHA256.hexadecimal(of: bytes)] == bytes
  }
}
