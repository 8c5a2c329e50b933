// The classes that a model was trained on, by number and name.

import Files

/// `classes.json` of a checkpoint: the classes by number, and how many images each has in the data set.
package struct ClassTable: Section {
  package static let file = "classes.json"
  /// The key of `__metadata__` that has it where a checkpoint is one file.
  package static let metadataKey = "classes"

  package private(set) var names: [String] = []
  package private(set) var images: [Int] = []

  package init() {}

  package init(names: [String], images: [Int]) { (self.names, self.images) = (names, images) }

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

  /// Numbers of the classes that are named.
  /// - Parameters:
  ///   - wanted: names, or numbers of classes from 0 on; a name of digits comes before a number
  ///   - key: the argument or option that names them
  /// - Throws: `ConfigurationError` that names the nearest class
  package func numbers(of wanted: [String], key: String) throws -> [Int] {
    let numbers = try wanted.map { word in
      if let place = names.firstIndex(of: word) { return place }
      if let number = Int(word), names.indices.contains(number) { return number }
      let near = nearest(to: word, among: names).map { "; did you mean '\($0)'?" }
      let some = names.prefix(20).joined(separator: ", ")
      throw ConfigurationError(
        "\(key): there is no class '\(word)'"
          + (near
            ?? "; there are \(names.count), from 0 on: \(some)\(names.count > 20 ? " ..." : "")"))
    }
    if let empty = numbers.first(where: { images[$0] == 0 }) {
      throw ConfigurationError(
        "\(key): class '\(names[empty])' has no image in the data set, so that it was never trained"
      )
    }
    guard Set(numbers).count == numbers.count else {
      throw ConfigurationError("\(key): a class is named twice")
    }
    return numbers
  }
}
