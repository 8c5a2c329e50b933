// Files written past the page cache hold the written bytes, wherever pieces begin and end.

import Digest
import Foundation
import Testing

@testable import Files

@Suite struct DurableFileTests {
  private static let piece = DirectWriter.pieceSize

  private func bytes(_ count: Int, seed: UInt64) -> [UInt8] {
    var state = seed
    return (0..<count).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return UInt8(truncatingIfNeeded: state >> 56)
    }
  }

  /// Parts that end before, at and behind the end of a piece; a part of several pieces; no part.
  @Test(arguments: [
    [], [0], [1], [piece], [piece - 1, 1, 1], [5, 2 * piece, 4096, 4095], [piece, piece, 512],
  ])
  func whatIsWrittenIsThere(_ counts: [Int]) throws {
    let scratch = try Scratch()
    let file = try DurableFile("\(scratch.path)/x", isHashed: true)
    var whole: [UInt8] = []
    for (i, count) in counts.enumerated() {
      let part = bytes(count, seed: UInt64(i))
      try file.write(part)
      whole += part
    }
    #expect(file.digest == nil)
    try file.commit()
    #expect(try scratch.bytes("x") == whole)
    #expect(
      file.digest
        == FileDigest(sha256: SHA256.hexadecimal(of: whole), size: Int64(whole.count)))
  }

  /// Replaces bytes in complete pieces, which are on disk already, and in the incomplete one.
  @Test func bytesOnDiskAndBytesThatWaitCanBeReplaced() throws {
    let scratch = try Scratch()
    let file = try DurableFile("\(scratch.path)/x")
    var whole = bytes(Self.piece + 1000, seed: 1)
    try file.write(whole)
    for (i, offset) in [0, Self.piece - 3, Self.piece + 990].enumerated() {
      let part = bytes(7, seed: UInt64(i + 9))
      try file.overwrite(part, at: offset)
      whole.replaceSubrange(offset..<offset + 7, with: part)
    }
    // Complete pieces again, from an offset between two blocks.
    let more = bytes(2 * Self.piece, seed: 2)
    try file.write(more)
    try file.commit()
    #expect(try scratch.bytes("x") == whole + more)
  }

  /// A file that cannot be renamed: the error says so, and nothing remains.
  @Test(arguments: [100, 3 * piece]) func afterAnErrorNothingIsThere(_ count: Int) throws {
    let scratch = try Scratch()
    let path = "\(scratch.path)/x"
    let error = #expect(throws: FileError.self) {
      // The folder is deleted while its file is written, so that the file cannot be renamed.
      let file = try DurableFile(path)
      try file.write(bytes(count, seed: 3))
      try FileManager.default.removeItem(atPath: scratch.path)
      try file.commit()
    }
    #expect(error?.description.hasPrefix(path) == true)
    #expect(!FileManager.default.fileExists(atPath: path))
  }
}
