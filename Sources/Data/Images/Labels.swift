// Labels in files beside the images.

import Files
import FoundationEssentials

/// The class of one sample of WebDataset.
enum SampleLabel {
  private struct Document: Decodable {
    let label: Int?
    let cls: Int?
  }

  /// Larger than any image's description.
  private static let mostBytes = 1 << 20

  /// - Parameter path: name of the file in messages
  /// - Returns: nil if a JSON object has no number under `label` or `cls`
  /// - Throws: `FileError`
  static func read(_ bytes: UnsafeRawBufferPointer, isJSON: Bool, path: String) throws -> Int32? {
    guard bytes.count <= mostBytes else {
      throw FileError("\(path): \(bytes.count) bytes; a label has at most \(mostBytes)")
    }
    let found: Int?
    if isJSON {
      let document = try? JSONDecoder().decode(Document.self, from: Data(bytes))
      guard let number = document?.label ?? document?.cls else { return nil }
      found = number
    } else {
      let text = String(decoding: bytes.prefix(40), as: UTF8.self)
      found = Int(text.filter { !$0.isWhitespace })
    }
    guard let label = found, (0..<SourceIndex.mostClasses).contains(label) else {
      throw FileError(
        "\(path): holds \(found.map(String.init) ?? "no number"); expected the number of a class, 0 "
          + "to \(SourceIndex.mostClasses - 1)")
    }
    return Int32(label)
  }
}

/// EDM's `dataset.json`: {"labels": [["00000/img00000000.png", 6], ...]}, or null for no labels.
///
/// NVlabs/edm, training/dataset.py. Read piece by piece, as that of ImageNet has 1.3 million
/// entries.
struct EDMLabels {
  private let bytes: UnsafeRawBufferPointer
  private let path: String
  private var at = 0

  /// - Returns: whether there are labels
  /// - Throws: `FileError`
  static func read(
    _ bytes: UnsafeRawBufferPointer, path: String, found: (String, Int) throws -> Void
  ) throws -> Bool {
    var reader = EDMLabels(bytes: bytes, path: path)
    return try reader.read(found)
  }

  private init(bytes: UnsafeRawBufferPointer, path: String) {
    (self.bytes, self.path) = (bytes, path)
  }

  private mutating func read(_ found: (String, Int) throws -> Void) throws -> Bool {
    try expect("{")
    guard try text() == "labels" else { throw wrong("its first key is not \"labels\"") }
    try expect(":")
    if peek() == UInt8(ascii: "n") {
      guard bytes[at...].starts(with: "null".utf8) else { throw wrong("no list of labels") }
      return false
    }
    try expect("[")
    if peek() == UInt8(ascii: "]") { return true }
    repeat {
      try expect("[")
      let name = try text()
      try expect(",")
      let start = at
      while at < bytes.count, (48...57).contains(bytes[at]) { at += 1 }
      guard let label = Int(String(decoding: bytes[start..<at], as: UTF8.self)) else {
        throw wrong("'\(name)' has no number of a class")
      }
      try expect("]")
      try found(name, label)
    } while try takesComma()
    try expect("]")
    return true
  }

  private func wrong(_ what: String) -> FileError {
    FileError(
      "\(path): byte \(at): \(what); expected {\"labels\": [[\"name\", class], ...]} or null")
  }

  private mutating func peek() -> UInt8? {
    while at < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[at]) { at += 1 }
    return at < bytes.count ? bytes[at] : nil
  }

  private mutating func expect(_ character: Unicode.Scalar) throws {
    guard peek() == UInt8(ascii: character) else { throw wrong("no '\(character)'") }
    at += 1
    _ = peek()
  }

  private mutating func takesComma() throws -> Bool {
    guard peek() == UInt8(ascii: ",") else { return false }
    at += 1
    return true
  }

  /// A string, whose escapes the general JSON decoder reads.
  private mutating func text() throws -> String {
    guard peek() == UInt8(ascii: "\"") else { throw wrong("no string") }
    let start = at
    at += 1
    var isEscaped = false
    while at < bytes.count, bytes[at] != UInt8(ascii: "\"") {
      if bytes[at] == UInt8(ascii: "\\") {
        isEscaped = true
        at += 1
      }
      at += 1
    }
    guard at < bytes.count else { throw wrong("a string without end") }
    at += 1
    if isEscaped {
      let document = Data(bytes[start..<at])
      guard let text = try? JSONDecoder().decode(String.self, from: document) else {
        throw wrong("a damaged string")
      }
      return text
    }
    guard let text = String(validating: bytes[start + 1..<at - 1], as: UTF8.self) else {
      throw wrong("a string that is not UTF-8")
    }
    return text
  }
}
