/// Rows for `copy ... from stdin (format binary)`, PostgreSQL manual, COPY, "Binary Format".
package struct BinaryCopy: Sendable {
  private var bytes: [UInt8] = Array("PGCOPY\n\u{FF}\r\n\0".unicodeScalars.map { UInt8($0.value) })
  package private(set) var rows = 0

  package init() {
    bytes += [UInt8](repeating: 0, count: 8)  // flags, length of the header's extension
  }

  /// Starts a row; as many values must follow.
  package mutating func row(columns: Int) {
    append(bigEndian: Int16(columns))
    rows += 1
  }

  package mutating func append(_ value: Int64) {
    append(bigEndian: Int32(8))
    append(bigEndian: value)
  }

  package mutating func append(_ value: Double) {
    append(bigEndian: Int32(8))
    append(bigEndian: value.bitPattern)
  }

  package mutating func append(_ value: String) {
    append(bigEndian: Int32(value.utf8.count))
    bytes += value.utf8
  }

  var finished: [UInt8] { bytes + [0xFF, 0xFF] }

  private mutating func append(bigEndian value: some FixedWidthInteger) {
    withUnsafeBytes(of: value.bigEndian) { bytes += $0 }
  }
}
