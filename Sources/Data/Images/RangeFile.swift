// The object of one range: a header of 128 bytes ("PRARANG1", u32 side, u32 channels, zeros,
// little-endian), then the pixels [images, side, side, channels].

import Files

private let magic = Array("PRARANG1".utf8)

/// The file of a range's pixels.
package enum RangeFile {
  static let headerSize = 128

  static func size(images: Int, size: Int, channels: Int) -> Int {
    headerSize + images * size * size * channels
  }

  fileprivate static func header(size: Int, channels: Int) -> [UInt8] {
    let start = magic + littleEndian(UInt32(size)) + littleEndian(UInt32(channels))
    return start + [UInt8](repeating: 0, count: headerSize - start.count)
  }

  /// Maps a file and checks header and length.
  /// - Throws: `FileError`
  static func open(_ path: String, _ range: ImageRange, size: Int, channels: Int) throws
    -> MappedFile
  {
    let file = try MappedFile(path)
    let wanted = header(size: size, channels: channels)
    guard file.bytes.count == range.bytes, file.bytes.prefix(headerSize).elementsEqual(wanted)
    else {
      throw FileError(
        "\(path): is no range of \(range.images) images of \(size) x \(size) x \(channels), or damaged"
      )
    }
    return file
  }
}

/// Writes a range image by image. Its digest is computed on the way; the file appears with `commit`.
final class RangeWriter {
  private let path: String
  private let size: Int
  private let channels: Int
  private var file: DurableFile?
  private(set) var images = 0
  private var digests: [UInt8] = []
  /// Number of images by class, in the order of the classes met.
  private var labels: [LabelCount] = []

  init(_ path: String, size: Int, channels: Int) {
    (self.path, self.size, self.channels) = (path, size, channels)
  }

  /// - Parameters:
  ///   - pixels: [size, size, channels] row-major
  ///   - digest: SHA-256 of the pixels
  /// - Throws: `FileError`
  func append(_ pixels: [UInt8], digest: [UInt8], label: Int) throws {
    precondition(pixels.count == size * size * channels, "RangeWriter: \(pixels.count) bytes")
    if file == nil {
      file = try DurableFile(path, isHashed: true)
      try file!.write(RangeFile.header(size: size, channels: channels))
    }
    try file!.write(pixels)
    digests += digest
    images += 1
    if labels.last?.label == label {
      labels[labels.count - 1].images += 1
    } else {
      labels.append(LabelCount(label: label, images: 1))
    }
  }

  /// - Returns: the range; of one without images there is no file
  /// - Throws: `FileError`
  func commit() throws -> PackedRange {
    try file?.commit()
    let range = file?.digest.map {
      ImageRange(images: images, bytes: Int($0.size), sha256: $0.sha256)
    }
    file = nil
    return PackedRange(range: range, labels: labels, digests: digests)
  }
}
