// Text of strangers as a terminal may show it: names in archives, messages, names of runs.

extension Unicode.Scalar {
  /// Whether a terminal obeys the character or shows nothing for it: control characters (C0, DEL, C1),
  /// format characters such as those that turn the direction of writing, line and paragraph
  /// separators, and what Unicode calls default ignorable. The joiners U+200C and U+200D, which
  /// scripts and emoji need, and the variation selectors of emoji are not among them.
  package var isUnseen: Bool {
    switch value {
    case 0x20...0x7E: return false
    case 0x200C, 0x200D, 0xFE00...0xFE0F: return false
    default: break
    }
    switch properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator: return true
    default: return properties.isDefaultIgnorableCodePoint
    }
  }
}

extension String {
  /// The text with an escape in the place of each character that is unseen: `\n`, `\r`, `\t`, `\x1b`,
  /// `\u{202e}`.
  package var shown: String {
    guard unicodeScalars.contains(where: \.isUnseen) else { return self }
    var text = ""
    for scalar in unicodeScalars {
      guard scalar.isUnseen else {
        text.unicodeScalars.append(scalar)
        continue
      }
      switch scalar {
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      default:
        let digits = String(scalar.value, radix: 16)
        text +=
          scalar.value < 0x100 ? (digits.count < 2 ? "\\x0" : "\\x") + digits : "\\u{\(digits)}"
      }
    }
    return text
  }
}
