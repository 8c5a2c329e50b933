// The values of keys as rules of a JSON schema (draft 2020-12), for the contracts of job kinds.

import Files

/// One member of a schema, as `"minimum": 1`.
struct Rule: Sendable, Equatable {
  let name: String
  /// JSON text.
  let json: String

  init(_ name: String, _ json: String) { (self.name, self.json) = (name, json) }

  static func type(_ name: String, orNull: Bool = false) -> Rule {
    let text = JSONText.string(name)
    return Rule("type", orNull ? "[\(text),\"null\"]" : text)
  }

  static func bounds(_ range: ClosedRange<Int>) -> [Rule] {
    [Rule("minimum", String(range.lowerBound))]
      + (range.upperBound == .max ? [] : [Rule("maximum", String(range.upperBound))])
  }

  static func bounds(_ range: Bounds) -> [Rule] {
    [Rule(range.openBelow ? "exclusiveMinimum" : "minimum", shortestDecimal(range.lower))]
      + (range.upper.isFinite
        ? [Rule(range.openAbove ? "exclusiveMaximum" : "maximum", shortestDecimal(range.upper))]
        : [])
  }
}

/// `words` of a range, which has the name of a method of `Values`.
private func rangeWords(_ range: ClosedRange<Int>) -> String { words(range) }

extension Values {
  static func integer(_ range: ClosedRange<Int>, orNull: Bool = false) -> Values {
    Values(
      "integer", rangeWords(range), orNull: orNull,
      rules: [.type("integer", orNull: orNull)] + Rule.bounds(range))
  }

  /// 64 bits without a sign.
  static let seed = Values(
    "integer", "from 0 to \(UInt64.max)",
    rules: [.type("integer"), Rule("minimum", "0"), Rule("maximum", String(UInt64.max))])

  static func number(_ range: Bounds, orNull: Bool = false) -> Values {
    Values(
      "number", range.words, orNull: orNull,
      rules: [.type("number", orNull: orNull)] + Rule.bounds(range))
  }

  /// A list of so many numbers, or of any number of them.
  static func numbers(_ range: Bounds, count: Int?, orNull: Bool = false) -> Values {
    let length = count.map { [Rule("minItems", "\($0)"), Rule("maxItems", "\($0)")] } ?? []
    return list(
      of: .number(range), "list of \(count.map { "\($0) " } ?? "")numbers", orNull: orNull,
      rules: length)
  }

  /// - Parameter type: the list's name in the table of keys
  static func list(
    of element: Values, _ type: String, orNull: Bool = false, rules: [Rule] = []
  ) -> Values {
    let items = JSONText.object(element.rules.map { ($0.name, $0.json) })
    return Values(
      type, element.range, orNull: orNull,
      rules: [.type("array", orNull: orNull)] + rules + [Rule("items", items)])
  }

  static let text = Values("text", rules: [.type("string"), Rule("minLength", "1")])
  static let optionalText = Values("text", orNull: true, rules: [.type("string", orNull: true)])
  /// In JSON always a list or null.
  static let texts = Values(
    "text or list of texts", orNull: true,
    rules: [.type("array", orNull: true), Rule("items", #"{"type":"string"}"#)])
}
