// A bucket in the test's own process, and a store that uses it.

import Digest
import Foundation
import ObjectServer

@testable import RunStore

struct BucketWorld {
  let server: ObjectServer
  var environment = ["AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"]

  init() throws { server = try ObjectServer() }

  var location: String { "s3://bucket?endpoint=\(server.endpoint)" }

  func store(_ patience: StorePatience = .person()) throws -> BucketStore {
    try BucketStore(location, environment: environment, patience: patience)
  }

  static func artifact(_ bytes: [UInt8]) -> Artifact {
    Artifact(
      sha256: SHA256.hexadecimal(of: bytes), size: Int64(bytes.count), name: "bytes",
      mediaType: "application/octet-stream")
  }

  func put(_ bytes: [UInt8], _ patience: StorePatience = .person()) throws {
    var store = try store(patience)
    var position = 0
    let artifact = Self.artifact(bytes)
    try store.put(
      artifact, as: artifact.sha256,
      next: {
        let end = min(position + Artifact.chunkSize, bytes.count)
        defer { position = end }
        return Array(bytes[position..<end])
      }, note: { _ in })
  }

  func read(_ bytes: [UInt8], _ patience: StorePatience = .person()) throws -> [UInt8] {
    var store = try store(patience)
    var found: [UInt8] = []
    try store.read(
      SHA256.hexadecimal(of: bytes), from: 0, size: Int64(bytes.count)
    ) { found += $0 }
    return found
  }

  /// Whether the bucket holds these bytes under their name.
  func holds(_ bytes: [UInt8]) -> Bool {
    server.objects[SHA256.hexadecimal(of: bytes)] == bytes
  }
}
