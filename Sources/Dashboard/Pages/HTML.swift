// Markup that no text can break out of.

/// A piece of HTML, made of literals of the source and of texts that are escaped on their way in: whatever else a
/// program holds cannot become markup.
///
/// A literal is a `StaticString`, which no text of run time can be. Attributes stand in double quotation marks.
package struct HTML: ExpressibleByStringInterpolation, Sendable, Equatable {
  package private(set) var text: String

  package init(stringLiteral literal: StaticString) { text = literal.description }
  package init(stringInterpolation made: Interpolation) { text = made.text }

  /// Pieces, one after another.
  package init(_ parts: [HTML]) { text = parts.map(\.text).joined() }

  package static func += (left: inout HTML, right: HTML) { left.text += right.text }

  package var isEmpty: Bool { text.isEmpty }

  package struct Interpolation: StringInterpolationProtocol {
    fileprivate var text = ""

    package init(literalCapacity: Int, interpolationCount: Int) {}

    package mutating func appendLiteral(_ literal: StaticString) { text += literal.description }
    /// Disfavoured, so that a literal inside an interpolation is markup, too.
    @_disfavoredOverload
    package mutating func appendInterpolation(_ value: String) { text += escaped(value) }
    package mutating func appendInterpolation(_ value: Int64) { text += String(value) }
    package mutating func appendInterpolation(_ value: Int) { text += String(value) }
    package mutating func appendInterpolation(_ value: HTML) { text += value.text }
    package mutating func appendInterpolation(_ values: [HTML]) {
      for value in values { text += value.text }
    }
    package mutating func appendInterpolation(_ value: HTML?) { text += value?.text ?? "" }
  }
}

/// A text for the inside of an element or of a quoted attribute.
func escaped(_ given: String) -> String {
  var text = ""
  text.reserveCapacity(given.utf8.count)
  for scalar in visible(given).unicodeScalars {
    switch scalar {
    case "&": text += "&amp;"
    case "<": text += "&lt;"
    case ">": text += "&gt;"
    case "\"": text += "&quot;"
    case "'": text += "&#39;"
    default: text.unicodeScalars.append(scalar)
    }
  }
  return text
}

/// A text without terminal sequences, in which characters that would change what a reader sees of the others, such as
/// right-to-left overrides, stand as their numbers.
package func visible(_ given: String) -> String {
  var text = ""
  text.reserveCapacity(given.utf8.count)
  for scalar in withoutTerminalSequences(given.unicodeScalars) {
    switch scalar {
    case "\n", "\t": text.unicodeScalars.append(scalar)
    case "\u{0}"..<"\u{20}", "\u{7F}"..."\u{9F}": text += "\u{FFFD}"
    // Overrides, embeddings and isolates of Unicode's bidirectional algorithm (UAX 9), and invisible marks.
    case "\u{202A}"..."\u{202E}", "\u{2066}"..."\u{2069}", "\u{200E}"..."\u{200F}", "\u{2028}",
      "\u{2029}",
      "\u{FEFF}":
      text += "[U+\(String(scalar.value, radix: 16, uppercase: true))]"
    default: text.unicodeScalars.append(scalar)
    }
  }
  return text
}

/// A text without the control sequences of terminals (ECMA-48): ESC [ ... letter, ESC ] ... BEL, ESC and one more.
private func withoutTerminalSequences(_ scalars: String.UnicodeScalarView)
  -> String.UnicodeScalarView
{
  guard scalars.contains("\u{1B}") else { return scalars }
  var kept = String.UnicodeScalarView()
  var rest = scalars[...]
  while let scalar = rest.popFirst() {
    guard scalar == "\u{1B}" else {
      kept.append(scalar)
      continue
    }
    switch rest.popFirst() {
    case "[":
      while let next = rest.popFirst() { if ("\u{40}"..."\u{7E}").contains(next) { break } }
    case "]":
      while let next = rest.popFirst() {
        if next == "\u{7}" { break }
        if next == "\u{1B}" {
          _ = rest.popFirst()
          break
        }
      }
    default: break
    }
  }
  return kept
}
