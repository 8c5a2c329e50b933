// Bytes into the store and out of it. Whatever goes in is hashed first and stored once; whatever
// comes out is hashed again before anybody sees it.

import Digest
import Glibc
import Postgres

/// In whose name bytes are stored: an attempt proves its epoch with every call.
package enum ArtifactOwner: Sendable {
  case attempt(job: Int64, epoch: Int64)
  case submitter
}

extension RetryingConnection {
  /// Stores a file, reading it twice: once for its name, once for its bytes.
  package mutating func store(
    file path: String, name: String, mediaType: String, owner: ArtifactOwner
  ) throws -> Artifact {
    try Artifact.check(name: name)
    let (sha256, size) = try Self.digest(file: path)
    let artifact = Artifact(sha256: sha256, size: size, name: name, mediaType: mediaType)
    let file = try FileBytes(reading: path)
    var again = SHA256()
    var buffer = [UInt8](repeating: 0, count: Artifact.chunkSize)
    var position: Int64 = 0
    try put(artifact, owner: owner) { () throws(StoreError) -> [UInt8] in
      let chunk = Array(buffer[..<(try file.read(into: &buffer))])
      again.update(chunk)
      position += Int64(chunk.count)
      // Checked before the last piece is sent: the store then never sees a mixture as complete.
      guard position < size || again.copy().hexadecimal() == sha256 else {
        throw StoreError("\(path) changed while it was being stored")
      }
      guard !chunk.isEmpty || size == 0 else {
        throw StoreError("\(path) became shorter while it was being stored")
      }
      return chunk
    }
    return artifact
  }

  /// Stores bytes that lie in memory.
  package mutating func store(
    bytes: [UInt8], name: String, mediaType: String, owner: ArtifactOwner
  ) throws -> Artifact {
    try Artifact.check(name: name)
    let artifact = Artifact(
      sha256: SHA256.hexadecimal(of: bytes), size: Int64(bytes.count), name: name,
      mediaType: mediaType)
    var position = 0
    try put(artifact, owner: owner) { () throws(StoreError) -> [UInt8] in
      let end = min(position + Artifact.chunkSize, bytes.count)
      defer { position = end }
      return Array(bytes[position..<end])
    }
    return artifact
  }

  /// Writes an artifact to a file that appears when it is complete and right, or not at all.
  package mutating func fetch(sha256: String, to path: String) throws {
    let partial = "\(path).partial"
    unlink(partial)
    do {
      let file = try FileBytes(creating: partial)
      try read(sha256: sha256) { try file.write($0) }
    } catch {
      unlink(partial)
      throw error
    }
    guard rename(partial, path) == 0 else { throw FileBytes.failure("create", path) }
  }

  /// The bytes of an artifact that fits into memory.
  package mutating func bytes(sha256: String) throws -> [UInt8] {
    var bytes: [UInt8] = []
    try read(sha256: sha256) { bytes += $0 }
    return bytes
  }

  // MARK: details

  /// - Parameter next: gives the pieces of `Artifact.chunkSize` in order, called once for each
  private mutating func put(
    _ artifact: Artifact, owner: ArtifactOwner, next: () throws(StoreError) -> [UInt8]
  ) throws {
    let sha256 = Parameter.text(artifact.sha256)
    let mediaType = Parameter.text(artifact.mediaType)
    let size = Parameter.integer(artifact.size)
    let attempt: [Parameter]
    switch owner {
    case .attempt(let job, let epoch): attempt = [.integer(job), .integer(epoch)]
    case .submitter: attempt = []
    }
    let isAttempt = !attempt.isEmpty
    if artifact.size <= Int64(Artifact.chunkSize) {
      let bytes = Parameter.bytes(try next())
      try run {
        try $0.query(
          isAttempt ? Queries.putArtifact : Queries.submitArtifact,
          attempt + [sha256, mediaType, bytes])
      }
      return
    }
    let upload = try run {
      try $0.query(
        isAttempt ? Queries.beginArtifact : Queries.beginSubmission,
        attempt + [sha256, size, mediaType]
      ).single().optionalInteger("upload")
    }
    guard let upload else { return }  // the store has these bytes
    let chunks = (artifact.size + Int64(Artifact.chunkSize) - 1) / Int64(Artifact.chunkSize)
    for ordinal in 0..<chunks {
      let parameters =
        attempt + [.integer(upload), .integer(ordinal), Parameter.bytes(try next())]
      try run {
        try $0.query(isAttempt ? Queries.putArtifactChunk : Queries.submitChunk, parameters)
      }
    }
    try run {
      try $0.query(
        isAttempt ? Queries.commitArtifact : Queries.commitSubmission,
        attempt + [.integer(upload)])
    }
  }

  private mutating func read(sha256: String, into consume: ([UInt8]) throws -> Void) throws {
    let row = try run { connection -> (size: Int64, chunks: Int64)? in
      guard let row = try connection.query(Queries.artifact, [.text(sha256)]).first else {
        return nil
      }
      return (try row.integer("size"), try row.integer("chunks"))
    }
    guard let row else { throw StoreError("there is no artifact \(sha256)") }
    var digest = SHA256()
    var size: Int64 = 0
    for ordinal in 0..<row.chunks {
      let chunk = try run {
        try $0.bytes(Queries.artifactChunk, [.text(sha256), .integer(ordinal)])
      }
      guard let chunk else {
        throw DamagedArtifact(
          description: "artifact \(sha256) is damaged: chunk \(ordinal) of \(row.chunks) is missing"
        )
      }
      digest.update(chunk)
      size += Int64(chunk.count)
      try consume(chunk)
    }
    guard size == row.size else {
      throw DamagedArtifact(
        description: "artifact \(sha256) is damaged: \(size) bytes instead of \(row.size)")
    }
    let found = digest.hexadecimal()
    guard found == sha256 else {
      throw DamagedArtifact(
        description: "artifact \(sha256) is damaged: the SHA-256 of its bytes is \(found)")
    }
  }

  private static func digest(file path: String) throws(StoreError) -> (String, Int64) {
    let file = try FileBytes(reading: path)
    _ = try file.size()
    var digest = SHA256()
    var size: Int64 = 0
    var buffer = [UInt8](repeating: 0, count: Artifact.chunkSize)
    while true {
      let count = try file.read(into: &buffer)
      if count == 0 { return (digest.hexadecimal(), size) }
      buffer.withUnsafeBytes { digest.update(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
      size += Int64(count)
    }
  }
}
