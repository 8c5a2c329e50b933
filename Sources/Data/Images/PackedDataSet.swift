// A data set of equal images, mapped into memory: a manifest with the objects of its ranges, or one
// packed file.
//
// The packed file is what data sets were before there were ranges, and what samples are. Little-endian:
// a header of 128 bytes ("PRADATA1", u32 side, u32 channels, u64 images, u64 classes, u64 bytes of names,
// 32 bytes fingerprint, zeros), the pixels [images, side, side, channels], the labels as u32, the class
// names each ended by a zero byte.

import Digest
import Files
import Threads

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
  /// Identity of sizes, names, labels and pixels, 64 hexadecimal digits.
  package let fingerprint: String
  /// Number of each image's class.
  package let labels: [Int]
  /// The objects with the pixels, in the order of their images; empty for one packed file.
  package let ranges: [ImageRange]
  /// Number of the first image of each range, and the number of all images.
  private let starts: [Int]
  private let files: Monitor<[MappedFile?]>

  /// Opens a packed file, or a manifest, whose ranges are opened one by one (`open`).
  ///
  /// Checks header, length and labels.
  /// - Throws: `FileError`
  package convenience init(path: String) throws {
    let file = try MappedFile(path)
    if file.bytes.first == UInt8(ascii: "{") {
      let manifest = try withExtendedLifetime(file) {
        try DataSetManifest(parsing: file.bytes, path: path)
      }
      self.init(manifest, path: path)
    } else {
      try self.init(packed: file, path: path)
    }
  }

  /// - Parameter path: name of the manifest in messages
  package init(_ manifest: DataSetManifest, path: String) {
    self.path = path
    (size, channels, ranges) = (manifest.size, manifest.channels, manifest.ranges)
    (count, fingerprint) = (manifest.count, manifest.fingerprint)
    classes = manifest.classes.map(\.name)
    labels = manifest.classes.enumerated().flatMap { [Int](repeating: $0, count: $1.images) }
    var starts = [0]
    for range in manifest.ranges { starts.append(starts.last! + range.images) }
    self.starts = starts
    files = Monitor([MappedFile?](repeating: nil, count: manifest.ranges.count))
  }

  private init(packed file: MappedFile, path: String) throws {
    self.path = path
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
    (ranges, starts, files) = ([], [0, count], Monitor([file]))
  }

  /// Maps the object of a range.
  /// - Throws: `FileError` if it is not of this data set's sizes
  package func open(range: Int, path: String) throws {
    let file = try RangeFile.open(path, ranges[range], size: size, channels: channels)
    files.update { $0[range] = file }
  }

  /// Takes the object of a range out of memory.
  package func close(range: Int) { files.update { $0[range] = nil } }

  /// Number of the range that holds an image.
  package func range(of image: Int) -> Int {
    precondition(image >= 0 && image < count, "PackedDataSet: image \(image) of \(count)")
    var (low, high) = (0, starts.count - 1)
    while high - low > 1 {
      let middle = (low + high) / 2
      if starts[middle] <= image { low = middle } else { high = middle }
    }
    return low
  }

  /// The images of a range.
  package func images(ofRange range: Int) -> Range<Int> { starts[range]..<starts[range + 1] }

  /// The pixels of image `index`, [size, size, channels], whose range is open.
  package func pixels(of index: Int) -> UnsafeRawBufferPointer {
    let range = range(of: index)
    guard let file = files.read({ $0[range] }) else {
      preconditionFailure("PackedDataSet: range \(range) of image \(index) is not open")
    }
    let length = size * size * channels
    // Both kinds of file have a header of this size.
    let start = headerSize + (index - starts[range]) * length
    return UnsafeRawBufferPointer(rebasing: file.bytes[start..<start + length])
  }

  /// Computes the fingerprint again; all ranges are open.
  /// - Throws: `FileError` if the contents are not those that were written
  package func verify() throws {
    let found: String
    if ranges.isEmpty {
      var digest = packedStart(size: size, channels: channels)
      digest.update(UnsafeRawBufferPointer(rebasing: files.read { $0[0]! }.bytes[headerSize...]))
      found = digest.hexadecimal()
    } else {
      var digest = DataSetFingerprint(size: size, channels: channels)
      for image in 0..<count { digest.add(DataSetFingerprint.leaf(pixels(of: image))) }
      var counts = [Int](repeating: 0, count: classes.count)
      for label in labels { counts[label] += 1 }
      found = digest.root(zip(classes, counts).map { ClassCount(name: $0, images: $1) })
    }
    guard found == fingerprint else {
      throw FileError("\(path): damaged: its contents do not have its fingerprint")
    }
  }
}

/// Writes a packed file image by image; the names of the classes are needed only at the end.
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
    digest = packedStart(size: size, channels: channels)
    try file.write([UInt8](repeating: 0, count: headerSize))
  }

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

private func packedStart(size: Int, channels: Int) -> SHA256 {
  var digest = SHA256()
  digest.update(magic + littleEndian(UInt32(size)) + littleEndian(UInt32(channels)))
  return digest
}

private func hexadecimal(_ bytes: Slice<UnsafeRawBufferPointer>) -> String {
  bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

private func unhexadecimal(_ text: String) -> [UInt8] {
  let digits = text.utf8.map { UInt8($0 >= 97 ? $0 - 87 : $0 - 48) }
  return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
}
