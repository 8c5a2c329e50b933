// Answers of buckets as servers give them, and what the store makes of each.

import DatabaseTesting
import Digest
import Foundation
import ObjectServer
import Postgres
import StageKit
import Testing
import Threads

@testable import RunStore

@Suite struct BucketTests {
  let world: BucketWorld
  private let small = storedBytes(2_000_000)
  /// Three parts.
  private let large = storedBytes(17 << 20, 1)

  init() throws { world = try BucketWorld() }

  /// "Error responses" of the S3 API reference, and what other servers say.
  static let repeated: [ObjectServer.Answer] = [
    .error(409, "ConditionalRequestConflict"), .error(409, "OperationAborted"),
    .error(400, "RequestTimeout"), .error(408, "RequestTimeout"), .error(503, "SlowDown"),
    .error(400, "SlowDown"), .error(429, "TooManyRequests"), .error(500, "InternalError"),
    ObjectServer.Answer(502, text: "<html>bad gateway</html>"), ObjectServer.Answer(0),
    .error(400, "BadDigest"), .error(400, "IncompleteBody"),
    ObjectServer.Answer(200, text: "<html>log in first</html>"),
    // A proxy that has lost its server.
    ObjectServer.Answer(404, text: "<html>no backend</html>"), ObjectServer.Answer(405),
    ObjectServer.Answer(451, text: "blocked"),
  ]

