// Three stores for the bytes of artifacts, behind one protocol.

import JobQueue
import Postgres

/// Keeps artifacts as objects outside the database. An object's name is the SHA-256 of its bytes, for further
/// copies with a number after it.
///
/// Written bytes become an artifact when the database records them; a reader checks every byte.
protocol ObjectStore {
  /// Writes the bytes, which become visible together, when all are there.
  /// - Parameters:
  ///   - next: returns pieces of `Artifact.chunkSize` in order
  ///   - note: takes the number of an upload in parts before the first part is sent
  mutating func put(
    _ artifact: Artifact, as object: String, next: () throws -> [UInt8],
    note: (String) throws -> Void
  ) throws

  /// Takes over a complete file into which nobody writes any more, instead of copying its bytes.
  /// - Returns: whether this store can; the file keeps its own name as well
  mutating func adopt(_ artifact: Artifact, as object: String, file path: String) throws -> Bool

  /// Whether an object is there and has this size.
  mutating func holds(_ object: String, size: Int64) throws -> Bool

  /// The file of this machine in which an object's bytes lie; nil where there is none.
  func file(of object: String) -> String?

  /// Reads the bytes from `start` on in order, piece by piece.
  /// - Throws: `MissingObject` if it is not there
  mutating func read(
    _ object: String, from start: Int64, size: Int64, into consume: ([UInt8]) throws -> Void
  ) throws

  /// Reads a part, which is shorter where the object ends.
  /// - Throws: `MissingObject` if it is not there
  mutating func read(_ object: String, from start: Int64, count: Int64) throws -> [UInt8]

  /// Deletes the bytes; it is no error if they are not there.
  mutating func delete(_ object: String) throws

  /// Ends an upload in parts that its writer has left; it is no error if there is none.
  mutating func abort(_ upload: String, of object: String) throws

  /// The text of the mark that says whose the store is; nil if it has none.
  mutating func mark() throws -> String?

  /// Writes the mark.
  /// - Parameter replacing: whether one that is there is replaced
  /// - Returns: whether it was written: of several writers of a first mark exactly one succeeds
  mutating func write(mark: String, replacing: Bool) throws -> Bool

  /// Gives the names and sizes of all objects that are there, some at a time.
  func list(_ body: ([(name: String, size: Int64)]) throws -> Void) throws

  /// Makes sure that a place without a mark may become a store.
  /// - Parameter isKnown: whether it is a store of this database, whose objects may lie there
  mutating func requireFree(isKnown: Bool) throws
}

extension ObjectStore {
  mutating func adopt(_ artifact: Artifact, as object: String, file path: String) throws -> Bool {
    false
  }

  func file(of object: String) -> String? { nil }

  mutating func abort(_ upload: String, of object: String) throws {}
}

/// One of the places of an artifact, as the database records it.
struct StoredCopy: Equatable {
  let sha256: String
  let size: Int64
  /// The upload by which it came into the database; nil in other stores and for inline bytes.
  let upload: Int64?
  /// Number of rows in the database; 0 in other stores.
  let chunks: Int64
  let store: Int64?
  /// `file:/folder` or `s3://bucket/prefix`; nil in the database.
  let location: String?
  let object: String
  let number: Int64?
  /// Whether the server or a reader has checked the bytes, and nobody has found them damaged since.
  let isCertain: Bool
  /// Whether the store is known to carry a mark.
  let isMarked: Bool

  /// The parameters that name it in the database's functions.
  var parameters: [Parameter] {
    [
      .text(sha256), .optional(upload) { .integer($0) }, .optional(store) { .integer($0) },
      .optional(number) { .integer($0) },
    ]
  }
}

/// An object is not there though the database says so.
struct MissingObject: Error {
  /// Its path or address.
  let place: String
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

/// The database itself: one row for an artifact of up to 1 MiB, rows of 1 MiB for others.
struct DatabaseStore {
  let owner: ArtifactOwner

  func put(
    _ artifact: Artifact, next: () throws -> [UInt8], over connection: inout RetryingConnection
  ) throws {
    guard artifact.size > Int64(Artifact.chunkSize) else {
      let bytes = try next()
      return try putRow(artifact, bytes, over: &connection)
    }
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

  private func putRow(
    _ artifact: Artifact, _ bytes: [UInt8], over connection: inout RetryingConnection
  ) throws {
    let attempt = owner.parameters
    try connection.run {
      try $0.query(
        attempt.isEmpty ? Queries.submitArtifact : Queries.putArtifact,
        attempt + [.text(artifact.sha256), .text(artifact.mediaType), .bytes(bytes)])
    }
  }

  static func read(
    _ copy: StoredCopy, from start: Int64, over connection: inout RetryingConnection,
    into consume: ([UInt8]) throws -> Void
  ) throws {
    var known = Int(start % Int64(Artifact.chunkSize))
    for ordinal in min(copy.chunks, start / Int64(Artifact.chunkSize))..<copy.chunks {
      let chunk = try connection.run {
        try $0.bytes(
          Queries.artifactChunk,
          [.text(copy.sha256), .integer(ordinal), .optional(copy.upload) { .integer($0) }])
      }
      guard let chunk else {
        throw MissingObject(place: "row \(ordinal) of \(copy.chunks) in the database")
      }
      try consume(known > 0 ? Array(chunk.dropFirst(known)) : chunk)
      known = 0
    }
  }
}

/// A server has lost parts of an upload, or all of it: it must start again.
struct UploadLost: Error, CustomStringConvertible {
  let description = "the store lost the parts of an upload"
}
