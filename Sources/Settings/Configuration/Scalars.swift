// Scalars of a settings file with their ranges, and JSON text.

/// The numbers a key accepts.
package struct Bounds {
  let lower: Double
  let upper: Double
  /// Whether `lower` and `upper` themselves are refused.
  let openBelow: Bool
  let openAbove: Bool

  package static func from(_ lower: Double, to upper: Double) -> Bounds {
    Bounds(lower: lower, upper: upper, openBelow: false, openAbove: false)
  }

  package static func from(_ lower: Double, below upper: Double) -> Bounds {
    Bounds(lower: lower, upper: upper, openBelow: false, openAbove: true)
  }

  package static func above(_ lower: Double, to upper: Double) -> Bounds {
    Bounds(lower: lower, upper: upper, openBelow: true, openAbove: false)
  }

  package static let zeroOrMore = Bounds.from(0, below: .infinity)
  /// Every number.
  package static let finite = Bounds(
    lower: -.infinity, upper: .infinity, openBelow: true, openAbove: true)
  package static let positive = Bounds(lower: 0, upper: .infinity, openBelow: true, openAbove: true)

  func contains(_ x: Double) -> Bool {
    (openBelow ? x > lower : x >= lower) && (openAbove ? x < upper : x <= upper)
  }

  /// The range in words, as in "from 0 to below 1".
  var words: String {
    guard lower.isFinite else { return "" }
    let below = openBelow ? "above \(shortestDecimal(lower))" : "from \(shortestDecimal(lower))"
    guard upper.isFinite else { return below }
    return "\(below) \(openAbove ? "to below" : "to") \(shortestDecimal(upper))"
  }
}

/// The range in words, as in "from 1 to 4095".
func words(_ range: ClosedRange<Int>) -> String {
  "from \(range.lowerBound)" + (range.upperBound == .max ? "" : " to \(range.upperBound)")
}

func integerValue(_ value: SettingValue, _ range: ClosedRange<Int>, _ path: String) throws -> Int {
  guard case .integer(let text) = value, let n = Int(text), range.contains(n) else {
    throw ConfigurationError(
      "\(path): found \(value.description), expected an integer \(words(range))")
  }
  return n
}

func numberValue(_ value: SettingValue, _ range: Bounds, _ path: String) throws -> Double {
  switch value {
  case .integer(let text), .number(let text):
    if let x = Double(text), x.isFinite, range.contains(x) { return x == 0 ? 0 : x }
  default: break
  }
  throw ConfigurationError(
    "\(path): found \(value.description), expected a number \(range.words)")
}

func numberList(
  _ value: SettingValue, _ range: Bounds, count: Int?, _ path: String
) throws -> [Double] {
  guard case .list(let values) = value, count == nil || values.count == count else {
    let amount = count.map { "\($0) numbers" } ?? "numbers"
    throw ConfigurationError(
      "\(path): found \(value.description), expected a list of \(amount) in brackets")
  }
  return try values.enumerated().map { try numberValue($1, range, "\(path)[\($0)]") }
}

func textValue(_ value: SettingValue, _ path: String) throws -> String {
  guard case .string(let text) = value, !text.isEmpty else {
    throw ConfigurationError(
      "\(path): found \(value.description), expected text; quote it if it looks like a number")
  }
  return text
}

/// The shortest decimal that reads back as the same number: 0.999, 1, 0.9999. Checkpoint files of
/// averages have it in their names.
package func shortestDecimal(_ x: Double) -> String {
  let text = x.description
  return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
}
