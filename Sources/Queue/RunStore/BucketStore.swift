// Artifacts as objects of an S3-compatible bucket.

import Digest
import JobQueue
import Synchronization

/// A bucket, as `BucketLocation` describes it.
///
/// Large objects are uploaded in parts and appear at the last step. Every request is signed with
/// the hash of its body and repeated while the server is away; a download resumes where it broke
/// off.
struct BucketStore: ObjectStore {
  let requests: BucketRequests
  private var location: BucketLocation { requests.location }

  /// Amazon allows 10,000 parts of at least 5 MiB; only the last may be smaller.
  private static let partSize = 8 << 20
  private static let mostParts = 10_000
  /// Number of answers to the end of an upload that are no success before it begins anew.
  static let ends = 3
  /// Seconds that a server may take to join the parts of an upload.
  private static let joining = 300
  /// Bytes after which a download that broke off counts as one that goes on.
  private static let progress: Int64 = 1 << 20

  /// The servers that know no conditional writes (501).
  private static let unconditional = Mutex<Set<String>>([])

  /// - Parameter environment: keys and further settings, as the AWS tools name them
  init(_ location: String, environment: [String: String], patience: StorePatience)
    throws(StoreError)
  {
    requests = BucketRequests(
      try BucketLocation(location, environment: environment), environment: environment,
      patience: patience)
  }

