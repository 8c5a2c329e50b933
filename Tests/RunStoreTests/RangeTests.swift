// Parts of artifacts, from each kind of store.

import DatabaseTesting
import Foundation
import JobQueue
import ObjectServer
import Postgres
import RunStore
import StageKit
import Testing

@Suite struct RangeTests {
  private let attempt: Attempt
  private let server: ObjectServer
  private let keys = ["AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"]
  private let store: String

  init() throws {
    attempt = try Attempt(try TestDatabase.create().url)
    server = try ObjectServer()
    store = "\(attempt.folder)/store"
    try FileManager.default.createDirectory(atPath: store, withIntermediateDirectories: false)
  }

  private func put(_ bytes: [UInt8], in place: String) throws -> String {
    switch place {
    case "file": try attempt.admin.query("select pra.use_store($1)", [.text("file:\(store)")])
    case "s3":
      try attempt.admin.query(
        "select pra.use_store($1)", [.text("s3://bucket/test?endpoint=\(server.endpoint)")])
    default: break
    }
    let session = try attempt.open(keys)
    let artifact = try session.storeArtifact(
      bytes: bytes, name: "set", mediaType: "application/octet-stream")
    try session.finish(outputs: ["set": artifact])
    return artifact.sha256
  }

  private func reader() -> ArtifactRanges {
    ArtifactRanges(
      ArtifactStore(
        RetryingConnection(
          url: attempt.url, role: .read, name: "test", giveUp: { true }, report: { _ in }),
        environment: keys,
        doubting: RetryingConnection(
          url: attempt.url, role: .submit, name: "test", giveUp: { true }, report: { _ in })))
  }

  @Test("a part is read without the rest", arguments: ["inline", "database", "file", "s3"])
  func parts(_ place: String) throws {
    let original = storedBytes(place == "inline" ? 100_000 : 5_000_003)
    let sha256 = try put(original, in: place)
    var ranges = reader()
    let last = original.count - 3
    // Pieces that follow each other, one that lies across two rows of the database, and the last one.
    let starts = Array(stride(from: 0, to: 60_000, by: 1000)) + [last - 997] + [1 << 20 - 500, 7]
    for start in starts where start + 1000 <= original.count {
      #expect(
        try ranges.bytes(of: sha256, from: Int64(start), count: 1000) { _ in true }
          == Array(original[start..<start + 1000]), "\(place) \(start)")
    }
    if place == "s3" {
      let asked = server.requests.filter { $0.method == "GET" && $0.headers["range"] != nil }
      // The window grows; sixty pieces take a few requests.
      #expect(asked.count < 15)
    }
  }

  @Test("a server that knows no ranges sends everything, of which the part is taken")
  func noRanges() throws {
    let original = storedBytes(3_000_000)
    let sha256 = try put(original, in: "s3")
    let server = server
    server.answer { request, _ in
      request.headers["range"] == nil ? nil : Answer(200, body: server.objects[sha256]!)
    }
    var ranges = reader()
    #expect(
      try ranges.bytes(of: sha256, from: 2_000_000, count: 10) { _ in true }
        == Array(original[2_000_000..<2_000_010]))
  }

  @Test("a part that is not what was written is read again, then named and doubted")
  func damaged() throws {
    let original = storedBytes(2_000_000)
    let sha256 = try put(original, in: "file")
    var ranges = reader()
    var looks = 0
    #expect(throws: DamagedArtifact.self) {
      try ranges.bytes(of: sha256, from: 5, count: 10) { _ in
        looks += 1
        return false
      }
    }
    #expect(looks == 2)
    #expect(
      try attempt.count("select count(*) from pra.artifacts where suspect_at is not null") == 1)
    try FileManager.default.removeItem(
      atPath: "\(store)/sha256/\(sha256.prefix(2))/\(sha256.dropFirst(2).prefix(2))/\(sha256)")
    var missing = reader()
    let error = #expect(throws: DamagedArtifact.self) {
      try missing.bytes(of: sha256, from: 5, count: 10) { _ in true }
    }
    #expect(error?.description.contains("missing") == true)
  }

  private typealias Answer = ObjectServer.Answer
}
