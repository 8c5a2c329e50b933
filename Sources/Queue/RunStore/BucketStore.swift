// Artifacts as objects of an S3-compatible bucket.

import Digest
import FoundationEssentials
import Glibc
import JobQueue

/// `s3://bucket/prefix?endpoint=http://host:9000&region=us-east-1`.
///
/// Large objects are uploaded in parts and appear at the last step. Every request is signed with
/// the hash of its body and repeated when the server has a fault; a download resumes where it broke
/// off.
struct BucketStore: ObjectStore {
  private let base: String
  private let bucket: String
  private let bucketURL: String
  private let signature: HTTPSession.Signature
  private let token: [String]
  private let session = HTTPSession()

  /// Amazon allows 10,000 parts of at least 5 MiB; only the last may be smaller.
  private static let partSize = 8 << 20
  private static let mostParts = 10_000
  /// Number of tries of one request, which take about 15 s in all.
  private static let tries = 8

  /// - Parameter environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION
  init(_ location: String, environment: [String: String]) throws(StoreError) {
    let halves = location.dropFirst("s3://".count).split(separator: "?", maxSplits: 1)
    let path = halves.first.map { $0.split(separator: "/") } ?? []
    guard let bucket = path.first, path.allSatisfy({ Self.isPlain($0) }) else {
      throw StoreError(
        "store \"\(location)\": expected s3://bucket/prefix of letters, digits, - . and _")
    }
    var settings: [Substring: Substring] = [:]
    for setting in halves.dropFirst().first?.split(separator: "&") ?? [] {
      let parts = setting.split(separator: "=", maxSplits: 1)
      guard parts.count == 2, ["endpoint", "region"].contains(parts[0]) else {
        throw StoreError("store \"\(location)\": known settings are endpoint= and region=")
      }
      settings[parts[0]] = parts[1]
    }
    let region =
      settings["region"].map(String.init) ?? environment["AWS_REGION"] ?? "us-east-1"
    let endpoint =
      settings["endpoint"].map(String.init) ?? "https://s3.\(region).amazonaws.com"
    guard endpoint.hasPrefix("http://") || endpoint.hasPrefix("https://") else {
      throw StoreError("store \"\(location)\": endpoint begins with http:// or https://")
    }
    guard let key = environment["AWS_ACCESS_KEY_ID"], !key.isEmpty,
      let secret = environment["AWS_SECRET_ACCESS_KEY"], !secret.isEmpty
    else {
      throw StoreError(
        "store \"\(location)\": AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set")
    }
    self.bucket = String(bucket)
    bucketURL = "\(endpoint.hasSuffix("/") ? String(endpoint.dropLast()) : endpoint)/\(bucket)"
    base =
      ([endpoint.hasSuffix("/") ? String(endpoint.dropLast()) : endpoint] + path.map(String.init))
      .joined(separator: "/")
    signature = .init(region: region, accessKey: key, secretKey: secret)
    token = environment["AWS_SESSION_TOKEN"].map { ["x-amz-security-token: \($0)"] } ?? []
  }

  mutating func put(
    _ artifact: Artifact, as object: String, next: () throws -> [UInt8],
    note: (String) throws -> Void
  ) throws {
    let url = url(object)
    // A multiple of `Artifact.chunkSize`, large enough that the parts are not too many.
    let least = (artifact.size + Int64(Self.mostParts) - 1) / Int64(Self.mostParts)
    let pieces =
      max(Self.partSize, Int(least)) / Artifact.chunkSize + (least > Self.partSize ? 1 : 0)
    let partSize = Int64(pieces * Artifact.chunkSize)
    var written: Int64 = 0
    func part() throws -> [UInt8] {
      var bytes: [UInt8] = []
      bytes.reserveCapacity(Int(min(partSize, artifact.size - written)))
      let end = min(written + partSize, artifact.size)
      while written < end {
        let piece = try next()
        bytes += piece
        written += Int64(piece.count)
      }
      return bytes
    }
    if artifact.size <= partSize {
      let bytes = try part()
      // Equal names have equal bytes: 412 says that somebody else has already written them.
      try request("PUT", url, ["If-None-Match: *"], bytes, besides: [412])
      return
    }
    let opened = try request("POST", "\(url)?uploads=", [], [])
    guard let upload = Self.element("UploadId", in: opened.body) else {
      throw StoreError("bucket \(bucket): no UploadId in the answer to a new upload")
    }
    let id = Self.escaped(upload)
    do {
      try note(upload)
      var parts = ""
      var number = 1
      while written < artifact.size {
        let answer = try request(
          "PUT", "\(url)?partNumber=\(number)&uploadId=\(id)", [], try part())
        parts += "<Part><PartNumber>\(number)</PartNumber><ETag>\(answer.etag)</ETag></Part>"
        number += 1
      }
      let list = "<CompleteMultipartUpload>\(parts)</CompleteMultipartUpload>"
      let done = try request(
        "POST", "\(url)?uploadId=\(id)", ["Content-Type: application/xml"], Array(list.utf8),
        besides: [404])
      // An answer of 200 may hold an error; 404 says that an earlier try went through.
      let isDone = done.status == 200 && !done.body.contains("<Error>")
      guard try isDone || holds(object, size: artifact.size) else {
        throw StoreError("bucket \(bucket): the upload was not completed: \(done.body.prefix(300))")
      }
    } catch {
      _ = try? request("DELETE", "\(url)?uploadId=\(id)", [], nil, besides: [404])
      throw error
    }
  }

