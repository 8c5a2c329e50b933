// The results of an import, and the images that it left out.

import Files
import Raster

/// One packed file of an import.
package struct IngestedSplit: Sendable, Equatable {
  package internal(set) var images = 0
  /// Number of images by number of the class.
  package internal(set) var byClass: [Int]
  package internal(set) var fingerprint = ""
}

package struct IngestReport: Sendable, Equatable {
  package struct Skipped: Codable, Sendable, Equatable {
    package let name: String
    package let reason: String
  }

  package let layout: SourceLayout
  /// Names of the classes by number.
  package let classes: [String]
  /// The images for training.
  package internal(set) var training: IngestedSplit
  /// The images held out, if a split was asked for.
  package internal(set) var validation: IngestedSplit?
  /// Broken images, at most the first thousand.
  package internal(set) var skipped: [Skipped] = []
  package internal(set) var skippedCount = 0
  /// Files that are no images of a class, hidden files, and files outside the chosen folders.
  package let ignored: IgnoredFiles
  /// Sentences about choices that the import made.
  package let remarks: [String]

  init(
    layout: SourceLayout, classes: [String], hasValidation: Bool, ignored: IgnoredFiles,
    remarks: [String]
  ) {
    let empty = IngestedSplit(byClass: [Int](repeating: 0, count: classes.count))
    (self.layout, self.classes, self.ignored) = (layout, classes, ignored)
    self.remarks = remarks
    training = empty
    validation = hasValidation ? empty : nil
  }

  /// Counts the images of a range.
  mutating func add(_ record: RangeRecord) {
    Self.count(record.training, in: &training)
    if let held = record.validation, var split = validation {
      Self.count(held, in: &split)
      validation = split
    }
    skipped += record.skipped.prefix(max(0, IgnoredFiles.most - skipped.count))
    skippedCount += record.skippedCount
  }

  private static func count(_ packed: PackedRange, in split: inout IngestedSplit) {
    split.images += packed.images
    for each in packed.labels { split.byClass[each.label] += each.images }
  }
}

extension IngestReport {
  /// Names of the classes of which no image is left to train on.
  package var emptyClasses: [String] {
    zip(classes, training.byClass).compactMap { $1 == 0 ? $0 : nil }
  }

  /// Sentences for the log: choices, what is left out, classes without images.
  package var sentences: [String] {
    var sentences = remarks
    if let summary = ignored.summary { sentences.append(summary) }
    let empty = emptyClasses
    if !empty.isEmpty {
      let names = empty.prefix(10).joined(separator: ", ") + (empty.count > 10 ? ", ..." : "")
      sentences.append(
        "\(empty.count) of \(classes.count) classes \(empty.count == 1 ? "has" : "have") no image to "
          + "train on, and no images of \(empty.count == 1 ? "it" : "them") will be drawn: \(names)"
      )
    }
    return sentences
  }

  /// The report as a JSON object, keys sorted.
  package var json: String {
    let skipped = skipped.map {
      JSONText.object([
        ("name", JSONText.string($0.name)), ("reason", JSONText.string($0.reason)),
      ])
    }
    var members = [
      ("classes", list(of: training)), ("fingerprint", JSONText.string(training.fingerprint)),
      ("ignored", JSONText.array(ignored.first.map(JSONText.string))),
      ("ignored_count", String(ignored.count)), ("ignored_reasons", ignoredReasons),
      ("images", String(training.images)),
      ("jpeg_library", JSONText.string(Picture.jpegLibrary)),
      ("layout", JSONText.string(layout.rawValue)),
      ("remarks", JSONText.array(remarks.map(JSONText.string))),
      ("skipped", JSONText.array(skipped)),
      ("skipped_count", String(skippedCount)),
    ]
    if let validation {
      members.append(
        (
          "validation",
          JSONText.object([
            ("classes", list(of: validation)),
            ("fingerprint", JSONText.string(validation.fingerprint)),
            ("images", String(validation.images)),
          ])
        ))
    }
    return JSONText.object(members) + "\n"
  }

  /// The numbers of ignored files by reason, as a JSON object.
  package var ignoredReasons: String {
    JSONText.object(ignored.reasons.map { ($0.reason, String($0.count)) })
  }

  private func list(of split: IngestedSplit) -> String {
    JSONText.array(
      zip(classes, split.byClass).map {
        JSONText.object([("images", String($1)), ("name", JSONText.string($0))])
      })
  }
}
