// Numbers of YAML, by hand: a list of settings may hold a hundred thousand, and a regular expression takes
// longer for each than all the rest.

/// The numbers of YAML 1.2.2 section 10.3.2, which keep their text.
enum PlainNumber {
  /// - Returns: nil if a plain scalar is no number
  static func read(_ text: String) -> SettingValue? {
    let bytes = Array(text.utf8)
    guard let first = bytes.first, "+-.0123456789".utf8.contains(first) else { return nil }
    if bytes.starts(with: "0o".utf8), let number = whole(bytes.dropFirst(2), radix: 8) {
      return .integer(String(number))
    }
    if bytes.starts(with: "0x".utf8), let number = whole(bytes.dropFirst(2), radix: 16) {
      return .integer(String(number))
    }
    if [".nan", ".NaN", ".NAN"].contains(text) { return .number(text) }
    var rest = bytes[...]
    if let sign = rest.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") {
      rest.removeFirst()
    }
    if [".inf", ".Inf", ".INF"].contains(where: { rest.elementsEqual($0.utf8) }) {
      return .number(text)
    }
    let before = takeDigits(&rest)
    if before > 0, rest.isEmpty { return .integer(text) }
    if rest.first == UInt8(ascii: ".") {
      rest.removeFirst()
      guard takeDigits(&rest) > 0 || before > 0 else { return nil }
    } else if before == 0 {
      return nil
    }
    if let mark = rest.first, mark == UInt8(ascii: "e") || mark == UInt8(ascii: "E") {
      rest.removeFirst()
      if let sign = rest.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") {
        rest.removeFirst()
      }
      guard takeDigits(&rest) > 0 else { return nil }
    }
    return rest.isEmpty ? .number(text) : nil
  }

  /// Takes digits from the front.
  /// - Returns: how many
  private static func takeDigits(_ rest: inout ArraySlice<UInt8>) -> Int {
    let count = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }.count
    rest.removeFirst(count)
    return count
  }

  /// A number of digits alone, without a sign.
  private static func whole(_ digits: ArraySlice<UInt8>, radix: Int) -> UInt64? {
    guard let first = digits.first, first != UInt8(ascii: "+") else { return nil }
    return UInt64(String(decoding: digits, as: UTF8.self), radix: radix)
  }
}
