// The results of an import for a range of images, from which another process can continue.
//
// Little-endian: "PRAPART1", u32 bytes per image, u64 first, u64 end; then for each image a byte 1
// and its pixels, or a byte 0, u32 bytes of a reason, and the reason.

import Files

private let magic = Array("PRAPART1".utf8)
private let headerSize = 28

/// Writes the outcomes of images in order; the file appears when it is committed.
package final class IngestPartWriter {
  private let file: DurableFile
  private let imageBytes: Int
  private let first: Int
  private var count = 0

  /// - Parameters:
  ///   - imageBytes: size of one image's pixels
  ///   - first: number of the first image
  /// - Throws: `FileError`
  package init(_ path: String, imageBytes: Int, first: Int) throws {
    file = try DurableFile(path)
    (self.imageBytes, self.first) = (imageBytes, first)
    try file.write([UInt8](repeating: 0, count: headerSize))
  }

  package func append(_ outcome: Ingest.Outcome) throws {
    count += 1
    switch outcome {
    case .pixels(let pixels):
      precondition(pixels.count == imageBytes, "IngestPartWriter: \(pixels.count) bytes")
      try file.write([1])
      try file.write(pixels)
    case .broken(let reason):
      try file.write([0] + bytes(UInt32(reason.utf8.count)) + Array(reason.utf8))
    }
  }

  /// - Throws: `FileError`
  package func commit() throws {
    try file.overwrite(
      magic + bytes(UInt32(imageBytes)) + bytes(UInt64(first)) + bytes(UInt64(first + count)), at: 0
    )
    try file.commit()
  }

  private func bytes<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
  }
}

extension IngestJob {
  /// Adds the results saved by another process, which must begin where this one stands.
  /// - Throws: `FileError`
  package func replay(part path: String, imageBytes: Int) throws {
    let file = try MappedFile(path)
    let reader = ByteReader(file.bytes, path: path)
    guard try reader.slice(0, 8).elementsEqual(magic), try reader.u32(8) == UInt32(imageBytes),
      try reader.int64(12) == done
    else { throw FileError("\(path): is no part of this import from image \(done)") }
    let end = try reader.int64(20)
    guard end <= total else { throw FileError("\(path): has images to \(end) of \(total)") }
    var at = headerSize
    while done < end {
      if try reader.slice(at, 1)[0] == 1 {
        try take(.pixels(Array(try reader.slice(at + 1, imageBytes))))
        at += 1 + imageBytes
      } else {
        let length = Int(try reader.u32(at + 1))
        let reason = String(decoding: try reader.slice(at + 5, length), as: UTF8.self)
        try take(.broken(reason))
        at += 5 + length
      }
    }
    guard at == file.bytes.count else { throw FileError("\(path): damaged: bytes behind its end") }
  }
}
