// The classes of a data set, for stages that need their names and none of its pixels.

import Configuration
import Images

/// `classes.json` of a checkpoint: the classes by number, and how many images each has in the data set.
package struct ClassTable: Section {
  package static let file = "classes.json"

  package private(set) var names: [String] = []
  package private(set) var images: [Int] = []

  package init() {}

  package init(_ data: PackedDataSet) {
    names = data.classes
    images = [Int](repeating: 0, count: names.count)
    for label in data.labels { images[label] += 1 }
  }

  package static var fields: [Field<Self>] {
    [.texts("names", \.names), .integers("images", \.images, 0...Int.max)]
  }

  /// Reads a file's text.
  /// - Throws: `ConfigurationError` naming a missing, unknown or wrong key
  package init(json text: String) throws {
    try apply(SettingValue(parsingJSON: text, source: Self.file), at: "", complete: true)
    guard names.count == images.count else {
      throw ConfigurationError(
        "\(Self.file): has \(names.count) names and \(images.count) numbers of images; expected as "
          + "many of each")
    }
  }

  /// Numbers of the classes that have images: another one was never trained.
  package var trained: [Int] { images.indices.filter { images[$0] > 0 } }
}
