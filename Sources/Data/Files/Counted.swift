// Numbers in sentences: 1 job, 2 jobs, 0.3.

import Glibc

/// A number with its noun.
/// - Parameter plural: where it is not the noun with an s, as in "series"
package func counted(
  _ number: some BinaryInteger, _ noun: String, _ plural: String? = nil
) -> String {
  "\(number) \(number == 1 ? noun : plural ?? "\(noun)s")"
}

/// A number for people, without the last digits that binary arithmetic leaves: 0.3 and not 0.30000000000000004.
package func shortDecimal(_ x: Double, digits: Int32 = 6) -> String {
  var buffer = [CChar](repeating: 0, count: 64)
  _ = withVaList([digits, x]) { vsnprintf(&buffer, buffer.count, "%.*g", $0) }
  let text = String(
    decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  guard let rounded = Double(text)?.description else { return text }
  return rounded.hasSuffix(".0") ? String(rounded.dropLast(2)) : rounded
}
