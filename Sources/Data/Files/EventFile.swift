// TensorBoard's event files: records of protocol buffer messages.

/// Writes scalars for TensorBoard. The file appears under its name when it is committed.
///
/// Records as in TensorFlow's `lib/io/record_writer.h`: length, its check, data, their check, all
/// little-endian; messages as in `core/util/event.proto` and `core/framework/summary.proto`.
package final class EventFile {
  private let file: DurableFile
  private var buffer: [UInt8] = []

  /// - Parameter time: start of the log, in seconds since 1970
  /// - Throws: `FileError`
  package init(_ path: String, time: Double) throws {
    file = try DurableFile(path)
    var event = Message()
    event.add(1, time)
    event.add(3, "brain.Event:2")
    write(event)
  }

  /// Adds one value of a series.
  /// - Parameters:
  ///   - tag: name of the series; `/` makes groups
  ///   - time: seconds since 1970
  package func add(_ tag: String, step: Int64, value: Double, time: Double) throws {
    var scalar = Message()
    scalar.add(1, tag)
    scalar.add(2, Float(value))
    var summary = Message()
    summary.add(1, scalar)
    var event = Message()
    event.add(1, time)
    event.add(2, step)
    event.add(5, summary)
    write(event)
    if buffer.count >= 1 << 20 { try flush() }
  }

  /// - Throws: `FileError`
  package func commit() throws {
    try flush()
    try file.commit()
  }

  private func flush() throws {
    try file.write(buffer)
    buffer.removeAll(keepingCapacity: true)
  }

  private func write(_ message: Message) {
    let length = withUnsafeBytes(of: UInt64(message.bytes.count).littleEndian) { Array($0) }
    buffer += length
    buffer += Self.masked(length)
    buffer += message.bytes
    buffer += Self.masked(message.bytes)
  }

  /// `lib/hash/crc32c.h`: rotated and shifted, as a check over data that contain checks is weak.
  private static func masked(_ bytes: [UInt8]) -> [UInt8] {
    let check = CRC32.castagnoli.value(of: bytes)
    let masked = (check >> 15 | check << 17) &+ 0xA282_EAD8
    return withUnsafeBytes(of: masked.littleEndian) { Array($0) }
  }
}

/// A protocol buffer message in wire format.
private struct Message {
  private(set) var bytes: [UInt8] = []

  mutating func add(_ field: UInt64, _ value: Double) {
    varint(field << 3 | 1)
    withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes += $0 }
  }

  mutating func add(_ field: UInt64, _ value: Float) {
    varint(field << 3 | 5)
    withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes += $0 }
  }

  mutating func add(_ field: UInt64, _ value: Int64) {
    varint(field << 3)
    varint(UInt64(bitPattern: value))
  }

  mutating func add(_ field: UInt64, _ text: String) { add(field, Array(text.utf8)) }

  mutating func add(_ field: UInt64, _ message: Message) { add(field, message.bytes) }

  private mutating func add(_ field: UInt64, _ content: [UInt8]) {
    varint(field << 3 | 2)
    varint(UInt64(content.count))
    bytes += content
  }

  private mutating func varint(_ value: UInt64) {
    var rest = value
    while rest > 127 {
      bytes.append(UInt8(rest & 127) | 128)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }
}
