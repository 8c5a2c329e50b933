// Reading zip archives: APPNOTE.TXT 6.3.10, with ZIP64. Sizes and offsets come from the central
// directory alone, since local headers may lack them.

import CZlib

/// The central directory of a zip archive.
package final class ZipArchive {
  /// A file or folder as the directory describes it.
  package struct Entry: Sendable {
    package let name: String
    /// 0 stored, 8 deflate.
    package let method: Int
    package let compressedSize: Int
    package let size: Int
    package let crc: UInt32
    /// Offset of its local header in the archive.
    package let header: Int
    /// Whether it is a symbolic link of Unix.
    package let isLink: Bool

    package init(
      name: String, method: Int, compressedSize: Int, size: Int, crc: UInt32, header: Int,
      isLink: Bool = false
    ) {
      (self.name, self.method, self.crc, self.header) = (name, method, crc, header)
      (self.compressedSize, self.size, self.isLink) = (compressedSize, size, isLink)
    }

    /// The least range of the archive that it occupies: header, name and data.
    package var extent: Range<Int> { header..<header + 30 + name.utf8.count + compressedSize }
  }
  package let path: String
  package let entries: [Entry]
  private let file: MappedFile

  /// Largest size of a local header with name and extra field: APPNOTE.TXT 4.3.7.
  package static let mostHeaderBytes = 30 + 2 * 65_535

  /// Largest size of an inflated entry: deflate can expand data a thousandfold.
  private static let mostInflated = 256 << 20

  package init(_ file: MappedFile) throws {
    self.file = file
    path = file.path
    var entries: [Entry] = []
    try Self.forEachEntry(of: file) { entries.append($0) }
    self.entries = entries
  }

  /// Reads the directory entry by entry, so that millions of them need not fit into memory.
  /// - Parameters:
  ///   - range: the archive's bytes in the file; nil for all
  ///   - name: name of the archive in messages
  /// - Returns: offset of the directory in the file
  /// - Throws: `FileError`, or what `body` throws
  @discardableResult
  package static func forEachEntry(
    of file: MappedFile, in range: Range<Int>? = nil, called name: String? = nil,
    _ body: (Entry) throws -> Void
  ) throws -> Int {
    let base = range?.lowerBound ?? 0
    let own = range.map { UnsafeRawBufferPointer(rebasing: file.bytes[$0]) } ?? file.bytes
    let bytes = ByteReader(own, path: name ?? file.path)
    let (start, count) = try directory(of: bytes)
    var at = start
    for number in 0..<count {
      guard try bytes.u32(at) == 0x0201_4B50 else {
        throw FileError("\(bytes.path): damaged zip: no directory entry \(number) at byte \(at)")
      }
      let (entry, end) = try entry(of: bytes, at: at, base: base)
      try body(entry)
      at = end
    }
    return base + start
  }

  /// The directory's entry at an offset, and the offset of the next one.
  /// - Parameter base: offset of the archive in the file
  private static func entry(
    of bytes: ByteReader, at: Int, base: Int
  ) throws -> (Entry, end: Int) {
    let (nameSize, extraSize) = (Int(try bytes.u16(at + 28)), Int(try bytes.u16(at + 30)))
    guard
      let name = String(validating: try bytes.slice(at + 46, nameSize), as: UTF8.self)
    else { throw FileError("\(bytes.path): damaged zip: a name at byte \(at) is not UTF-8") }
    var (compressed, size) = (Int(try bytes.u32(at + 20)), Int(try bytes.u32(at + 24)))
    var header = Int(try bytes.u32(at + 42))
    // ZIP64: fields of all ones are found in extra field 1, in this order.
    var extra = at + 46 + nameSize
    let extraEnd = extra + extraSize
    while extra + 4 <= extraEnd {
      let (kind, length) = (try bytes.u16(extra), Int(try bytes.u16(extra + 2)))
      var value = extra + 4
      func next() throws -> Int {
        defer { value += 8 }
        guard value + 8 <= extra + 4 + length else {
          throw FileError("\(bytes.path): damaged zip: ZIP64 field of '\(name)' is too short")
        }
        return try bytes.int64(value)
      }
      if kind == 1 {
        if size == 0xFFFF_FFFF { size = try next() }
        if compressed == 0xFFFF_FFFF { compressed = try next() }
        if header == 0xFFFF_FFFF { header = try next() }
      }
      extra += 4 + length
    }
    guard try bytes.u16(at + 8) & 1 == 0 else {
      throw FileError("\(bytes.path): '\(name)' is encrypted")
    }
    guard header <= bytes.bytes.count, compressed <= bytes.bytes.count - header else {
      throw FileError(
        "\(bytes.path): damaged zip: '\(name)' has \(compressed) bytes at \(header), the archive "
          + "\(bytes.bytes.count)")
    }
    // If the upper byte of "made by" is 3 (Unix), the upper half of the attributes is the mode.
    let isUnix = try bytes.u16(at + 4) >> 8 == 3
    let kind = try bytes.u32(at + 38) >> 28
    return (
      Entry(
        name: name, method: Int(try bytes.u16(at + 10)), compressedSize: compressed, size: size,
        crc: try bytes.u32(at + 16), header: base + header, isLink: isUnix && kind == 0o12),
      extraEnd + Int(try bytes.u16(at + 32))
    )
  }

  /// Offset of the directory, and its number of entries.
  private static func directory(of bytes: ByteReader) throws -> (start: Int, count: Int) {
    let (path, length) = (bytes.path, bytes.bytes.count)
    // The end record is 22 bytes and a comment of up to 65,535.
    var end = length - 22
    let last = max(0, end - 65_535)
    while end >= last, try bytes.u32(end) != 0x0605_4B50 { end -= 1 }
    guard end >= last, end >= 0 else {
      throw FileError("\(path): damaged zip: no end record; it is truncated")
    }
    var (count, start) = (Int(try bytes.u16(end + 10)), Int(try bytes.u32(end + 16)))
    if count == 0xFFFF || start == 0xFFFF_FFFF, end >= 20,
      try bytes.u32(end - 20) == 0x0706_4B50
    {
      let wide = try bytes.int64(end - 12)
      guard try bytes.u32(wide) == 0x0606_4B50 else {
        throw FileError("\(path): damaged zip: no ZIP64 end record")
      }
      (count, start) = (try bytes.int64(wide + 32), try bytes.int64(wide + 48))
    }
    // An entry takes at least 46 bytes, so a larger number is not believed.
    guard count <= length / 46 else {
      throw FileError("\(path): damaged zip: \(count) entries in \(length) bytes")
    }
    return (start, count)
  }

  package func entry(_ name: String) -> Entry? { entries.first { $0.name == name } }

  /// The bytes of an entry; a stored one is not copied. Valid while the archive lives.
  package func withBytes<T>(
    _ entry: Entry, _ body: (UnsafeRawBufferPointer) throws -> T
  ) throws -> T {
    try Self.withBytes(of: entry, in: file, called: path, most: Self.mostInflated, body)
  }

  /// - Parameters:
  ///   - path: name of the archive in messages
  ///   - most: largest size of an inflated entry in bytes
  package static func withBytes<T>(
    of entry: Entry, in file: MappedFile, called path: String, most: Int,
    _ body: (UnsafeRawBufferPointer) throws -> T
  ) throws -> T {
    let raw = try stored(entry, in: file, path)
    switch entry.method {
    case 0:
      guard entry.size == entry.compressedSize else {
        throw FileError(
          "\(path): damaged zip: '\(entry.name)' is stored in \(entry.compressedSize) bytes but "
            + "claims \(entry.size)")
      }
      try check(raw, entry, path)
      return try body(raw)
    case 8:
      let inflated = try inflate(raw, entry, path, most: most)
      return try inflated.withUnsafeBytes {
        try check($0, entry, path)
        return try body($0)
      }
    default: throw unknownMethod(entry, path)
    }
  }

  /// The bytes of an entry as stored in the file.
  private static func stored(
    _ entry: Entry, in file: MappedFile, _ path: String
  ) throws -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: file.bytes[try place(of: entry, in: file, called: path)])
  }

  /// The place of an entry's bytes, as stored, in the file.
  /// - Parameter path: name of the archive in messages
  package static func place(
    of entry: Entry, in file: MappedFile, called path: String
  ) throws -> Range<Int> {
    let bytes = ByteReader(file.bytes, path: path)
    guard try bytes.u32(entry.header) == 0x0403_4B50 else {
      throw FileError("\(path): damaged zip: '\(entry.name)' is not where the directory says")
    }
    let start =
      entry.header + 30 + Int(try bytes.u16(entry.header + 26))
      + Int(try bytes.u16(entry.header + 28))
    _ = try bytes.slice(start, entry.compressedSize)
    return start..<start + entry.compressedSize
  }

  private static func unknownMethod(_ entry: Entry, _ path: String) -> FileError {
    FileError(
      "\(path): '\(entry.name)' is compressed by method \(entry.method); stored and deflate are "
        + "read")
  }

  /// The first bytes of an entry, at most `count`, unchecked.
  package func prefix(of entry: Entry, _ count: Int) throws -> [UInt8] {
    try Self.prefix(of: entry, count, in: file, called: path)
  }

  /// - Parameter path: name of the archive in messages
  package static func prefix(
    of entry: Entry, _ count: Int, in file: MappedFile, called path: String
  ) throws -> [UInt8] {
    let raw = try stored(entry, in: file, path)
    switch entry.method {
    case 0: return Array(raw.prefix(count))
    case 8: return try inflated(raw, entry, path, into: min(count, entry.size)).bytes
    default: throw unknownMethod(entry, path)
    }
  }

  private static func check(
    _ bytes: UnsafeRawBufferPointer, _ entry: Entry, _ path: String
  ) throws {
    // zlib returns the initial value for a null pointer.
    var crc = crc32_z(0, nil, 0)
    if !bytes.isEmpty {
      crc = crc32_z(crc, bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count)
    }
    guard UInt32(truncatingIfNeeded: crc) == entry.crc else {
      throw FileError("\(path): damaged zip: '\(entry.name)' does not have its checksum")
    }
  }

  private static func inflate(
    _ raw: UnsafeRawBufferPointer, _ entry: Entry, _ path: String, most: Int
  ) throws -> [UInt8] {
    // Deflate expands a byte to at most 1,032.
    guard entry.size <= most, entry.size / 1033 <= raw.count else {
      throw FileError(
        "\(path): '\(entry.name)' claims \(entry.size) bytes from \(raw.count); at most \(most) are "
          + "read")
    }
    // One byte more than claimed, so that a larger entry is noticed.
    let made = try inflated(raw, entry, path, into: entry.size + 1)
    guard made.isWhole, made.bytes.count == entry.size else {
      throw FileError("\(path): damaged zip: '\(entry.name)' does not inflate to its size")
    }
    return made.bytes
  }

  /// Inflates as many bytes as there is room for, and says whether these are all.
  private static func inflated(
    _ raw: UnsafeRawBufferPointer, _ entry: Entry, _ path: String, into room: Int
  ) throws -> (bytes: [UInt8], isWhole: Bool) {
    guard raw.count <= UInt32.max else {
      throw FileError(
        "\(path): '\(entry.name)' takes \(raw.count) compressed bytes; no more than 4 GiB are read")
    }
    var stream = z_stream()
    guard inflateInit2_(&stream, -15, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
    else { throw FileError("\(path): zlib cannot start") }
    defer { inflateEnd(&stream) }
    var isWhole = false
    let bytes = [UInt8](unsafeUninitializedCapacity: room) { out, count in
      stream.next_in = UnsafeMutablePointer(mutating: raw.bindMemory(to: UInt8.self).baseAddress)
      stream.avail_in = UInt32(raw.count)
      stream.next_out = out.baseAddress
      stream.avail_out = UInt32(room)
      isWhole = CZlib.inflate(&stream, Z_FINISH) == Z_STREAM_END
      count = room - Int(stream.avail_out)
    }
    return (bytes, isWhole)
  }
}
