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
  private let requests: BucketRequests
  private var location: BucketLocation { requests.location }

  /// Amazon allows 10,000 parts of at least 5 MiB; only the last may be smaller.
  private static let partSize = 8 << 20
  private static let mostParts = 10_000
  /// Number of answers to the end of an upload that are no success before it begins anew.
  private static let ends = 3
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
    _ artifact: Artifact, next: () throws -> [UInt8], over connection: inout RetryingConnection
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
      try putWhole(artifact, try part())
    } else {
      try putParts(artifact) { written < artifact.size ? try part() : nil }
    }
  }

  // MARK: one request

  /// Writes an object unless it is there with the right bytes.
  private func putWhole(_ artifact: Artifact, _ bytes: [UInt8]) throws {
    let url = url(artifact.sha256)
    let server = location.endpoint
    if Self.unconditional.withLock({ !$0.contains(server) }) {
      let reply = try requests.send(
        "PUT", url, headers: ["If-None-Match: *"], body: bytes, besides: [412, 501]
      ) { try [412, 501].contains($0.status) || isWritten(artifact, $0) }
      switch reply.status {
      case 412:
        // Somebody else has written this name; whether these bytes is to be seen.
        if try holds(artifact) { return }
      case 501: Self.unconditional.withLock { _ = $0.insert(server) }
      default: return
      }
    }
    try requests.send("PUT", url, body: bytes) { try isWritten(artifact, $0) }
  }

  /// Every S3 server names the ETag of what it has written; something else that answers does not.
  private func isWritten(_ artifact: Artifact, _ reply: BucketRequests.Reply) throws -> Bool {
    try !reply.etag.isEmpty || size(artifact) == artifact.size
  }

  /// The size of an object that is there.
  private func size(_ artifact: Artifact) throws -> Int64? {
    let reply = try requests.send("HEAD", url(artifact.sha256), besides: [404], isPart: true)
    return reply.status == 200 ? reply.size : nil
  }

  /// Whether an object is there with the bytes that its name says.
  private func holds(_ artifact: Artifact) throws -> Bool {
    guard try size(artifact) == artifact.size else { return false }
    var digest = SHA256()
    let stored = StoredArtifact(
      sha256: artifact.sha256, size: artifact.size, chunks: 0, location: nil)
    try read(stored) { piece in piece.withUnsafeBytes { digest.update($0) } }
    return digest.copy().hexadecimal() == artifact.sha256
  }

  // MARK: an upload in parts

  /// - Parameter next: returns the bytes of the next part, nil after the last
  private func putParts(_ artifact: Artifact, next: () throws -> [UInt8]?) throws {
    let url = url(artifact.sha256)
    let opened = try requests.send("POST", "\(url)?uploads=", body: []) {
      BucketRequests.element("UploadId", in: $0.body) != nil
    }
    let id = BucketRequests.escaped(BucketRequests.element("UploadId", in: opened.body)!)
    do {
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
      try complete(artifact, id, parts)
    } catch {
      // Once: a store that is away is not waited for.
      _ = try? requests.once("DELETE", "\(url)?uploadId=\(id)")
      throw error
    }
  }

  /// Makes the parts an object. An answer of 200 may hold an error, and 404 may say that an earlier
  /// try went through: whether the object is there is asked.
  private func complete(_ artifact: Artifact, _ id: String, _ parts: String) throws {
    let list = Array("<CompleteMultipartUpload>\(parts)</CompleteMultipartUpload>".utf8)
    for _ in 0..<Self.ends {
      let reply = try requests.send(
        "POST", "\(url(artifact.sha256))?uploadId=\(id)",
        headers: ["Content-Type: application/xml"],
        body: list, besides: [404], codes: ["InvalidPart"], silence: Self.joining, isPart: true)
      if try reply.status == 200 && reply.body.contains("CompleteMultipartUploadResult")
        || size(artifact) == artifact.size
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
    _ artifact: StoredArtifact, over connection: inout RetryingConnection,
    into consume: ([UInt8]) throws -> Void
  ) throws { try read(artifact, into: consume) }

  private func read(_ artifact: StoredArtifact, into consume: ([UInt8]) throws -> Void) throws {
    var position: Int64 = 0
    var odd = 0
    while position < artifact.size {
      let before = position
      var received: Int64 = 0
      var failure: (any Error)?
      var piece: [UInt8] = []
      let answer = try requests.once(
        "GET", url(artifact.sha256), headers: before > 0 ? ["Range: bytes=\(before)-"] : []
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
      if !piece.isEmpty {
        try consume(piece)
        position += Int64(piece.count)
      }
      if position - before >= Self.progress { requests.succeeded() }
      if [200, 206].contains(answer.status) {
        requests.succeeded()
        // Without a length it may have broken off unnoticed; with one, the object is that short.
        if answer.size == received || position >= artifact.size { return }
        odd += 1
        if odd == Self.ends { return }
        continue
      }
      if answer.status == 416 { return }
      try requests.afterFailure("GET", answer, odd: &odd)
    }
  }

  mutating func delete(sha256: String) throws {
    try requests.send("DELETE", url(sha256), besides: [404])
  }

  /// Whether the server answers this host, by one request that changes nothing. A host may be
  /// allowed to write and not to look: then only writing shows it.
  func answers() throws -> Bool {
    let answer = try requests.once("HEAD", url(String(repeating: "0", count: 64)))
    return [200, 404].contains(answer.status)
  }

  private func url(_ sha256: String) -> String {
    "\(location.base)/sha256/\(sha256.prefix(2))/\(sha256)"
  }
}
