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
  /// The owner of the database, whose word counts for everybody.
  case administrator

  /// The first parameters of the database's functions.
  var parameters: [Parameter] {
    switch self {
    case .attempt(let lease): lease.parameters
    case .submitter, .administrator: []
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
  let patience: StorePatience
  /// The reader. The words of an attempt and of the administrator count: they tell which copies are right.
  let reader: ArtifactOwner
  /// A session that may say what is damaged, if `connection` may not.
  let doubting: RetryingConnection?

  /// - Parameters:
  ///   - environment: holds the keys of stores outside the database
  ///   - patience: how long it waits for such a store
  package init(
    _ connection: RetryingConnection, environment: [String: String] = [:],
    patience: StorePatience = .person(), reader: ArtifactOwner = .submitter,
    doubting: RetryingConnection? = nil
  ) {
    (self.connection, self.environment) = (connection, environment)
    (self.patience, self.reader, self.doubting) = (patience, reader, doubting)
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
      try read(sha256: sha256) {
        unlink(partial)
        let file = try FileBytes(creating: partial)
        return { try file.write($0) }
      }
    } catch {
      unlink(partial)
      throw error
    }
    guard rename(partial, path) == 0 else { throw FileBytes.failure("create", path) }
  }

  /// The bytes of an artifact that fits into memory.
  package mutating func bytes(sha256: String) throws -> [UInt8] {
    var bytes: [UInt8] = []
    try read(sha256: sha256) {
      bytes = []
      return { bytes += $0 }
    }
    return bytes
  }

  // MARK: details

  /// Copies a file to the folder of the store before its digest is known; nil if the store is no
  /// folder or the copy may be needless.
  mutating func receive(_ path: String) throws -> (path: String, digest: FileDigest)? {
    let size = try FileBytes(reading: path).size()
    guard size > Int64(Artifact.chunkSize) else { return nil }
    let folder = try connection.run {
      try $0.query(Queries.storeFolder, [.integer(size)]).first.map { try OwnedStore($0) }
    }
    guard let folder else { return nil }
    let store = try FileStore(folder.location)
    return try patience.run {
      var objects: any ObjectStore = store
      try folder.prove(&objects)
      return try store.receive(path)
    }
  }

  mutating func put(
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
  mutating func put(
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
      do {
        if try putOnce(artifact, owner: owner, adopting: path, open: open) { return }
      } catch let error as UploadLost {
        guard upload < Self.uploads else { throw error }
      }
    }
    throw StoreError("artifact \(artifact.sha256) goes as soon as it is stored")
  }

  static func digest(file path: String) throws(StoreError) -> FileDigest {
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
