// The packed data set: one memory-mapped file of pixels and labels.
//
// Little-endian: a header of 128 bytes ("PRADATA1", u32 side, u32 channels, u64 images, u64 classes,
// u64 bytes of names, 32 bytes fingerprint, zeros), the pixels [images, side, side, channels], the
// labels as u32, the class names each ended by a zero byte.

import Digest
import Files

private let magic = Array("PRADATA1".utf8)
private let headerSize = 128

/// A data set that is ready for training.
package final class PackedDataSet: Sendable {
  package let path: String
  /// Side of the square images in pixels.
  package let size: Int
  package let channels: Int
  /// Number of images.
  package let count: Int
  /// Names of the classes by number.
  package let classes: [String]
  /// SHA-256 over sizes, names, labels and pixels, 64 hexadecimal digits.
  package let fingerprint: String
  /// Number of each image's class.
  package let labels: [Int]
  private let file: MappedFile

  /// Opens a file and checks header, length and labels.
  /// - Throws: `FileError`
  package init(path: String) throws {
    self.path = path
    file = try MappedFile(path)
    let bytes = file.bytes
    guard bytes.count >= headerSize, bytes.prefix(8).elementsEqual(magic) else {
      throw FileError("\(path): is no packed data set of this version, or truncated")
    }
    func word(_ offset: Int) -> Int {
      Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
    }
    func long(_ offset: Int) throws -> Int {
      let value = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
      guard value <= UInt64(bytes.count) else {
        throw FileError("\(path): damaged or truncated: its header counts \(value) of something")
      }
      return Int(value)
    }
    (size, channels) = (word(8), word(12))
    count = try long(16)
    let classCount = try long(24)
    let nameBytes = try long(32)
    guard (1...4096).contains(size), channels == 1 || channels == 3 else {
      throw FileError("\(path): damaged: images of \(size) x \(size) x \(channels)")
    }
    let pixelBytes = count.multipliedReportingOverflow(by: size * size * channels)
    let expected = headerSize + pixelBytes.partialValue + count * 4 + nameBytes
    guard !pixelBytes.overflow, expected == bytes.count else {
      throw FileError(
        "\(path): truncated or damaged: \(bytes.count) bytes for \(count) images of \(size) x "
          + "\(size) x \(channels)")
    }
    let labelStart = headerSize + pixelBytes.partialValue
    labels = (0..<count).map { word(labelStart + $0 * 4) }
    let names = bytes[(bytes.count - nameBytes)...].split(
      separator: 0, omittingEmptySubsequences: false)
    let decoded = names.dropLast().map { String(validating: $0, as: UTF8.self) }
    guard decoded.count == classCount, decoded.allSatisfy({ $0 != nil }),
      labels.allSatisfy({ $0 < classCount })
    else { throw FileError("\(path): damaged: class names and labels do not fit") }
    classes = decoded.map { $0! }
    fingerprint = hexadecimal(bytes[40..<72])
  }

  /// The pixels of image `index`, [size, size, channels].
  package func pixels(of index: Int) -> UnsafeRawBufferPointer {
    precondition(index >= 0 && index < count, "PackedDataSet: image \(index) of \(count)")
    let length = size * size * channels
    let start = headerSize + index * length
    return UnsafeRawBufferPointer(rebasing: file.bytes[start..<start + length])
  }

  /// Computes the fingerprint again.
  /// - Throws: `FileError` if the contents are not those that were written
  package func verify() throws {
    var digest = fingerprintStart(size: size, channels: channels)
    digest.update(file.bytesAfter(headerSize))
    guard digest.hexadecimal() == fingerprint else {
      throw FileError("\(path): damaged: its contents do not have its fingerprint")
    }
  }
}

/// Writes a packed data set image by image; the names of the classes are needed only at the end.
package final class PackedDataSetWriter {
  private let file: DurableFile
  private let size: Int
  private let channels: Int
  private var labels: [Int] = []
  private var digest: SHA256

  /// - Throws: `FileError`
  package init(_ path: String, size: Int, channels: Int) throws {
    file = try DurableFile(path)
    (self.size, self.channels) = (size, channels)
    digest = fingerprintStart(size: size, channels: channels)
    try file.write([UInt8](repeating: 0, count: headerSize))
  }

  var count: Int { labels.count }

  /// Byte of the file at which the pixels of the first image begin.
  package static let pixelStart = headerSize

  /// Adds one image, [size, size, channels] row-major.
  /// - Throws: `FileError`
  package func append(_ pixels: [UInt8], label: Int) throws {
    precondition(
      pixels.count == size * size * channels, "PackedDataSetWriter: \(pixels.count) bytes")
    labels.append(label)
    digest.update(pixels)
    try file.write(pixels)
  }

  /// - Returns: the fingerprint
  package func commit(classes: [String]) throws -> String {
    let labelBytes = labels.flatMap { littleEndian(UInt32($0)) }
    let names: [UInt8] = classes.flatMap { Array($0.utf8) + [UInt8(0)] }
    try file.write(labelBytes)
    try file.write(names)
    var whole = SHA256()
    swap(&whole, &digest)
    whole.update(labelBytes)
    whole.update(names)
    let fingerprint = whole.hexadecimal()

    var header = magic + littleEndian(UInt32(size)) + littleEndian(UInt32(channels))
    for value in [labels.count, classes.count, names.count] {
      header += littleEndian(UInt64(value))
    }
    header += unhexadecimal(fingerprint)
    try file.overwrite(header, at: 0)
    try file.commit()
    return fingerprint
  }
}

private func fingerprintStart(size: Int, channels: Int) -> SHA256 {
  var digest = SHA256()
  digest.update(magic + littleEndian(UInt32(size)) + littleEndian(UInt32(channels)))
  return digest
}

private func littleEndian<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
  withUnsafeBytes(of: value.littleEndian) { Array($0) }
}

private func hexadecimal(_ bytes: Slice<UnsafeRawBufferPointer>) -> String {
  bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

private func unhexadecimal(_ text: String) -> [UInt8] {
  let digits = text.utf8.map { UInt8($0 >= 97 ? $0 - 87 : $0 - 48) }
  return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
}

extension MappedFile {
  fileprivate func bytesAfter(_ offset: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: bytes[offset...])
  }
}
