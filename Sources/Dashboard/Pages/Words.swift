// Numbers, durations and moments, as people read them.

/// Four significant digits, as in 0.0312, 21.35 and 1,234.
package func figure(_ value: Double?) -> String {
  guard let value else { return "" }
  guard value.isFinite else { return value.isNaN ? "NaN" : value < 0 ? "-∞" : "∞" }
  if value == 0 { return "0" }
  let size = abs(value)
  if size >= 1e7 || size < 1e-4 { return scientific(value) }
  if size >= 1000 { return count(Int64(value.rounded())) }
  return fixed(
    value, digits: size >= 100 ? 1 : size >= 10 ? 2 : size >= 1 ? 3 : size >= 0.1 ? 4 : 5)
}

private func scientific(_ value: Double) -> String {
  var exponent = 0
  var mantissa = value
  while abs(mantissa) >= 10 {
    mantissa /= 10
    exponent += 1
  }
  while abs(mantissa) < 1 {
    mantissa *= 10
    exponent -= 1
  }
  return "\(fixed(mantissa, digits: 2))e\(exponent)"
}

/// So many digits behind the point.
package func fixed(_ value: Double, digits: Int) -> String {
  var scale = 1.0
  for _ in 0..<digits { scale *= 10 }
  let whole = (abs(value) * scale).rounded()
  guard whole < 9e15 else { return "\(value)" }
  var text = String(Int64(whole))
  while text.count <= digits { text = "0" + text }
  let sign = value < 0 && whole > 0 ? "-" : ""
  return digits == 0 ? sign + text : "\(sign)\(text.dropLast(digits)).\(text.suffix(digits))"
}

/// As in 31,400.
package func count(_ value: Int64?) -> String {
  guard let value else { return "" }
  var digits = Array(String(value.magnitude))
  var place = digits.count - 3
  while place > 0 {
    digits.insert(",", at: place)
    place -= 3
  }
  return (value < 0 ? "-" : "") + String(digits)
}

/// "1 job", "2 jobs".
func counted(_ value: Int64, _ one: String, _ many: String? = nil) -> String {
  "\(count(value)) \(value == 1 ? one : many ?? one + "s")"
}

/// As in 24 s, 9 min, 1 h 12 min, 5 d 2 h.
package func duration(_ seconds: Double?) -> String {
  guard let seconds, seconds.isFinite else { return "" }
  let whole = Int64(max(0, seconds).rounded())
  switch whole {
  case ..<60: return "\(whole) s"
  case ..<3600:
    return whole < 600 && whole % 60 > 0 ? "\(whole / 60) min \(whole % 60) s" : "\(whole / 60) min"
  case ..<86400:
    return "\(whole / 3600) h" + (whole % 3600 >= 60 ? " \(whole % 3600 / 60) min" : "")
  default: return "\(whole / 86400) d" + (whole % 86400 >= 3600 ? " \(whole % 86400 / 3600) h" : "")
  }
}

/// As in 31.4 MB.
func size(_ bytes: Int64?) -> String {
  guard let bytes else { return "" }
  var value = Double(bytes)
  for unit in ["B", "kB", "MB", "GB"] {
    if value < 1000 {
      return (unit == "B" ? "\(bytes)" : fixed(value, digits: value < 10 ? 1 : 0)) + " \(unit)"
    }
    value /= 1000
  }
  return "\(fixed(value, digits: 1)) TB"
}

/// A moment of the database, as in "2026-11-30 11:52:56.123+00": scripts show it in the reader's zone, or as an age.
///
/// - Parameter isAge: whether the time since then is shown
func moment(_ text: String?, isAge: Bool = false) -> HTML {
  guard let text, text.utf8.count >= 19 else { return "" }
  let (day, time) = (String(text.prefix(10)), String(text.dropFirst(11).prefix(8)))
  let iso = "\(day)T\(time)Z"
  if isAge {
    return "<time class=\"age\" datetime=\"\(iso)\" title=\"\(iso)\">\(day) \(time) UTC</time>"
  }
  return "<time datetime=\"\(iso)\" title=\"\(iso)\">\(day) \(time) UTC</time>"
}
