// The results of an import for one range of its images: a small JSON file, from which another process
// goes on, or puts the ranges of several machines together.

import Files
import FoundationEssentials

/// Adjacent images of one class.
package struct LabelCount: Codable, Sendable, Equatable {
  package let label: Int
  package internal(set) var images: Int
}

/// The packed images of a range, for training or for validation.
package struct PackedRange: Codable, Sendable, Equatable {
  /// The object; nil without images.
  package let range: ImageRange?
  package let labels: [LabelCount]
  /// SHA-256 of each image's pixels, 32 bytes each.
  private let leaves: Data

  init(range: ImageRange?, labels: [LabelCount], digests: [UInt8]) {
    (self.range, self.labels, leaves) = (range, labels, Data(digests))
  }

  package var images: Int { range?.images ?? 0 }
  var digests: [UInt8] { Array(leaves) }

  fileprivate var isSound: Bool {
    (0...DataSetManifest.mostImages).contains(images) && leaves.count == images * 32
      && labels.allSatisfy { $0.images > 0 && $0.images <= images && $0.label >= 0 }
      && labels.reduce(0) { $0 + $1.images } == images
  }
}

/// A range of an import that is done.
package struct RangeRecord: Codable, Sendable, Equatable {
  /// Number of the range, and of all ranges of the import.
  package let number: Int
  package let of: Int
  /// The images, by their numbers in the listing: from `first` up to `end`.
  package let first: Int
  package let end: Int
  package let training: PackedRange
  package let validation: PackedRange?
  /// Broken images, at most the first thousand, and their number.
  package let skipped: [IngestReport.Skipped]
  package let skippedCount: Int

  package var json: String { DataSetManifest.text(self) }

  /// - Parameter path: name of the file in messages
  /// - Throws: `FileError`
  package init(parsing bytes: [UInt8], path: String) throws {
    do {
      self = try JSONDecoder().decode(Self.self, from: Data(bytes))
    } catch {
      throw FileError("\(path): is no record of a range of this version, or truncated")
    }
    let most = DataSetManifest.mostImages
    guard training.isSound, validation?.isSound != false, number >= 0, number < of,
      [skippedCount, first, end].allSatisfy({ (0...most).contains($0) }),
      end - first == training.images + (validation?.images ?? 0) + skippedCount
    else { throw FileError("\(path): damaged: its numbers do not fit together") }
  }

  init(
    number: Int, of: Int, images: Range<Int>, training: PackedRange, validation: PackedRange?,
    skipped: [IngestReport.Skipped], skippedCount: Int
  ) {
    (self.number, self.of) = (number, of)
    (first, end) = (images.lowerBound, images.upperBound)
    (self.training, self.validation) = (training, validation)
    (self.skipped, self.skippedCount) = (skipped, skippedCount)
  }

  /// Name of the record of a range, or of one of its objects, such as `data-00012.packed`.
  package static func name(_ what: String, _ number: Int, _ ending: String) -> String {
    let digits = String(number)
    return "\(what)-\(String(repeating: "0", count: max(0, 5 - digits.count)))\(digits).\(ending)"
  }
}
