// Numbers of bytes as people write them.

package enum ByteCount {
  private static let units = ["bytes", "kB", "MB", "GB", "TB", "PB"]

  /// Three digits at least where there are so many, such as `252 GB`, `7.66 GB` or `31 bytes`.
  package static func words(_ bytes: Int64) -> String {
    let unit = unit(of: bytes)
    return unit == 0 ? counted(bytes, "byte") : "\(number(bytes, unit)) \(units[unit])"
  }

  /// The same with the number itself, where that is another: `1.05 MB (1048576 bytes)`.
  package static func both(_ bytes: Int64) -> String {
    unit(of: bytes) == 0 ? words(bytes) : "\(words(bytes)) (\(bytes) bytes)"
  }

  /// A part of a whole in the unit of the whole, such as `31 of 252 GB`.
  package static func words(_ part: Int64, of whole: Int64) -> String {
    let unit = unit(of: whole)
    return "\(number(part, unit)) of \(number(whole, unit)) \(units[unit])"
  }

  /// Reads a number with a unit, such as `500GB`, `1.5 TiB` or `1000000`; nil for another text.
  package static func parse(_ text: String) -> Int64? {
    guard
      let found = text.wholeMatch(of: /\s*([0-9]+(?:\.[0-9]+)?)\s*([kKMGTP]?)(i?)[bB]?\s*/),
      let number = Double(found.1), found.3.isEmpty || !found.2.isEmpty
    else { return nil }
    let power =
      found.2.isEmpty ? 0 : 1 + Array("KMGTP").firstIndex(of: Character(found.2.uppercased()))!
    let base = found.3.isEmpty ? 1000.0 : 1024.0
    let bytes = (0..<power).reduce(number) { value, _ in value * base }
    return bytes < 9e18 ? Int64(bytes) : nil
  }

  private static func unit(of bytes: Int64) -> Int {
    var (unit, rest) = (0, Double(bytes))
    while rest >= 999.5, unit < units.count - 1 { (unit, rest) = (unit + 1, rest / 1000) }
    return unit
  }

  private static func number(_ bytes: Int64, _ unit: Int) -> String {
    if unit == 0 { return String(bytes) }
    let value = (0..<unit).reduce(Double(bytes)) { value, _ in value / 1000 }
    guard value < 99.95 else { return String(Int(value.rounded())) }
    // Two digits behind the point below 10, one below 100; none where they are zeros.
    let scale = value < 9.995 ? 100.0 : 10.0
    let digits = String((value * scale).rounded() / scale)
    return digits.hasSuffix(".0") ? String(digits.dropLast(2)) : digits
  }
}
