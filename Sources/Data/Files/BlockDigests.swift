// The digests of a file's blocks, by which a reader checks the parts that it reads.
//
// Little-endian: "PRABLOK1", u64 bytes of the file, u64 bytes of a block, then the SHA-256 of each block.

import Digest
import Threads

/// SHA-256 of each MiB of a file: what names a source that is read where it lies.
package struct BlockDigests: Sendable, Equatable {
  private static let magic = Array("PRABLOK1".utf8)
  private static let headerSize = 24
  package static let blockSize = 1 << 20

  /// Size of the file in bytes.
  package let size: Int
  /// 32 bytes for each block.
  private let digests: [UInt8]

  /// Reads the file once.
  /// - Parameters:
  ///   - threads: number of them that read and hash; the digests are the same for any number
  ///   - progress: called with the bytes read; may throw to stop
  package init(
    of file: MappedFile, threads: Int = 1, progress: (Int) throws -> Void = { _ in }
  ) throws {
    let size = file.bytes.count
    var digests: [UInt8] = []
    try OrderedWork.run(0..<Self.blocks(of: size), threads: threads) {
      Self.digest(file, $0 * Self.blockSize)
    } consume: {
      digests += $1
      try progress(min(($0 + 1) * Self.blockSize, size))
    }
    (self.size, self.digests) = (size, digests)
  }

  /// - Parameter path: name of the file of digests in messages
  /// - Throws: `FileError`
  package init(parsing bytes: UnsafeRawBufferPointer, path: String) throws {
    let reader = ByteReader(bytes, path: path)
    guard bytes.starts(with: Self.magic), try reader.int64(16) == Self.blockSize else {
      throw FileError("\(path): holds no digests of blocks of this version")
    }
    size = try reader.int64(8)
    digests = Array(
      try reader.slice(Self.headerSize, bytes.count - Self.headerSize))
    guard digests.count == blocks * 32 else {
      throw FileError("\(path): damaged: \(digests.count) bytes for \(blocks) blocks")
    }
  }

  package var encoded: [UInt8] {
    func number(_ value: Int) -> [UInt8] {
      withUnsafeBytes(of: UInt64(value).littleEndian) { Array($0) }
    }
    return Self.magic + number(size) + number(Self.blockSize) + digests
  }

  package var blocks: Int { Self.blocks(of: size) }

  private static func blocks(of size: Int) -> Int {
    size / blockSize + (size % blockSize > 0 ? 1 : 0)
  }

  /// Whether a block of a file of this size is the one whose digest was taken.
  package func fits(_ block: Int, of file: MappedFile) -> Bool {
    Self.digest(file, block * Self.blockSize).elementsEqual(digests[block * 32..<block * 32 + 32])
  }

  private static func digest(_ file: MappedFile, _ start: Int) -> [UInt8] {
    var digest = SHA256()
    withExtendedLifetime(file) {
      digest.update(
        UnsafeRawBufferPointer(
          rebasing: file.bytes[start..<min(start + blockSize, file.bytes.count)]))
    }
    return digest.bytes()
  }
}
