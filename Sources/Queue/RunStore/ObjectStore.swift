// Three stores for the bytes of artifacts, behind one protocol.

import Digest
import JobQueue
import Postgres

/// Keeps the bytes of artifacts. Names derive from the SHA-256 alone.
///
/// Written bytes become an artifact when the database records them; a reader checks every byte.
protocol ObjectStore {
  /// Writes the bytes, which become visible together, when all are there.
  /// - Parameter next: returns pieces of `Artifact.chunkSize` in order
  mutating func put(
    _ artifact: Artifact, next: () throws -> [UInt8], over connection: inout RetryingConnection
  ) throws

  /// Takes over a complete file into which nobody writes any more, instead of copying its bytes.
  /// - Returns: whether this store can; the file keeps its own name as well
  mutating func adopt(_ artifact: Artifact, file path: String) throws -> Bool

  /// Reads the bytes in order, piece by piece.
  mutating func read(
    _ artifact: StoredArtifact, over connection: inout RetryingConnection,
    into consume: ([UInt8]) throws -> Void
  ) throws

  /// Deletes the bytes; it is no error if they are not there.
  mutating func delete(sha256: String) throws
}

extension ObjectStore {
  mutating func adopt(_ artifact: Artifact, file path: String) throws -> Bool { false }
}

/// An artifact as the database records it.
struct StoredArtifact {
  let sha256: String
  let size: Int64
  /// Number of rows in the database; 0 in other stores.
  let chunks: Int64
  /// `file:/folder` or `s3://bucket/prefix`; nil in the database.
  let location: String?
}

extension StoreLocation {
  /// Opens the store at a location.
  /// - Parameter environment: holds the credentials of buckets
  static func open(_ location: String, environment: [String: String]) throws(StoreError)
    -> any ObjectStore
  {
    if location.hasPrefix("file:/") { return try FileStore(location) }
    if location.hasPrefix("s3://") { return try BucketStore(location, environment: environment) }
    throw StoreError(
      "store \"\(location)\" is neither database nor file:/folder nor s3://bucket/prefix")
  }
}

extension ArtifactStore {
  /// Writes, reads and deletes a small object in a store.
  /// - Throws: the reason why the store cannot be used
  package mutating func probe(_ location: String) throws {
    var store = try StoreLocation.open(location, environment: environment)
    let bytes = Array("pra probes this store: \(UInt64.random(in: 0 ... .max))".utf8)
    let sha256 = SHA256.hexadecimal(of: bytes)
    let artifact = Artifact(
      sha256: sha256, size: Int64(bytes.count), name: "probe", mediaType: "text/plain")
    try store.put(artifact, next: { bytes }, over: &connection)
    var found: [UInt8] = []
    try store.read(
      StoredArtifact(sha256: sha256, size: artifact.size, chunks: 0, location: location),
      over: &connection
    ) { found += $0 }
    try store.delete(sha256: sha256)
    guard found == bytes else { throw StoreError("store \(location): gives back other bytes") }
  }
}

/// Texts that name a store, such as `s3://bucket/prefix`.
package enum StoreLocation {}

/// The database itself: rows of 1 MiB.
struct DatabaseStore: ObjectStore {
  let owner: ArtifactOwner

  mutating func put(
    _ artifact: Artifact, next: () throws -> [UInt8], over connection: inout RetryingConnection
  ) throws {
    let attempt = owner.parameters
    let isAttempt = !attempt.isEmpty
    let upload = try connection.run {
      try $0.query(
        isAttempt ? Queries.beginArtifact : Queries.beginSubmission,
        attempt + [.text(artifact.sha256), .integer(artifact.size), .text(artifact.mediaType)]
      ).single().optionalInteger("upload")
    }
    guard let upload else { return }  // somebody stored these bytes meanwhile
    let chunks = (artifact.size + Int64(Artifact.chunkSize) - 1) / Int64(Artifact.chunkSize)
    for ordinal in 0..<chunks {
      let parameters = attempt + [.integer(upload), .integer(ordinal), .bytes(try next())]
      // Needs no wait: the commit below waits for the disk, and so for all of these.
      try connection.run { connection in
        try connection.transaction {
          try connection.run(Queries.commitLater)
          try connection.query(
            isAttempt ? Queries.putArtifactChunk : Queries.submitChunk, parameters)
        }
      }
    }
    do {
      try connection.run {
        try $0.query(
          isAttempt ? Queries.commitArtifact : Queries.commitSubmission,
          attempt + [.integer(upload)])
      }
    } catch let error as PostgresError where error.sqlState == "PR005" {
      throw UploadLost()
    }
  }

  mutating func read(
    _ artifact: StoredArtifact, over connection: inout RetryingConnection,
    into consume: ([UInt8]) throws -> Void
  ) throws {
    for ordinal in 0..<artifact.chunks {
      let chunk = try connection.run {
        try $0.bytes(Queries.artifactChunk, [.text(artifact.sha256), .integer(ordinal)])
      }
      guard let chunk else {
        throw DamagedArtifact(
          description:
            "artifact \(artifact.sha256) is damaged: chunk \(ordinal) of \(artifact.chunks) is missing"
        )
      }
      try consume(chunk)
    }
  }

  /// The chunks are deleted with the artifact's row, in pra.collect_garbage.
  mutating func delete(sha256: String) throws {}
}

/// A server that crashed has lost rows of an upload, which must start again.
struct UploadLost: Error {}
