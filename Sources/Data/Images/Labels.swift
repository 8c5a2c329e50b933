// Labels in files beside the images.

import Files

/// The contents of a label file beside one sample of WebDataset.
enum SampleLabel: Equatable {
  case none
  case number(Int32)
  /// A file that should hold a class but does not; the reason names it.
  case wrong(String)
  /// A `.json` that is none, and might have held a class.
  case unread(String)

  /// Keys of a JSON object that may hold the class; the first one that holds a number counts.
  static let keys = ["label", "cls", "class_id"]
  /// Larger than any image's description.
  static let mostBytes = 1 << 24

  /// - Parameter name: name of the file in messages
  static func read(_ bytes: UnsafeRawBufferPointer, isJSON: Bool, name: String) -> SampleLabel {
    if isJSON { return json(bytes, name) }
    var text = String(decoding: bytes.prefix(40), as: UTF8.self)
    if text.hasPrefix("\u{FEFF}") { text.removeFirst() }
    return number(of: .text(text), name) ?? .wrong(wrong(name, "no number"))
  }

  private static func json(_ bytes: UnsafeRawBufferPointer, _ name: String) -> SampleLabel {
    var values: [String: JSONScanner.Value] = [:]
    var scanner = JSONScanner(bytes)
    // A list, as of captions, is no file of labels.
    if scanner.peek() == UInt8(ascii: "[") { return .none }
    do {
      try scanner.members { scanner, key in
        let value = try scanner.value()
        if keys.contains(key) { values[key] = value }
      }
    } catch let wrong as JSONScanner.Wrong {
      return .unread("\(name): no JSON in UTF-8: \(wrong.reason)")
    } catch {
      return .unread("\(name): \(error)")
    }
    let found = keys.compactMap { key in values[key].map { (key, $0) } }.filter { $0.1 != .null }
    for (_, value) in found {
      if let label = number(of: value, name) { return label }
    }
    return found.first.map { .wrong(wrong(name, "no number under \($0.0)")) } ?? .none
  }

  /// The class of a value; nil for one that is no whole number.
  private static func number(of value: JSONScanner.Value, _ name: String) -> SampleLabel? {
    let found: Int?
    switch value {
    case .number(let number): found = Int(exactly: number)
    case .text(let text): found = Int(text.trimmed)
    case .null, .other: found = nil
    }
    guard let found else { return nil }
    guard (0..<SourceIndex.mostClasses).contains(found) else {
      return .wrong(wrong(name, "\(found)"))
    }
    return .number(Int32(found))
  }

  private static func wrong(_ name: String, _ what: String) -> String {
    "\(name): holds \(what); expected the number of a class, 0 to \(SourceIndex.mostClasses - 1)"
  }
}

extension String {
  /// The text without white space at both ends.
  fileprivate var trimmed: Substring {
    var rest = self[...]
    while rest.first?.isWhitespace == true { rest.removeFirst() }
    while rest.last?.isWhitespace == true { rest.removeLast() }
    return rest
  }
}

/// EDM's `dataset.json`: {"labels": [["00000/img00000000.png", 6], ...]}, or null for no labels.
///
/// NVlabs/edm, training/dataset.py. Read piece by piece, as that of ImageNet has 1.3 million
/// entries.
enum EDMLabels {
  /// - Returns: whether there are labels
  /// - Throws: `FileError`
  static func read(
    _ bytes: UnsafeRawBufferPointer, path: String, found: (String, Int) throws -> Void
  ) throws -> Bool {
    var scanner = JSONScanner(bytes)
    var hasLabels: Bool?
    do {
      try scanner.members { scanner, key in
        guard key == "labels" else {
          _ = try scanner.value()
          return
        }
        guard scanner.peek() == UInt8(ascii: "[") else {
          guard try scanner.value() == .null else {
            throw JSONScanner.Wrong(reason: "\"labels\" is no list")
          }
          hasLabels = false
          return
        }
        hasLabels = true
        try scanner.elements { try entry(&$0, found) }
      }
    } catch let wrong as JSONScanner.Wrong {
      throw refusal(path, wrong.reason)
    }
    guard let hasLabels else { throw refusal(path, "it has no key \"labels\"") }
    return hasLabels
  }

  private static func entry(
    _ scanner: inout JSONScanner, _ found: (String, Int) throws -> Void
  ) throws {
    try scanner.expect("[")
    var name = try scanner.text()
    if name.utf8.contains(UInt8(ascii: "\\")) { name = name.replacing("\\", with: "/") }
    try scanner.expect(",")
    let value = try scanner.value()
    guard case .number(let number) = value, let label = Int(exactly: number), label >= 0 else {
      throw JSONScanner.Wrong(
        reason: value == .other
          ? "'\(name)' has a list of numbers, not the number of one class"
          : "'\(name)' has no number of a class")
    }
    try scanner.expect("]")
    try found(name, label)
  }

  private static func refusal(_ path: String, _ reason: String) -> FileError {
    FileError("\(path): \(reason); expected {\"labels\": [[\"name\", class], ...]} or null")
  }
}
