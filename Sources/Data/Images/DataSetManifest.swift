// The manifest of a data set: its classes, and the objects that hold ranges of its images.

import Digest
import Files
import FoundationEssentials

/// The images of one class, which are adjacent: a data set is sorted by class.
package struct ClassCount: Codable, Sendable, Equatable {
  package let name: String
  package let images: Int

  package init(name: String, images: Int) { (self.name, self.images) = (name, images) }
}

/// An object that holds the pixels of adjacent images.
package struct ImageRange: Codable, Sendable, Equatable {
  package let images: Int
  /// Size of the object.
  package let bytes: Int
  /// Name of the object in the store.
  package let sha256: String

  package init(images: Int, bytes: Int, sha256: String) {
    (self.images, self.bytes, self.sha256) = (images, bytes, sha256)
  }
}

/// The description of a data set, a small JSON file.
package struct DataSetManifest: Codable, Sendable, Equatable {
  static let format = "PRADATA2"
  /// The most images of a data set: their labels lie in memory, 8 bytes each.
  static let mostImages = 1 << 28

  let format: String
  /// Side of the square images in pixels.
  package let size: Int
  package let channels: Int
  /// The classes by number, those without images as well.
  package let classes: [ClassCount]
  /// The ranges, in the order of their images.
  package let ranges: [ImageRange]
  /// The root of a tree of digests (`DataSetFingerprint`), which does not depend on the ranges.
  package let fingerprint: String

  package init(
    size: Int, channels: Int, classes: [ClassCount], ranges: [ImageRange], fingerprint: String
  ) {
    format = Self.format
    (self.size, self.channels, self.classes) = (size, channels, classes)
    (self.ranges, self.fingerprint) = (ranges, fingerprint)
  }

  /// Reads a manifest and checks that its numbers fit together.
  /// - Parameter path: name of the file in messages
  /// - Throws: `FileError`
  package init(parsing bytes: UnsafeRawBufferPointer, path: String) throws {
    do {
      self = try JSONDecoder().decode(Self.self, from: Data(bytes))
    } catch {
      throw FileError("\(path): is no manifest of a data set of this version, or truncated")
    }
    guard format == Self.format, (1...4096).contains(size), channels == 1 || channels == 3 else {
      throw FileError(
        "\(path): damaged: format \(format), images of \(size) x \(size) x \(channels)")
    }
    let isSound =
      !ranges.isEmpty && classes.allSatisfy { (0...Self.mostImages).contains($0.images) }
      && ranges.allSatisfy { range in
        (1...Self.mostImages).contains(range.images)
          && range.bytes == RangeFile.size(images: range.images, size: size, channels: channels)
          && range.sha256.wholeMatch(of: /[0-9a-f]{64}/) != nil
      }
    guard isSound, classes.reduce(0, { $0 + $1.images }) == count, count <= Self.mostImages
    else { throw FileError("\(path): damaged: its classes and ranges do not fit together") }
  }

  package var count: Int { ranges.reduce(0) { $0 + $1.images } }

  package var bytesOfImage: Int { size * size * channels }

  /// The object that holds an image, and the byte at which its pixels begin; nil for a number that is none.
  package func place(of image: Int) -> (sha256: String, byte: Int64)? {
    guard image >= 0 else { return nil }
    var first = 0
    for range in ranges {
      if image < first + range.images {
        return (range.sha256, Int64(RangeFile.headerSize + (image - first) * bytesOfImage))
      }
      first += range.images
    }
    return nil
  }

  /// The manifest as a JSON object, keys sorted.
  package var json: String { Self.text(self) }

  /// JSON of a value of this module, keys sorted.
  static func text(_ value: some Encodable) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    guard let bytes = try? encoder.encode(value) else {
      fatalError("JSON: \(type(of: value))")  // numbers are whole, and texts are Unicode
    }
    return String(decoding: bytes, as: UTF8.self) + "\n"
  }
}

/// The fingerprint of a data set: SHA-256 over side and channels, the SHA-256 of each image's pixels in
/// their order, the number of each class's images, and the names of the classes.
struct DataSetFingerprint: ~Copyable {
  private var digest = SHA256()

  init(size: Int, channels: Int) {
    digest.update(
      Array(DataSetManifest.format.utf8) + littleEndian(UInt32(size))
        + littleEndian(UInt32(channels)))
  }

  /// Adds the digests of adjacent images, 32 bytes each.
  mutating func add(_ digests: [UInt8]) { digest.update(digests) }

  consuming func root(_ classes: [ClassCount]) -> String {
    for each in classes { digest.update(littleEndian(UInt64(each.images))) }
    for each in classes { digest.update(Array(each.name.utf8) + [0]) }
    return digest.hexadecimal()
  }

  /// The digest of one image's pixels: 32 bytes.
  static func leaf(_ pixels: UnsafeRawBufferPointer) -> [UInt8] {
    var digest = SHA256()
    digest.update(pixels)
    return digest.bytes()
  }
}

func littleEndian<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
  withUnsafeBytes(of: value.littleEndian) { Array($0) }
}
