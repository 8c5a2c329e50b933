// The results of an import, and the images that it left out.

import Files

/// One packed file of an import.
package struct IngestedSplit: Sendable, Equatable {
  package internal(set) var images = 0
  /// Number of images by number of the class.
  package internal(set) var byClass: [Int]
  package internal(set) var fingerprint = ""
}

package struct IngestReport: Sendable, Equatable {
  package struct Skipped: Sendable, Equatable {
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
  package let ignored: CappedNames

  init(layout: SourceLayout, classes: [String], hasValidation: Bool, ignored: CappedNames) {
    let empty = IngestedSplit(byClass: [Int](repeating: 0, count: classes.count))
    (self.layout, self.classes, self.ignored) = (layout, classes, ignored)
    training = empty
    validation = hasValidation ? empty : nil
  }

  mutating func skip(_ name: String, _ reason: String) {
    skippedCount += 1
    if skipped.count < CappedNames.most { skipped.append(Skipped(name: name, reason: reason)) }
  }

  mutating func count(label: Int, isValidation: Bool) {
    if isValidation {
      validation!.images += 1
      validation!.byClass[label] += 1
    } else {
      training.images += 1
      training.byClass[label] += 1
    }
  }
}

extension IngestReport {
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
      ("ignored_count", String(ignored.count)), ("images", String(training.images)),
      ("layout", JSONText.string(layout.rawValue)), ("skipped", JSONText.array(skipped)),
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

  private func list(of split: IngestedSplit) -> String {
    JSONText.array(
      zip(classes, split.byClass).map {
        JSONText.object([("images", String($1)), ("name", JSONText.string($0))])
      })
  }
}
