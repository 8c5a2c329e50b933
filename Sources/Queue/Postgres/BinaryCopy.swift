/// Rows for `copy ... from stdin (format binary)`, PostgreSQL manual, COPY, "Binary Format".
package struct BinaryCopy: Sendable {
  private var bytes: [UInt8]
  package private(set) var rows = 0

  package init() {
    bytes = Array("PGCOPY\n\u{FF}\r\n\0".unicodeScalars.map { UInt8($0.value) })
    bytes += [UInt8](repeating: 0, count: 8)  // flags, length of the header's extension
  }

  /// Rows taken from the `content` of another `BinaryCopy`.
  package init(content: [UInt8]) { bytes = content }

  /// The rows so far, for `init(content:)`.
  package var content: [UInt8] { bytes }

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

  /// A bytea.
  package mutating func append(bytes value: [UInt8]) {
    append(bigEndian: Int32(value.count))
    bytes += value
  }

  /// A uuid, as the server writes it: 32 hexadecimal digits in groups.
  package mutating func append(uuid value: String) {
    let digits = value.utf8.filter { $0 != UInt8(ascii: "-") }
    precondition(digits.count == 32, "append: \"\(value)\" is no uuid")
    append(bigEndian: Int32(16))
    for start in stride(from: 0, to: 32, by: 2) {
      let pair = String(decoding: digits[start..<start + 2], as: UTF8.self)
      bytes.append(UInt8(pair, radix: 16)!)
    }
  }

  /// A bigint[].
  package mutating func append(_ values: [Int64]) {
    append(array: values.lazy.map { UInt64(bitPattern: $0) }, type: 20)  // pg_type: int8
  }

  /// A double precision[].
  package mutating func append(_ values: [Double]) {
    append(array: values.lazy.map(\.bitPattern), type: 701)  // pg_type: float8
  }

  var finished: [UInt8] { bytes + [0xFF, 0xFF] }

  /// One dimension from index 1, no nulls (array_recv in the server's arrayfuncs.c).
  private mutating func append(array words: some Collection<UInt64>, type: Int32) {
    let length = words.isEmpty ? 12 : 20 + words.count * 12
    append(bigEndian: Int32(length))
    append(bigEndian: Int32(words.isEmpty ? 0 : 1))
    append(bigEndian: Int32(0))
    append(bigEndian: type)
    if words.isEmpty { return }
    append(bigEndian: Int32(words.count))
    append(bigEndian: Int32(1))
    bytes += [UInt8](unsafeUninitializedCapacity: words.count * 12) { buffer, count in
      var place = UnsafeMutableRawPointer(buffer.baseAddress!)
      for word in words {
        place.storeBytes(of: Int32(8).bigEndian, as: Int32.self)
        (place + 4).storeBytes(of: word.bigEndian, as: UInt64.self)
        place += 12
      }
      count = words.count * 12
    }
  }

  private mutating func append(bigEndian value: some FixedWidthInteger) {
    withUnsafeBytes(of: value.bigEndian) { bytes += $0 }
  }
}
