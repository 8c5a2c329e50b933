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
    try put([bytes], in: place)[0]
  }

  private func put(_ all: [[UInt8]], in place: String) throws -> [String] {
    switch place {
    case "file": try attempt.admin.query("select pra.use_store($1)", [.text("file:\(store)")])
    case "s3":
      try attempt.admin.query(
        "select pra.use_store($1)", [.text("s3://bucket/test?endpoint=\(server.endpoint)")])
    default: break
    }
    let session = try attempt.open(keys)
    let artifacts = try all.enumerated().map {
      try session.storeArtifact(
        bytes: $1, name: "set-\($0)", mediaType: "application/octet-stream")
    }
    try session.finish(outputs: Dictionary(uniqueKeysWithValues: artifacts.map { ($0.name, $0) }))
    return artifacts.map(\.sha256)
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

  /// Counts requests that are under way, and holds each until some are, or for ten seconds.
  private final class Crowd: @unchecked Sendable {
    private let condition = NSCondition()
    private var (now, most) = (0, 0)

    var greatest: Int { condition.withLock { most } }

    func join(waitingFor wanted: Int) {
      condition.withLock {
        now += 1
        most = max(most, now)
        condition.broadcast()
        let end = Date(timeIntervalSinceNow: 10)
        while most < wanted, condition.wait(until: end) {}
        now -= 1
      }
    }
  }

  @Test(
    "pieces that are announced are read together, and side by side",
    arguments: ["database", "file", "s3"])
  func announced(_ place: String) throws {
    let originals = (0..<6).map { storedBytes(2_000_003 + $0) }
    let artifacts = try put(originals, in: place)
    let (crowd, objects) = (Crowd(), server.objects)
    server.answer { request, _ in
      if request.method == "GET", request.headers["range"] != nil { crowd.join(waitingFor: 4) }
      return nil
    }
    var ranges = reader()
    // Row by row, as a grid by classes: the artifacts take turns.
    let starts = [5, 30_000, 1_900_000, 90_000]
    let pieces = starts.flatMap { start in
      artifacts.map { ArtifactPiece(sha256: $0, start: Int64(start), count: 1000) }
    }
    ranges.expect(pieces)
    for piece in pieces {
      let original = originals[artifacts.firstIndex(of: piece.sha256)!]
      #expect(
        try ranges.bytes(of: piece.sha256, from: piece.start, count: 1000) { _ in true }
          == Array(original[Int(piece.start)..<Int(piece.start) + 1000]))
    }
    if place == "s3" {
      // Each object is asked for the three near pieces together, and for the far one.
      #expect(server.requests.filter { $0.headers["range"] != nil }.count == 12)
      #expect(crowd.greatest >= 4)
      #expect(objects.count >= 6)
    }
  }

  @Test("of pieces that are announced, one that is damaged is named when it is asked for")
  func announcedAndDamaged() throws {
    let originals = (0..<3).map { storedBytes(500_000 + $0) }
    let artifacts = try put(originals, in: "s3")
    let (objects, lost) = (server.objects, artifacts[1])
    let wrong = try #require(objects[artifacts[2]]).map { $0 ^ 1 }
    server.answer { request, _ in
      guard request.method == "GET", request.headers["range"] != nil else { return nil }
      if request.path.hasSuffix(lost) { return .error(404, "NoSuchKey") }
      return request.path.hasSuffix(artifacts[2]) ? Answer(200, body: wrong) : nil
    }
    var ranges = reader()
    ranges.expect(artifacts.map { ArtifactPiece(sha256: $0, start: 10, count: 100) })
    func piece(_ number: Int) throws -> [UInt8] {
      try ranges.bytes(of: artifacts[number], from: 10, count: 100) {
        $0 == Array(originals[number][10..<110])
      }
    }
    #expect(try piece(0) == Array(originals[0][10..<110]))
    #expect(throws: DamagedArtifact.self) { try piece(1) }
    #expect(throws: DamagedArtifact.self) { try piece(2) }
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
