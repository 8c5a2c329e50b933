// Keys of YAML that are aliases or collections, found before the text is parsed.

/// A parser compares the keys of a mapping. Where a key is an alias of a collection whose keys are aliases
/// again, each step doubles the work, so thirty lines take for ever. No setting has such a key.
enum AliasedKeys {
  /// - Returns: the number of the first line with an alias or a collection as a key in a text that has
  ///   aliases; nil if there is none
  static func firstLine(in text: String) -> Int? {
    // A text without aliases is as long as its values.
    guard text.utf8.contains(UInt8(ascii: "*")) else { return nil }
    let plain = unquoted(text)
    guard plain.contains(/(^|[\s,\[{?:-])\*[^\s,\[\]{}*]/.anchorsMatchLineEndings()) else {
      return nil
    }
    for (number, line) in plain.split(separator: "\n", omittingEmptySubsequences: false)
      .enumerated()
    where line.contains(/(^|[\s,\[{])\?(\s|$)|[\]}]\s*:(\s|$|[,\]}])|\*[^\s,\[\]{}*]+\s+:(\s|$)/)
      || line.contains(/(^|[\s,\[{-])\*[^\s,\[\]{}*]+:(\s|$)/)
    {
      return number + 1
    }
    return nil
  }

  /// The text with what stands in quotes and comments left out; line ends stay.
  private static func unquoted(_ text: String) -> String {
    var plain: [UInt8] = []
    var quote: UInt8?
    var isComment = false
    var isEscaped = false
    var last = UInt8(ascii: "\n")
    for byte in text.utf8 {
      if byte == UInt8(ascii: "\n") {
        isComment = false
        plain.append(byte)
      } else if isComment {
      } else if let open = quote {
        if isEscaped {
          isEscaped = false
        } else if byte == UInt8(ascii: "\\") && open == UInt8(ascii: "\"") {
          isEscaped = true
        } else if byte == open {
          quote = nil
        }
      } else if (byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'")) && begins(after: last) {
        quote = byte
      } else if byte == UInt8(ascii: "#") && (last == 0x20 || last == 0x09 || last == 0x0A) {
        isComment = true
      } else {
        plain.append(byte)
      }
      last = byte
    }
    return String(decoding: plain, as: UTF8.self)
  }

  /// Whether a quote behind this character opens a scalar; behind others it is a part of one.
  private static func begins(after byte: UInt8) -> Bool { " \t\n\r[{,:?".utf8.contains(byte) }
}
