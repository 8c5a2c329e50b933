// Reads the outermost object of a JSON text in place, as Python writes it: with NaN and Infinity.

import FoundationEssentials

/// A JSON text, read once from front to back; nothing of it is kept.
struct JSONScanner {
  /// A wrong text, with the reason.
  struct Wrong: Error {
    let reason: String
  }

  enum Value: Equatable {
    case number(Double)
    case text(String)
    case null
    /// true, false, an array or an object.
    case other
  }

  private let bytes: UnsafeRawBufferPointer
  private(set) var at = 0

  init(_ bytes: UnsafeRawBufferPointer) {
    self.bytes = bytes
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { at = 3 }  // a byte order mark
  }

  /// Reads an object; `read` consumes each key's value.
  mutating func members(_ read: (inout JSONScanner, String) throws -> Void) throws {
    try expect("{")
    if take("}") { return }
    repeat {
      let key = try text()
      try expect(":")
      try read(&self, key)
    } while take(",")
    try expect("}")
  }

  /// Reads an array; `read` consumes each element.
  mutating func elements(_ read: (inout JSONScanner) throws -> Void) throws {
    try expect("[")
    if take("]") { return }
    repeat { try read(&self) } while take(",")
    try expect("]")
  }

  mutating func value() throws -> Value {
    guard let first = peek() else { throw wrong("no value") }
    switch first {
    case UInt8(ascii: "\""): return .text(try text())
    case UInt8(ascii: "["), UInt8(ascii: "{"):
      try skipNested()
      return .other
    default:
      let start = at
      while at < bytes.count, Self.isOfWord(bytes[at]) { at += 1 }
      let word = String(decoding: bytes[start..<min(at, start + 400)], as: UTF8.self)
      switch word {
      case "null": return .null
      case "true", "false": return .other
      case "NaN": return .number(.nan)
      case "Infinity", "-Infinity": return .number(.infinity)
      default:
        guard let number = Double(word) else { throw wrong("'\(word.prefix(20))' is no value") }
        return .number(number)
      }
    }
  }

  /// A string, whose escapes the general JSON decoder reads.
  mutating func text() throws -> String {
    _ = peek()
    let start = at
    let isEscaped = try skipText()
    if isEscaped {
      let escaped = Self.paired(bytes[start..<at])
      guard let text = try? JSONDecoder().decode(String.self, from: Data(escaped)) else {
        throw wrong("a damaged string")
      }
      return text
    }
    guard let text = String(validating: bytes[start + 1..<at - 1], as: UTF8.self) else {
      throw wrong("a string that is not UTF-8")
    }
    return text
  }

  mutating func expect(_ character: Unicode.Scalar) throws {
    guard take(character) else { throw wrong("no '\(character)'") }
  }

  mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard peek() == UInt8(ascii: character) else { return false }
    at += 1
    return true
  }

  mutating func peek() -> UInt8? {
    while at < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[at]) { at += 1 }
    return at < bytes.count ? bytes[at] : nil
  }

  // MARK: details

  private func wrong(_ reason: String) -> Wrong { Wrong(reason: "byte \(at): \(reason)") }

  private static func isOfWord(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "+"), UInt8(ascii: "-"),
      UInt8(ascii: "."):
      true
    default: false
    }
  }

  /// A string whose lone surrogates, which Python writes for a text that was cut within a character, are replaced
  /// by U+FFFD.
  private static func paired(_ text: Slice<UnsafeRawBufferPointer>) -> [UInt8] {
    var text = Array(text)
    func surrogate(_ at: Int, _ range: ClosedRange<UInt16>) -> Bool {
      guard at + 6 <= text.count, text[at] == UInt8(ascii: "\\"), text[at + 1] == UInt8(ascii: "u"),
        let unit = UInt16(String(decoding: text[at + 2..<at + 6], as: UTF8.self), radix: 16)
      else { return false }
      return range.contains(unit)
    }
    var at = 0
    while at < text.count {
      guard text[at] == UInt8(ascii: "\\") else {
        at += 1
        continue
      }
      if surrogate(at, 0xD800...0xDBFF), surrogate(at + 6, 0xDC00...0xDFFF) {
        at += 12
      } else if surrogate(at, 0xD800...0xDFFF) {
        text.replaceSubrange(at + 2..<at + 6, with: "fffd".utf8)
        at += 6
      } else {
        at += 2
      }
    }
    return text
  }

  /// Skips a string and says whether it has escapes.
  private mutating func skipText() throws -> Bool {
    guard peek() == UInt8(ascii: "\"") else { throw wrong("no string") }
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
    return isEscaped
  }

  /// Skips an array or object of any depth, of which only brackets and strings are looked at.
  private mutating func skipNested() throws {
    var depth = 0
    repeat {
      guard let byte = peek() else { throw wrong("an array or object without end") }
      switch byte {
      case UInt8(ascii: "\""): _ = try skipText()
      case UInt8(ascii: "["), UInt8(ascii: "{"):
        depth += 1
        at += 1
      case UInt8(ascii: "]"), UInt8(ascii: "}"):
        depth -= 1
        at += 1
      default: at += 1
      }
    } while depth > 0
  }
}
