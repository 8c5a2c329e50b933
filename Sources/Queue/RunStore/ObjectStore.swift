// Three stores for the bytes of artifacts, behind one protocol.

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
  /// - Parameters:
  ///   - environment: holds the keys of buckets
  ///   - patience: how long requests to a server wait for it
  static func open(
    _ location: String, environment: [String: String], patience: StorePatience = .person()
  ) throws(StoreError) -> any ObjectStore {
    if location.hasPrefix("file:/") { return try FileStore(location) }
    if location.hasPrefix("s3://") {
      return try BucketStore(location, environment: environment, patience: patience)
    }
    throw StoreError(
      "store \"\(location)\" is neither database nor file:/folder nor s3://bucket/prefix")
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

/// A server has lost parts of an upload, or all of it: it must start again.
struct UploadLost: Error, CustomStringConvertible {
  let description = "the store lost the parts of an upload"
}
