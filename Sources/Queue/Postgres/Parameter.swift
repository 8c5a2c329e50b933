/// One parameter of a statement. All are sent as text, except bytes, which are sent in binary.
package enum Parameter: Sendable, Equatable {
  case null
  case text(String)
  case bytes([UInt8])

  package static func integer(_ value: some BinaryInteger) -> Parameter { .text(String(value)) }
  // Avoids a call of the generic function, of which each enqueue would make two.
  package static func integer(_ value: Int) -> Parameter { .text(String(value)) }
  package static func integer(_ value: Int64) -> Parameter { .text(String(value)) }

  package static func double(_ value: Double) -> Parameter {
    if value.isNaN { return .text("NaN") }
    if value.isInfinite { return .text(value < 0 ? "-Infinity" : "Infinity") }
    return .text("\(value)")
  }

  package static func boolean(_ value: Bool) -> Parameter { .text(value ? "t" : "f") }

  /// Seconds, as an interval.
  package static func interval(_ value: Duration) -> Parameter {
    let (seconds, attoseconds) = value.components
    return .text("\(seconds) seconds \(attoseconds / 1_000_000_000_000) microseconds")
  }

  package static func integers(_ values: [some BinaryInteger]) -> Parameter {
    .text("{" + values.map { String($0) }.joined(separator: ",") + "}")
  }

  package static func texts(_ values: [String]) -> Parameter {
    let quoted = values.map { value in
      var text = "\""
      for character in value.unicodeScalars {
        if character == "\"" || character == "\\" { text += "\\" }
        text.unicodeScalars.append(character)
      }
      return text + "\""
    }
    return .text("{" + quoted.joined(separator: ",") + "}")
  }

  package static func optional<T>(_ value: T?, _ wrap: (T) -> Parameter) -> Parameter {
    value.map(wrap) ?? .null
  }
}

extension Parameter: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral {
  package init(stringLiteral value: String) { self = .text(value) }
  package init(integerLiteral value: Int64) { self = .integer(value) }
}
