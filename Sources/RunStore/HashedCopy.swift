// A copy of a file and its digest, from one reading.

import Digest
import Glibc

/// Writes what it reads while another thread hashes it.
enum HashedCopy {
  private struct Line {
    /// Read, not yet hashed.
    var pieces: [[UInt8]] = []
    var isWhole = false
    var sha256: String?
  }

  /// Pieces of `Artifact.chunkSize` that wait for the digest at most.
  private static let most = 4

  /// - Parameter target: must not exist; durable afterwards, and after an error the caller's to delete
  static func run(from source: String, to target: String) throws -> (sha256: String, size: Int64) {
    let input = try FileBytes(reading: source)
    let output = try FileBytes(creating: target)
    _ = try input.size()
    let line = Monitor(Line())
    let hasher = DedicatedThread("digest") {
      var digest = SHA256()
      while let pieces = next(of: line) {
        for piece in pieces { digest.update(piece) }
      }
      let name = digest.hexadecimal()
      line.update { $0.sha256 = name }
    }
    var size: Int64 = 0
    do {
      defer {
        line.update { $0.isWhole = true }
        hasher.join()
      }
      while true {
        let piece = try input.read(Artifact.chunkSize)
        if piece.isEmpty { break }
        line.wait { $0.pieces.count < most ? () : nil }
        line.update { $0.pieces.append(piece) }
        try output.write(piece)
        size += Int64(piece.count)
      }
      try output.sync()
    }
    return (line.read { $0.sha256! }, size)
  }

  /// The pieces that came since; nil after the last.
  private static func next(of line: Monitor<Line>) -> [[UInt8]]? {
    let pieces = line.wait { line -> [[UInt8]]? in
      guard !line.pieces.isEmpty || line.isWhole else { return nil }
      return line.pieces
    }!
    line.update { $0.pieces.removeFirst(pieces.count) }
    return pieces.isEmpty ? nil : pieces
  }
}
