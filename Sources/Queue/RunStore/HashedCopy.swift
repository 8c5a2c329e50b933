// SHA-256 on a thread of its own, and copies that are hashed while they are read.

import Digest
import Files
import Glibc
import Threads

/// Hashes pieces in order on its own thread, while the caller reads and writes.
final class BackgroundDigest: Sendable {
  private struct Line {
    var pieces: [[UInt8]] = []
    var isWhole = false
    var sha256: String?
  }

  /// Largest number of pieces that wait.
  static let most = 4

  private let line = Monitor(Line())
  private let thread: DedicatedThread

  init() throws(ThreadError) {
    let line = line
    thread = try DedicatedThread("digest") {
      var digest = SHA256()
      while true {
        let pieces: [[UInt8]] = line.wait { line in
          line.pieces.isEmpty && !line.isWhole ? nil : line.pieces
        }!
        if pieces.isEmpty { break }
        for piece in pieces { digest.update(piece) }
        line.update { $0.pieces.removeFirst(pieces.count) }
      }
      let name = digest.hexadecimal()
      line.update { $0.sha256 = name }
    }
  }

  deinit {
    line.update { $0.isWhole = true }
    thread.join()
  }

  func update(_ piece: [UInt8]) {
    guard !piece.isEmpty else { return }
    line.wait { $0.pieces.count < Self.most ? () : nil }
    line.update { $0.pieces.append(piece) }
  }

  /// - Returns: 64 lower-case hexadecimal digits; nothing may be added afterwards
  func hexadecimal() -> String {
    line.update { $0.isWhole = true }
    return line.wait { $0.sha256 }!
  }
}

enum HashedCopy {
  /// - Parameter target: must not exist; durable afterwards. After an error the caller deletes it
  static func run(
    from source: String, to target: String, _ meter: CopyMeter
  ) throws -> FileDigest {
    let input = try FileBytes(reading: source)
    var output = try NewFile(target)
    _ = try input.size()
    let digest = try BackgroundDigest()
    var ring = PieceRing()
    var size: Int64 = 0
    while true {
      let piece = try ring.read(input)
      if piece.isEmpty { break }
      digest.update(piece)
      try output.write(piece)
      size += Int64(piece.count)
      try meter.moved(to: size)
    }
    try output.sync()
    return FileDigest(sha256: digest.hexadecimal(), size: size)
  }
}
