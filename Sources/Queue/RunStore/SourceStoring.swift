// Stores what a person gives, which may be large and is known from an earlier time: it is read and hashed
// once, or not at all.

import Files
import Glibc
import JobQueue

extension ArtifactStore {
  /// Stores a file as `store(file:)` does.
  /// - Parameter known: its digest, if it was computed before and the file has not changed since: then it is
  ///   not read where the store has the bytes, and not hashed again where it has not
  /// - Throws: `FileError` if the file changes meanwhile
  package mutating func store(
    file path: String, known: FileDigest?, name: String, mediaType: String, owner: ArtifactOwner
  ) throws -> Artifact {
    let before = try FileIdentity(path)
    func check() throws {
      guard try FileIdentity(path) == before else {
        throw FileError(
          "\(path): changed while it was being stored; try again when nobody writes to it")
      }
    }
    if known == nil, let (copy, digest) = try receive(path) {
      defer { unlink(copy) }
      try Artifact.check(name: name)
      try check()
      let artifact = Artifact(
        sha256: digest.sha256, size: digest.size, name: name, mediaType: mediaType)
      try put(artifact, file: copy, owner: owner, isGivenAway: true)
      return artifact
    }
    let digest = try known ?? digest(file: path)
    return try store(digest, name: name, mediaType: mediaType, owner: owner) {
      let file = try PieceFile(path)
      return {
        let piece = try file.next()
        // Before the last piece is sent, so that the store never takes a mixture for complete.
        if file.position == digest.size { try check() }
        return piece
      }
    }
  }

  /// Stores bytes that are made as they are read, such as the tar of a folder.
  /// - Parameters:
  ///   - known: their digest
  ///   - open: begins to read them: returns pieces of `Artifact.chunkSize` in order
  package mutating func store(
    _ known: FileDigest, name: String, mediaType: String, owner: ArtifactOwner,
    open: () throws -> () throws -> [UInt8]
  ) throws -> Artifact {
    try Artifact.check(name: name)
    let artifact = Artifact(
      sha256: known.sha256, size: known.size, name: name, mediaType: mediaType)
    try put(artifact, owner: owner, open: open)
    return artifact
  }
}

/// The pieces of a file.
private final class PieceFile {
  private let file: FileBytes
  private var ring = PieceRing()
  private(set) var position: Int64 = 0

  init(_ path: String) throws { file = try FileBytes(reading: path) }

  func next() throws -> [UInt8] {
    let piece = try ring.read(file)
    position += Int64(piece.count)
    return piece
  }
}
