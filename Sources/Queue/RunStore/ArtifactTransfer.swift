// Stores and fetches bytes. They are named after their digest and stored once; fetched bytes are
// hashed again before anybody sees them.

import Digest
import Files
import Glibc
import JobQueue
import Postgres

/// The owner of stored bytes. An attempt proves with its epoch and token, at every call, that it is current.
package enum ArtifactOwner: Sendable {
  case attempt(Lease)
  case submitter

  /// The first parameters of the database's functions.
  var parameters: [Parameter] {
    switch self {
    case .attempt(let lease): lease.parameters
    case .submitter: []
    }
  }
}

extension Artifact {
  fileprivate init(_ digest: FileDigest, name: String, mediaType: String) {
    self.init(sha256: digest.sha256, size: digest.size, name: name, mediaType: mediaType)
  }
}

/// The artifacts of all stores, over one session.
package struct ArtifactStore {
  package var connection: RetryingConnection
  let environment: [String: String]

  /// - Parameter environment: holds the credentials of stores outside the database
  package init(_ connection: RetryingConnection, environment: [String: String] = [:]) {
    (self.connection, self.environment) = (connection, environment)
  }
}

extension ArtifactStore {
  /// Stores a file, reading it twice: once for its name, once for its bytes. A folder takes it in one reading,
  /// unless it is of the size of an artifact that is there, which it may be.
  package mutating func store(
    file path: String, name: String, mediaType: String, owner: ArtifactOwner
  ) throws -> Artifact {
    try Artifact.check(name: name)
    if let (copy, digest) = try receive(path) {
      defer { unlink(copy) }
      let artifact = Artifact(digest, name: name, mediaType: mediaType)
      try put(artifact, file: copy, owner: owner, isGivenAway: true)
      return artifact
    }
    let artifact = Artifact(try Self.digest(file: path), name: name, mediaType: mediaType)
    try put(artifact, file: path, owner: owner, isGivenAway: false)
    return artifact
  }

  /// Stores a file into which nobody writes any more: a store on its file system takes the file itself.
  /// - Parameter digest: of the file, where its writer has computed it: it is not read again then
  package mutating func store(
    givenAway path: String, digest: FileDigest?, name: String, mediaType: String,
    owner: ArtifactOwner
  ) throws -> Artifact {
    try Artifact.check(name: name)
    let artifact = Artifact(
      try digest ?? Self.digest(file: path), name: name, mediaType: mediaType)
    try put(artifact, file: path, owner: owner, isGivenAway: true)
    return artifact
  }

  /// Stores bytes in memory.
  package mutating func store(
    bytes: [UInt8], name: String, mediaType: String, owner: ArtifactOwner
  ) throws -> Artifact {
    try Artifact.check(name: name)
    let artifact = Artifact(
      sha256: SHA256.hexadecimal(of: bytes), size: Int64(bytes.count), name: name,
      mediaType: mediaType)
    try put(artifact, owner: owner) {
      var position = 0
      return {
        let end = min(position + Artifact.chunkSize, bytes.count)
        defer { position = end }
        return Array(bytes[position..<end])
      }
    }
    return artifact
  }

  /// Writes an artifact to a file that appears when it is complete and correct, or not at all.
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

  /// Copies a file to the folder of the store before its digest is known; nil if the store is no
  /// folder or the copy may be needless.
  private mutating func receive(_ path: String) throws -> (path: String, digest: FileDigest)? {
    let size = try FileBytes(reading: path).size()
    guard size > Int64(Artifact.chunkSize) else { return nil }
    let folder = try connection.run {
      try $0.query(Queries.storeFolder, [.integer(size)]).single().text("folder")
    }
    return try folder.map { try FileStore("file:\($0)").receive(path) }
  }

  private mutating func put(
    _ artifact: Artifact, file path: String, owner: ArtifactOwner, isGivenAway: Bool
  ) throws {
    try put(artifact, owner: owner, adopting: isGivenAway ? path : nil) { () throws in
      var reader = CheckedFile(file: try FileBytes(reading: path), artifact: artifact)
      return { try reader.next() }
    }
  }

  /// Number of uploads tried, as a server may lose parts of one.
  private static let uploads = 3