  @Test("answers that ask for a repetition are repeated, to an object and to a part")
  func repetition() throws {
    for answer in Self.repeated {
      for bytes in [small, large] {
        let world = try BucketWorld()
        world.server.answer { $1 == (bytes.count > 8 << 20 ? 2 : 0) ? answer : nil }
        try world.put(bytes)
        #expect(
          world.holds(bytes), "\(answer.status) \(String(decoding: answer.body, as: UTF8.self))")
      }
    }
  }

  @Test("what no repetition mends is said at once")
  func refusals() throws {
    for (answer, words) in [
      (ObjectServer.Answer.error(400, "EntityTooLarge"), "400: EntityTooLarge: told by a test"),
      (.error(403, "AccessDenied"), "403: AccessDenied"),
      (.error(404, "NoSuchBucket"), "404: NoSuchB"),
      (.error(501, "NotImplemented"), "501: NotImplemented"),
    ] {
      world.server.answer { _, _ in answer }
      let error = #expect(throws: (any Error).self) { try world.put(small) }
      #expect("\(error!)".contains(words), "\(error!)")
      #expect(world.server.requests.count <= 2)
    }
  }

  @Test func aServerWithoutConditionalWritesIsWrittenWithoutACondition() throws {
    world.server.answer { request, _ in
      request.headers["if-none-match"] == nil ? nil : .error(501, "NotImplemented")
    }
    try world.put(small)
    #expect(world.holds(small))
    // The server is known from then on.
    world.server.answer { request, _ in
      request.headers["if-none-match"] == nil ? nil : .error(501, "NotImplemented")
    }
    try world.put(storedBytes(1000, 5))
    #expect(world.server.requests.count == 1)
  }

  @Test("bytes that are there under the name are compared, and replaced if they are others")
  func precondition() throws {
    let sha256 = SHA256.hexadecimal(of: small)
    for (found, puts) in [
      (storedBytes(4), 2), (storedBytes(2_000_000, 3), 2), (small, 1),
    ] {
      world.server.put(found, sha256: sha256)
      world.server.answer { _, _ in nil }
      try world.put(small)
      #expect(world.holds(small))
      #expect(world.server.requests.count { $0.method == "PUT" } == puts)
    }
  }

  @Test func aLostUploadBeginsAnew() throws {
    let attempt = try Attempt(try TestDatabase.create().url)
    try attempt.admin.query("select pra.use_store($1)", [.text(world.location)])
    let session = try attempt.open(world.environment)
    defer { session.close() }
    let server = world.server
    server.answer { request, _ in
      guard request.query["partNumber"] == "2",
        server.requests.count(where: { $0.query["partNumber"] == "2" }) == 1
      else { return nil }
      return .error(404, "NoSuchUpload")
    }
    let artifact = try session.storeArtifact(
      bytes: large, name: "weights.bin", mediaType: "application/octet-stream")
    #expect(world.holds(large))
    #expect(try session.fetchArtifact(sha256: artifact.sha256) == large)
    #expect(world.server.openUploads == 0)
  }

  /// The end of an upload is answered in many ways; whether the object is there says only a look.
  @Test(arguments: [
    ("<Error><Code>InternalError</Code></Error>", false), ("<html></html>", true), ("", true),
    ("", false),
  ])
  func theEndOfAnUploadIsLookedAt(text: String, isDone: Bool) throws {
    let server = world.server
    server.answer { request, _ in
      guard request.method == "POST", request.query["uploadId"] != nil,
        server.requests.count(where: { $0.method == "POST" }) == 2
      else { return nil }
      if isDone { _ = server.usual(request) }
      return ObjectServer.Answer(200, text: text)
    }
    try world.put(large)
    #expect(world.holds(large))
  }

  @Test func anUploadThatNeverEndsIsAnErrorAndIsGivenUp() throws {
    world.server.answer { request, _ in
      request.method == "POST" && request.query["uploadId"] != nil
        ? ObjectServer.Answer(200, text: "<html></html>") : nil
    }
    #expect(throws: UploadLost.self) { try world.put(large) }
    #expect(world.server.openUploads == 0)
  }

  // MARK: reading

  @Test(
    "a download goes on where it broke off, noticed or not, and anew where a server knows no ranges"
  )
  func brokenDownloads() throws {
    world.server.put(large, sha256: SHA256.hexadecimal(of: large))
    var cut = ObjectServer.Answer(200, body: large)
    cut.breaksOffAfter = 9_000_000
    var unnoticed = ObjectServer.Answer(200, body: Array(large[..<9_000_000]))
    unnoticed.hasLength = false
    for broken in [cut, unnoticed] {
      for second in [nil, ObjectServer.Answer(200, body: large)] {
        world.server.answer { $1 == 0 ? broken : $1 == 1 ? second : nil }
        #expect(try world.read(large) == large)
      }
    }
    world.server.answer { $1 < 3 ? .error(503, "SlowDown") : nil }
    #expect(try world.read(large) == large)
  }

  @Test("what does not match is read once more before it is called damaged")
  func damage() throws {
    let attempt = try Attempt(try TestDatabase.create().url)
    try attempt.admin.query("select pra.use_store($1)", [.text(world.location)])
    let session = try attempt.open(world.environment)
    defer { session.close() }
    let artifact = try session.storeArtifact(
      bytes: small, name: "weights.bin", mediaType: "application/octet-stream")
    var flipped = small
    flipped[1_500_000] ^= 4
    let copy = "\(attempt.folder)/copy"
    let bad = [
      ObjectServer.Answer(200, headers: ["ETag": "\"x\""], body: flipped),
      ObjectServer.Answer(200, headers: ["ETag": "\"x\""], text: "<html></html>"),
      ObjectServer.Answer(200, headers: ["ETag": "\"x\""], body: small + [0]),
    ]
    for answer in bad {
      world.server.answer { $1 == 0 ? answer : nil }
      try session.fetchArtifact(sha256: artifact.sha256, to: copy)
      #expect(try Array(Data(contentsOf: URL(filePath: copy))) == small)
      world.server.answer { _, _ in answer }
      #expect(throws: DamagedArtifact.self) {
        try session.fetchArtifact(sha256: artifact.sha256)
      }
      #expect(world.server.requests.count == 2)
    }
  }

  @Test(
    "another server that answers in the bucket's place is waited out, and nothing is taken for lost",
    arguments: [
      ObjectServer.Answer(404, text: "<html>no backend</html>"), ObjectServer.Answer(404),
      ObjectServer.Answer(200, text: "<html>back soon</html>"), ObjectServer.Answer(200),
    ])
  func strangers(answer: ObjectServer.Answer) throws {
    let attempt = try Attempt(try TestDatabase.create().url)
    try attempt.admin.query("select pra.use_store($1)", [.text(world.location)])
    let session = try attempt.open(world.environment)
    defer { session.close() }
    // The first request looks for the mark.
    world.server.answer { $1 == 0 ? answer : nil }
    let artifact = try session.storeArtifact(
      bytes: small, name: "weights.bin", mediaType: "application/octet-stream")
    #expect(world.holds(small))
    world.server.answer { $1 == 0 ? answer : nil }
    #expect(try session.fetchArtifact(sha256: artifact.sha256) == small)
    #expect(world.server.requests.count == 2)
    #expect(
      try attempt.admin.query("select from pra.artifacts where suspect_at is not null").isEmpty)
  }

  @Test func aTransferThatCrawlsIsCutOff() throws {
    var slow = ObjectServer.Answer(200, body: small)
    slow.pace = 200
    world.server.answer { [slow] _, _ in slow }
    let begun = monotonicSeconds()
    let answer = HTTPSession().send(
      "GET", world.server.endpoint + "/x", signature: nil, patience: 1)
    #expect(answer.status == 0)
    #expect(monotonicSeconds() - begun < 20)
  }

  // MARK: addresses

  @Test("a redirection names the place where the bucket is")
  func redirections() throws {
    let endpoint = "<Endpoint>bucket.s3.eu-west-1.amazonaws.com</Endpoint>"
    for (answer, words) in [
      (
        ObjectServer.Answer(
          301, headers: ["x-amz-bucket-region": "eu-west-1"],
          text: "<Error><Code>PermanentRedirect</Code>\(endpoint)</Error>"),
        "region=eu-west-1&endpoint=https://s3.eu-west-1.amazonaws.com"
      ),
      (
        ObjectServer.Answer(307, headers: ["Location": "https://other.lab:9000/bucket/x"]),
        "endpoint=https://other.lab:9000"
      ),
      (ObjectServer.Answer(308, headers: ["x-amz-bucket-region": "eu-west-1"]), "region=eu-west-1"),
      (
        .error(400, "AuthorizationHeaderMalformed", more: "<Region>eu-west-1</Region>"),
        "region=eu-west-1"
      ),
    ] {
      world.server.answer { _, _ in answer }
      let error = #expect(throws: StoreAway.self) { try world.put(small) }
      #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
      #expect(error?.isRefusal == true)
    }
  }

  @Test("an empty variable is none, and the usual ones are read")
  func variables() throws {
    var world = world
    for name in ["AWS_SESSION_TOKEN", "AWS_REGION", "AWS_CA_BUNDLE", "AWS_ENDPOINT_URL"] {
      world.environment[name] = ""
    }
    try world.put(small)
    #expect(world.server.requests.allSatisfy { $0.headers["x-amz-security-token"] == nil })
    #expect(world.server.requests.first?.region == "us-east-1")
    world.environment["AWS_DEFAULT_REGION"] = "eu-north-1"
    world.server.answer { _, _ in nil }
    try world.put(storedBytes(10))
    #expect(world.server.requests.first?.region == "eu-north-1")

    let address = try BucketLocation(
      "s3://bucket/x?region=&endpoint=", environment: ["AWS_ENDPOINT_URL": "http://lab:1/"])
    #expect(address.base == "http://lab:1/bucket/x")
    #expect(address.region == "us-east-1")
  }

  @Test(arguments: [
    "s3://bucket?endpoint=http://user:hidden@host", "s3://user:hidden@bucket",
    "s3://bucket?color=hidden@x",
  ])
  func keysInALocationAreRefusedAndNotRepeated(location: String) throws {
    let error = #expect(throws: StoreError.self) {
      try BucketLocation(location, environment: [:])
    }
    #expect(error?.description.contains("user or a password") == true)
    #expect(error?.description.contains("hidden") == false)
    let database = try TestDatabase.create()
    let owner = try database.connect(.owner)
    let refused = #expect(throws: PostgresError.self) {
      try owner.query("select pra.use_store($1)", [.text(location)])
    }
    #expect(refused?.sqlState == "PR003")
    #expect(refused?.message.contains("hidden") == false)
  }
}
