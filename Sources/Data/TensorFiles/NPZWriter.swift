// Writes NumPy's archives of arrays as a stream.

import Files

/// Writes an `.npz` of arrays whose shapes are known before their elements, one after the other,
/// without keeping any in memory. The file appears under its name when it is committed.
///
/// ZIP as written by `numpy.savez`: stored, each header with ZIP64 sizes (APPNOTE.TXT 4.3.7,
/// 4.5.3), so that an array may exceed 4 GiB; the check of an entry is filled in after its last
/// byte.
package final class NPZWriter {
  private struct Entry {
    let name: String
    let offset: Int
    let size: Int
    var check: CRC32
    var written = 0
  }

  private let file: DurableFile
  private var entries: [Entry] = []
  private var position = 0

  /// - Throws: `FileError`
  package init(_ path: String) throws { file = try DurableFile(path) }

  /// Begins an array; exactly its elements must follow.
  /// - Parameters:
  ///   - type: NumPy's name of the type, such as `|u1` or `<i8`
  ///   - width: bytes per element
  package func begin(_ name: String, type: String, width: Int, shape: [Int]) throws {
    endEntry()
    let header = Self.header(type: type, shape: shape)
    let size = header.count + shape.reduce(width, *)
    entries.append(Entry(name: "\(name).npy", offset: position, size: size, check: .zip))
    try put(local(entries[entries.count - 1], check: 0))
    try append(header)
  }

  /// Appends the array's next elements, row-major, as bytes.
  package func append(_ bytes: [UInt8]) throws {
    precondition(
      entries[entries.count - 1].written + bytes.count <= entries[entries.count - 1].size,
      "NPZWriter: more elements than the shape of \(entries[entries.count - 1].name)")
    entries[entries.count - 1].check.update(bytes)
    entries[entries.count - 1].written += bytes.count
    try put(bytes)
  }

  /// - Throws: `FileError`
  package func commit() throws {
    endEntry()
    for entry in entries {
      try file.overwrite(local(entry, check: entry.check.value), at: entry.offset)
    }
    let start = position
    for entry in entries { try put(central(entry)) }
    let size = position - start
    let zip64 = position
    try put(
      bytes(UInt32(0x0606_4B50)) + bytes(UInt64(44)) + bytes(UInt16(45)) + bytes(UInt16(45))
        + bytes(UInt32(0)) + bytes(UInt32(0)) + bytes(UInt64(entries.count))
        + bytes(UInt64(entries.count)) + bytes(UInt64(size)) + bytes(UInt64(start)))
    try put(
      bytes(UInt32(0x0706_4B50)) + bytes(UInt32(0)) + bytes(UInt64(zip64)) + bytes(UInt32(1)))
    try put(
      bytes(UInt32(0x0605_4B50)) + bytes(UInt16(0)) + bytes(UInt16(0))
        + bytes(UInt16(entries.count)) + bytes(UInt16(entries.count)) + bytes(UInt32.max)
        + bytes(UInt32.max) + bytes(UInt16(0)))
    try file.commit()
  }

  private func put(_ bytes: [UInt8]) throws {
    try file.write(bytes)
    position += bytes.count
  }

  private func endEntry() {
    guard let last = entries.last else { return }
    precondition(last.written == last.size, "NPZWriter: \(last.name) lacks elements")
  }

  /// The header of NEP 1, version 1.0: a dictionary padded to a multiple of 64 bytes.
  private static func header(type: String, shape: [Int]) -> [UInt8] {
    let lengths = shape.map { "\($0)," }.joined(separator: " ")
    let dictionary = "{'descr': '\(type)', 'fortran_order': False, 'shape': (\(lengths)), }"
    let padding = (64 - (10 + dictionary.utf8.count + 1) % 64) % 64
    let text = Array("\(dictionary)\(String(repeating: " ", count: padding))\n".utf8)
    return [0x93] + Array("NUMPY".utf8) + [1, 0] + bytes(UInt16(text.count)) + text
  }

  private func local(_ entry: Entry, check: UInt32) -> [UInt8] {
    // Sizes of all ones refer to the ZIP64 field.
    let common = bytes(UInt16(45)) + bytes(UInt16(0)) + bytes(UInt16(0)) + Self.date
    let sizes = bytes(check) + bytes(UInt32.max) + bytes(UInt32.max)
    let extra =
      bytes(UInt16(1)) + bytes(UInt16(16)) + bytes(UInt64(entry.size)) + bytes(UInt64(entry.size))
    return bytes(UInt32(0x0403_4B50)) + common + sizes + bytes(UInt16(entry.name.utf8.count))
      + bytes(UInt16(extra.count)) + Array(entry.name.utf8) + extra
  }

  private func central(_ entry: Entry) -> [UInt8] {
    let common =
      bytes(UInt16(45)) + bytes(UInt16(45)) + bytes(UInt16(0)) + bytes(UInt16(0)) + Self.date
    let sizes = bytes(entry.check.value) + bytes(UInt32.max) + bytes(UInt32.max)
    let extra =
      bytes(UInt16(1)) + bytes(UInt16(24)) + bytes(UInt64(entry.size)) + bytes(UInt64(entry.size))
      + bytes(UInt64(entry.offset))
    return bytes(UInt32(0x0201_4B50)) + common + sizes + bytes(UInt16(entry.name.utf8.count))
      + bytes(UInt16(extra.count)) + bytes(UInt16(0)) + bytes(UInt16(0)) + bytes(UInt16(0))
      + bytes(UInt32(0)) + bytes(UInt32.max) + Array(entry.name.utf8) + extra
  }

  /// 1 January 1980, ZIP's first day, so that equal arrays give equal bytes.
  private static let date = bytes(UInt16(0)) + bytes(UInt16(33))
}

private func bytes(_ value: some FixedWidthInteger) -> [UInt8] {
  withUnsafeBytes(of: value.littleEndian) { Array($0) }
}