  /// - Parameters:
  ///   - path: a file with these bytes, which the store may keep
  ///   - open: returns a function that returns pieces of `Artifact.chunkSize` in order
  private mutating func put(
    _ artifact: Artifact, owner: ArtifactOwner, adopting path: String? = nil,
    open: () throws -> () throws -> [UInt8]
  ) throws {
    let attempt = owner.parameters
    let isAttempt = !attempt.isEmpty
    let sha256 = Parameter.text(artifact.sha256)
    if artifact.size <= Int64(Artifact.chunkSize) {
      let bytes = Parameter.bytes(try open()())
      try connection.run {
        try $0.query(
          isAttempt ? Queries.putArtifact : Queries.submitArtifact,
          attempt + [sha256, .text(artifact.mediaType), bytes])
      }
      return
    }
    for upload in 1...Self.uploads {
      let place = try connection.run { connection -> (store: Int64?, location: String?)? in
        try connection.query(
          isAttempt ? Queries.beginObject : Queries.beginSubmittedObject,
          attempt + [sha256, .integer(artifact.size)]
        ).first.map { (try $0.optionalInteger("store"), try $0.text("location")) }
      }
      guard let place else { return }  // the store has these bytes
      do {
        guard let location = place.location, let store = place.store else {
          var database = DatabaseStore(owner: owner)
          try database.put(artifact, next: try open(), over: &connection)
          return
        }
        var objects = try StoreLocation.open(location, environment: environment)
        let isAdopted = try path.map { try objects.adopt(artifact, file: $0) } ?? false
        if !isAdopted { try objects.put(artifact, next: try open(), over: &connection) }
        try connection.run {
          try $0.query(
            isAttempt ? Queries.commitObject : Queries.commitSubmittedObject,
            attempt + [
              .integer(store), sha256, .integer(artifact.size), .text(artifact.mediaType),
            ])
        }
        return
      } catch let error as UploadLost {
        guard upload < Self.uploads else { throw error }
      }
    }
  }

  private mutating func read(sha256: String, into consume: ([UInt8]) throws -> Void) throws {
    let found = try connection.run { connection -> StoredArtifact? in
      guard let row = try connection.query(Queries.artifact, [.text(sha256)]).first else {
        return nil
      }
      return StoredArtifact(
        sha256: sha256, size: try row.integer("size"), chunks: try row.integer("chunks"),
        location: try row.text("location"))
    }
    guard let artifact = found else { throw StoreError("there is no artifact \(sha256)") }
    var store: any ObjectStore =
      if let location = artifact.location {
        try StoreLocation.open(location, environment: environment)
      } else {
        DatabaseStore(owner: .submitter)
      }
    let digest = BackgroundDigest()
    var size: Int64 = 0
    try store.read(artifact, over: &connection) { piece in
      digest.update(piece)
      size += Int64(piece.count)
      guard size <= artifact.size else {
        throw DamagedArtifact(
          description: "artifact \(sha256) is damaged: more than \(artifact.size) bytes")
      }
      try consume(piece)
    }
    guard size == artifact.size else {
      throw DamagedArtifact(
        description: "artifact \(sha256) is damaged: \(size) bytes instead of \(artifact.size)")
    }
    let name = digest.hexadecimal()
    guard name == sha256 else {
      throw DamagedArtifact(
        description: "artifact \(sha256) is damaged: the SHA-256 of its bytes is \(name)")
    }
  }

  private static func digest(file path: String) throws(StoreError) -> FileDigest {
    let file = try FileBytes(reading: path)
    _ = try file.size()
    var digest = SHA256()
    var size: Int64 = 0
    var buffer = [UInt8](repeating: 0, count: Artifact.chunkSize)
    while true {
      let count = try file.read(into: &buffer)
      if count == 0 { return FileDigest(sha256: digest.hexadecimal(), size: size) }
      buffer.withUnsafeBytes { digest.update(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
      size += Int64(count)
    }
  }
}

/// Reads a file in pieces and checks that it is still the one whose digest was taken.
private struct CheckedFile: ~Copyable {
  private let file: FileBytes
  private let artifact: Artifact
  private var digest = SHA256()
  private var position: Int64 = 0
  private var buffer = [UInt8](repeating: 0, count: Artifact.chunkSize)

  init(file: consuming FileBytes, artifact: Artifact) {
    self.file = file
    self.artifact = artifact
  }

  mutating func next() throws -> [UInt8] {
    let count = try file.read(into: &buffer)
    let chunk = count == buffer.count ? buffer : Array(buffer[..<count])
    digest.update(chunk)
    position += Int64(count)
    // Checked before the last piece is sent, so that the store never takes a mixture for complete.
    guard position < artifact.size || digest.copy().hexadecimal() == artifact.sha256 else {
      throw StoreError("\(file.path) changed while it was being stored")
    }
    guard count > 0 || artifact.size == 0 else {
      throw StoreError("\(file.path) became shorter while it was being stored")
    }
    return chunk
  }
}