  mutating func put(
    _ artifact: Artifact, as object: String, next: () throws -> [UInt8],
    note: (String) throws -> Void
  ) throws {
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
      try putWhole(artifact, object, try part())
    } else {
      try putParts(artifact, object, note: note) { written < artifact.size ? try part() : nil }
    }
  }

  // MARK: one request

  /// Writes an object unless it is there with the right bytes.
  private func putWhole(_ artifact: Artifact, _ object: String, _ bytes: [UInt8]) throws {
    let url = url(object)
    let server = location.endpoint
    if Self.unconditional.withLock({ !$0.contains(server) }) {
      let reply = try requests.send(
        "PUT", url, headers: ["If-None-Match: *"], body: bytes, besides: [412, 501]
      ) { try [412, 501].contains($0.status) || isWritten(artifact, object, $0) }
      switch reply.status {
      case 412:
        // Somebody else has written this name; whether these bytes is to be seen.
        if try holds(artifact, object) { return }
      case 501: Self.unconditional.withLock { _ = $0.insert(server) }
      default: return
      }
    }
    try requests.send("PUT", url, body: bytes) { try isWritten(artifact, object, $0) }
  }

  /// Every S3 server names the ETag of what it has written; something else that answers does not.
  private func isWritten(
    _ artifact: Artifact, _ object: String, _ reply: BucketRequests.Reply
  ) throws -> Bool {
    try !reply.etag.isEmpty || size(of: object) == artifact.size
  }

  /// The size of an object that is there.
  private func size(of object: String) throws -> Int64? {
    let reply = try requests.send("HEAD", url(object), besides: [404], isPart: true)
    return reply.status == 200 ? reply.size : nil
  }

  /// Whether an object is there with the bytes that its name says.
  private func holds(_ artifact: Artifact, _ object: String) throws -> Bool {
    guard try size(of: object) == artifact.size else { return false }
    var digest = SHA256()
    try get(object, size: artifact.size) { piece in piece.withUnsafeBytes { digest.update($0) } }
    return digest.hexadecimal() == artifact.sha256
  }

  mutating func holds(_ object: String, size: Int64) throws -> Bool {
    try self.size(of: object) == size
  }

  // MARK: an upload in parts

  /// - Parameter next: returns the bytes of the next part, nil after the last
  private func putParts(
    _ artifact: Artifact, _ object: String, note: (String) throws -> Void,
    next: () throws -> [UInt8]?
  ) throws {
    let url = url(object)
    let opened = try requests.send("POST", "\(url)?uploads=", body: []) {
      BucketRequests.element("UploadId", in: $0.body) != nil
    }
    let upload = BucketRequests.element("UploadId", in: opened.body)!
    let id = BucketRequests.escaped(upload)
    do {
      try note(upload)
      var parts = ""
      var number = 1
      while let bytes = try next() {
        let reply = try requests.send(
          "PUT", "\(url)?partNumber=\(number)&uploadId=\(id)", body: bytes, besides: [404]
        ) { $0.status == 404 || !$0.etag.isEmpty }
        if reply.status == 404 { throw UploadLost() }
        parts += "<Part><PartNumber>\(number)</PartNumber><ETag>\(reply.etag)</ETag></Part>"
        number += 1
      }
      try complete(artifact, object, id, parts)
    } catch {
      // Once: a store that is away is not waited for.
      _ = try? requests.once("DELETE", "\(url)?uploadId=\(id)")
      throw error
    }
  }

  /// Makes the parts an object. An answer of 200 may hold an error, and 404 may say that an earlier
  /// try went through: whether the object is there is asked.
  private func complete(
    _ artifact: Artifact, _ object: String, _ id: String, _ parts: String
  ) throws {
    let list = Array("<CompleteMultipartUpload>\(parts)</CompleteMultipartUpload>".utf8)
    for _ in 0..<Self.ends {
      let reply = try requests.send(
        "POST", "\(url(object))?uploadId=\(id)",
        headers: ["Content-Type: application/xml"],
        body: list, besides: [404], codes: ["InvalidPart"], silence: Self.joining, isPart: true)
      if try reply.status == 200 && reply.body.contains("CompleteMultipartUploadResult")
        || size(of: object) == artifact.size
      {
        requests.succeeded()
        return
      }
      if reply.status >= 300 { break }
      try requests.patience.pause(
        after: StoreAway(
          "bucket \(location.bucket): the upload was not completed: \(reply.body.prefix(300))"))
    }
    throw UploadLost()
  }

  // MARK: reading

  mutating func read(
    _ object: String, from start: Int64, size: Int64, into consume: ([UInt8]) throws -> Void
  ) throws { try get(object, from: start, size: size, into: consume) }

  private func get(
    _ object: String, from start: Int64 = 0, size: Int64, into consume: ([UInt8]) throws -> Void
  ) throws {
    var position = start
    var odd = 0
    while position < size {
      let before = position
      var received: Int64 = 0
      var failure: (any Error)?
      var piece: [UInt8] = []
      let answer = try requests.once(
        "GET", url(object), headers: before > 0 ? ["Range: bytes=\(before)-"] : []
      ) { status, bytes in
        // A server that knows no ranges begins anew.
        let known = status == 206 ? 0 : Int(max(0, before - received))
        received += Int64(bytes.count)
        piece += bytes.dropFirst(known)
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
      if [200, 206].contains(answer.status) && answer.etag.isEmpty {
        // Every S3 server names the ETag; something else answers in the store's place.
        try requests.patience.pause(after: requests.stranger("GET", answer.status))
        continue
      }
      if !piece.isEmpty {
        try consume(piece)
        position += Int64(piece.count)
      }
      if position - before >= Self.progress { requests.succeeded() }
      if [200, 206].contains(answer.status) {
        requests.succeeded()
        // Without a length it may have broken off unnoticed; with one, the object is that short.
        if answer.size == received || position >= size { return }
        odd += 1
        if odd == Self.ends { return }
        continue
      }
      if answer.status == 416 { return }
      if answer.status == 404, let code = BucketRequests.element("Code", in: answer.text),
        code != "NoSuchBucket"
      {
        throw MissingObject(place: url(object))
      }
      try requests.afterFailure("GET", answer, odd: &odd)
    }
  }

  mutating func delete(_ object: String) throws {
    try requests.send("DELETE", url(object), besides: [404])
  }

  mutating func abort(_ upload: String, of object: String) throws {
    try requests.send(
      "DELETE", "\(url(object))?uploadId=\(BucketRequests.escaped(upload))", besides: [404])
  }

  // MARK: the mark

  private var markURL: String { "\(location.base)/\(StoreMark.name)" }

  mutating func mark() throws -> String? {
    let reply = try requests.send("GET", markURL, besides: [404]) {
      $0.status == 404 || StoreMark(parsing: $0.body) != nil
    }
    return reply.status == 404 ? nil : reply.body
  }

  mutating func write(mark: String, replacing: Bool) throws -> Bool {
    let bytes = Array(mark.utf8)
    var reply: BucketRequests.Reply?
    if !replacing {
      reply = try requests.send(
        "PUT", markURL, headers: ["If-None-Match: *"], body: bytes, besides: [412, 501])
    }
    if reply == nil || reply?.status == 501 {
      reply = try requests.send("PUT", markURL, body: bytes)
    }
    // A server that knows no conditions has written over another one's mark: the last one counts.
    return try reply?.status != 412 && self.mark() == mark
  }

  mutating func requireFree(isKnown: Bool) throws {
    if isKnown { return }
    let place = "\(location.endpoint)/\(location.bucket)"
    let prefix = location.base.dropFirst(place.count + 1)
    let wanted = prefix.isEmpty ? "" : BucketRequests.escaped("\(prefix)/")
    let reply = try requests.send(
      "GET", "\(place)?list-type=2&max-keys=1&prefix=\(wanted)", besides: [403, 404, 501])
    // Keys that may not list are common; the mark decides then.
    guard reply.status == 200, let name = BucketRequests.element("Key", in: reply.body) else {
      return
    }
    throw StoreError(
      "store s3://\(location.bucket)/\(prefix): it is not empty (\(name)) and no store of this "
        + "database; choose an empty prefix")
  }

  func list(_ body: ([(name: String, size: Int64)]) throws -> Void) throws {
    let place = "\(location.endpoint)/\(location.bucket)"
    let base = location.base.dropFirst(place.count + 1)
    let prefix = base.isEmpty ? "sha256/" : "\(base)/sha256/"
    var last: String?
    while true {
      // In the order in which the signature takes them.
      let after = last.map { "&start-after=\(BucketRequests.escaped($0))" } ?? ""
      let reply = try requests.send(
        "GET", "\(place)?list-type=2&prefix=\(BucketRequests.escaped(prefix))\(after)",
        besides: [403, 404, 501])
      guard reply.status == 200 else {
        throw StoreAway("its keys may not list what lies there (\(reply.status))", isRefusal: true)
      }
      let found = reply.body.matches(
        of: /<Key>([^<]*)<\/Key>(?:(?!<Key>)(?s:.))*?<Size>([0-9]+)<\/Size>/)
      guard let end = found.last else { return }
      last = String(end.1)
      try body(
        found.map { (String($0.1.split(separator: "/").last ?? ""), Int64($0.2) ?? 0) })
    }
  }

  /// Whether the server answers this host, by one request that changes nothing. A host may be
  /// allowed to write and not to look: then only writing shows it.
  func answers() throws -> Bool {
    let answer = try requests.once("HEAD", url(String(repeating: "0", count: 64)))
    return [200, 404].contains(answer.status)
  }

  func url(_ object: String) -> String {
    "\(location.base)/sha256/\(object.prefix(2))/\(object)"
  }
}