  mutating func read(
    _ object: String, size: Int64, into consume: ([UInt8]) throws -> Void
  ) throws {
    var position: Int64 = 0
    var failures = 0
    while position < size {
      let before = position
      var failure: (any Error)?
      var piece: [UInt8] = []
      let answer = session.send(
        "GET", url(object),
        headers: headers(body: []) + (position > 0 ? ["Range: bytes=\(position)-"] : []),
        signature: signature
      ) { bytes in
        piece += bytes
        guard piece.count >= Artifact.chunkSize else { return true }
        do {
          try consume(piece)
          position += Int64(piece.count)
          piece.removeAll(keepingCapacity: true)
          return true
        } catch {
          failure = error
          return false
        }
      }
      if let failure { throw failure }
      if !piece.isEmpty {
        try consume(piece)
        position += Int64(piece.count)
      }
      if [200, 206].contains(answer.status) { break }
      if answer.status == 404 && Self.element("Code", in: answer.text) != "NoSuchBucket" {
        throw MissingObject(place: url(object))
      }
      guard answer.mayPass else { throw refusal("GET", answer) }
      failures = position > before ? 1 : failures + 1
      guard failures < Self.tries else { throw refusal("GET", answer) }
      usleep(UInt32(Backoff.seconds(afterFailures: failures) * 1e6))
    }
  }

  mutating func delete(_ object: String) throws {
    try request("DELETE", url(object), [], nil, besides: [404])
  }

  mutating func abort(_ upload: String, of object: String) throws {
    try request(
      "DELETE", "\(url(object))?uploadId=\(Self.escaped(upload))", [], nil, besides: [404])
  }

  mutating func holds(_ object: String, size: Int64) throws -> Bool {
    let answer = try request("HEAD", url(object), [], nil, besides: [404])
    return answer.status == 200 && answer.size == size
  }

  // MARK: the mark

  mutating func mark() throws -> String? {
    let answer = try request("GET", "\(base)/\(StoreMark.name)", [], nil, besides: [404])
    return answer.status == 404 ? nil : answer.body
  }

  mutating func write(mark: String, replacing: Bool) throws -> Bool {
    let answer = try request(
      "PUT", "\(base)/\(StoreMark.name)", replacing ? [] : ["If-None-Match: *"],
      Array(mark.utf8), besides: [412])
    // A server that knows no conditions has written over another one's mark: the last one counts.
    return try answer.status != 412 && self.mark() == mark
  }

  mutating func requireFree(isKnown: Bool) throws {
    if isKnown { return }
    let prefix = base.dropFirst(bucketURL.count + 1)
    let answer = try request(
      "GET",
      "\(bucketURL)?list-type=2&max-keys=1&prefix=\(prefix.isEmpty ? "" : Self.escaped("\(prefix)/"))",
      [], nil, besides: [403])
    // Keys that may not list are common; the mark decides then.
    guard answer.status == 200, let name = Self.element("Key", in: answer.body) else { return }
    throw StoreError(
      "store s3://\(bucket)/\(prefix): it is not empty (\(name)) and no store of this database; choose "
        + "an empty prefix")
  }

  // MARK: requests

  private func url(_ object: String) -> String { "\(base)/sha256/\(object.prefix(2))/\(object)" }

  private func headers(body: [UInt8]) -> [String] {
    token + ["x-amz-content-sha256: \(SHA256.hexadecimal(of: body))"]
  }

  /// Sends a request, and repeats it while the server has a fault.
  /// - Parameter besides: status codes that are no failure, in addition to those below 300
  @discardableResult
  private func request(
    _ method: String, _ url: String, _ further: [String], _ body: [UInt8]?, besides: [Int] = []
  ) throws -> (status: Int, etag: String, size: Int64?, body: String) {
    var failures = 0
    while true {
      var text: [UInt8] = []
      let answer = session.send(
        method, url, headers: headers(body: body ?? []) + further, body: body,
        signature: signature
      ) {
        text += $0
        return text.count < 1 << 20
      }
      if answer.status > 0 && answer.status < 300 || besides.contains(answer.status) {
        return (answer.status, answer.etag, answer.size, String(decoding: text, as: UTF8.self))
      }
      failures += 1
      guard answer.mayPass, failures < Self.tries else { throw refusal(method, answer) }
      usleep(UInt32(Backoff.seconds(afterFailures: failures) * 1e6))
    }
  }

  private func refusal(_ method: String, _ answer: HTTPSession.Answer) -> StoreError {
    let code = Self.element("Code", in: answer.text)
    let message = Self.element("Message", in: answer.text) ?? String(answer.text.prefix(200))
    return StoreError(
      "bucket \(bucket): \(method) "
        + (answer.status == 0 ? "failed: " : "was answered \(answer.status): ")
        + [code, message].compactMap { $0 }.joined(separator: ": "))
  }

  // MARK: texts

  private static func isPlain(_ part: Substring) -> Bool {
    part != ".." && part != "."
      && part.utf8.allSatisfy {
        switch $0 {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
          UInt8(ascii: "_"):
          true
        default: false
        }
      }
  }

  /// The text of the first element with this name; in S3's XML no element contains another of its
  /// name.
  static func element(_ name: String, in xml: String) -> String? {
    guard let start = xml.firstRange(of: "<\(name)>")?.upperBound,
      let end = xml[start...].firstRange(of: "</\(name)>")?.lowerBound
    else { return nil }
    return String(xml[start..<end])
  }

  /// Escapes all but the unreserved characters, as the signature demands (RFC 3986 section 2.3).
  static func escaped(_ text: String) -> String {
    var out = ""
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
        UInt8(ascii: "_"), UInt8(ascii: "~"):
        out.append(Character(UnicodeScalar(byte)))
      default:
        let digits = String(byte, radix: 16, uppercase: true)
        out += "%" + (digits.count < 2 ? "0" : "") + digits
      }
    }
    return out
  }
}
