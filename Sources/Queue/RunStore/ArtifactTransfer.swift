// Stores bytes, which are named after their digest and stored once.

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
  /// The artifacts that this machine keeps.
  let cache: ArtifactCache?
  let watch: CopyWatch
  /// Entries of the cache that this process uses, by the path at which it sees them.
  var uses: [String: ArtifactCache.Use] = [:]

  /// - Parameters:
  ///   - environment: holds the keys of stores outside the database
  ///   - patience: how long it waits for such a store
  ///   - cache: takes what is fetched into files
  ///   - watch: is told of each copy
  package init(
    _ connection: RetryingConnection, environment: [String: String] = [:],
    patience: StorePatience = .person(), reader: ArtifactOwner = .submitter,
    doubting: RetryingConnection? = nil, cache: ArtifactCache? = nil,
    watch: CopyWatch = CopyWatch()
  ) {
    (self.connection, self.environment) = (connection, environment)
    (self.patience, self.reader, self.doubting) = (patience, reader, doubting)
    (self.cache, self.watch) = (cache, watch)
  }
}

/// The database is no place for so large an artifact, and no store is chosen. That is an operator's to decide,
/// and no repetition helps.
package struct NoPlace: Error, Sendable, CustomStringConvertible {
  package let description: String
}

extension ArtifactStore {
  /// Makes sure that artifacts of a size have a place, before anything is computed or copied for them.
  /// - Throws: `NoPlace`
  package mutating func requirePlace(for size: Int64) throws {
    guard size > Int64(Artifact.chunkSize) else { return }
    do {
      try connection.run { try $0.query(Queries.checkArtifactSize, [.integer(size)]) }
    } catch let error as PostgresError where error.sqlState == "PR006" {
      throw NoPlace(description: error.message)
    }
  }

  /// Stores a file, reading it twice: once for its name, once for its bytes. A folder takes it in one reading,
  /// unless it is of the size of an artifact that is there, which it may be.
  package mutating func store(
    file path: String, name: String, mediaType: String, owner: ArtifactOwner
  ) throws -> Artifact {
    try Artifact.check(name: name)
    try requirePlace(for: FileBytes(reading: path).size())
    if let (copy, digest) = try receive(path) {
      defer { unlink(copy) }
      let artifact = Artifact(digest, name: name, mediaType: mediaType)
      try put(artifact, file: copy, owner: owner, isGivenAway: true)
      return artifact
    }
    let artifact = Artifact(try digest(file: path), name: name, mediaType: mediaType)
    try put(artifact, file: path, owner: owner, isGivenAway: false)
    return artifact
  }

  /// Stores a file into which nobody writes any more: a store on its file system takes the file itself.
  /// - Parameters:
  ///   - digest: of the file, where its writer has computed it: it is not read again then
  ///   - isKept: whether the cache of this machine keeps the file, for a job that reads it
  package mutating func store(
    givenAway path: String, digest given: FileDigest?, name: String, mediaType: String,
    owner: ArtifactOwner, isKept: Bool = false
  ) throws -> Artifact {
    try Artifact.check(name: name)
    try requirePlace(for: FileBytes(reading: path).size())
    let artifact = Artifact(try given ?? digest(file: path), name: name, mediaType: mediaType)
    try put(artifact, file: path, owner: owner, isGivenAway: true)
    if isKept { cache?.keep(path, artifact) }
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

  /// The bytes of an artifact that fits into memory.
  package mutating func bytes(sha256: String) throws -> [UInt8] {
    let sink = MemorySink()
    try read(sha256: sha256, into: sink)
    return sink.bytes
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
      return try store.receive(path, CopyMeter(watch, .storing, total: size))
    }
  }

  mutating func put(
    _ artifact: Artifact, file path: String, owner: ArtifactOwner, isGivenAway: Bool
  ) throws {
    let watch = watch
    try put(artifact, owner: owner, adopting: isGivenAway ? path : nil) { () throws in
      var reader = CheckedFile(file: try FileBytes(reading: path), artifact: artifact)
      return CopyMeter(watch, .storing, total: artifact.size).counting { try reader.next() }
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
    guard artifact.size > Int64(Artifact.inlineSize) else {
      return try DatabaseStore(owner: owner).put(artifact, next: try open(), over: &connection)
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

  func digest(file path: String) throws -> FileDigest {
    let file = try FileBytes(reading: path)
    let meter = CopyMeter(watch, .checking, total: try file.size(), leavesNothing: true)
    var digest = SHA256()
    var size: Int64 = 0
    var buffer = [UInt8](repeating: 0, count: Artifact.chunkSize)
    while true {
      let count = try file.read(into: &buffer)
      if count == 0 { return FileDigest(sha256: digest.hexadecimal(), size: size) }
      buffer.withUnsafeBytes { digest.update(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
      size += Int64(count)
      try meter.moved(to: size)
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
