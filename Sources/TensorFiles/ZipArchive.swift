// Reading zip archives: APPNOTE.TXT 6.3.10, with ZIP64. Sizes and places come from the central
// directory alone; local headers may leave them out.

import CZlib
import Files

/// The directory of a zip archive.
final class ZipArchive {
  struct Entry {
    let name: String
    /// 0 stored, 8 deflate.
    let method: Int
    let compressedSize: Int
    let size: Int
    let crc: UInt32
    fileprivate let header: Int
  }
  let path: String
  let entries: [Entry]
  private let file: MappedFile

  /// Larger directories than any archive of weights has.
  private static let mostEntries = 1_000_000
  /// What deflate may make of an entry: it can claim a thousand times its size.
  private static let mostInflated = 256 << 20

  init(_ file: MappedFile) throws {
    self.file = file
    path = file.path
    let (start, count) = try Self.directory(of: file)
    let bytes = ByteReader(file.bytes, path: file.path)
    var entries: [Entry] = []
    var at = start
    for number in 0..<count {
      guard try bytes.u32(at) == 0x0201_4B50 else {
        throw FileError("\(file.path): damaged zip: no directory entry \(number) at byte \(at)")
      }
      let (nameSize, extraSize) = (Int(try bytes.u16(at + 28)), Int(try bytes.u16(at + 30)))
      let name = String(decoding: try bytes.slice(at + 46, nameSize), as: UTF8.self)
      var (compressed, size) = (Int(try bytes.u32(at + 20)), Int(try bytes.u32(at + 24)))
      var header = Int(try bytes.u32(at + 42))
      // ZIP64: fields that are all ones stand in extra field 1, in this order.
      var extra = at + 46 + nameSize
      let extraEnd = extra + extraSize
      while extra + 4 <= extraEnd {
        let (kind, length) = (try bytes.u16(extra), Int(try bytes.u16(extra + 2)))
        var value = extra + 4
        func next() throws -> Int {
          defer { value += 8 }
          guard value + 8 <= extra + 4 + length else {
            throw FileError("\(file.path): damaged zip: ZIP64 field of '\(name)' is too short")
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
        throw FileError("\(file.path): '\(name)' is encrypted")
      }
      entries.append(
        Entry(
          name: name, method: Int(try bytes.u16(at + 10)), compressedSize: compressed, size: size,
          crc: try bytes.u32(at + 16), header: header))
      at = extraEnd + Int(try bytes.u16(at + 32))
    }
    self.entries = entries
  }

  /// Where the directory begins and how many entries it has.
  private static func directory(of file: MappedFile) throws -> (start: Int, count: Int) {
    let bytes = ByteReader(file.bytes, path: file.path)
    // The end record is 22 bytes and a comment of up to 65,535.
    var end = file.bytes.count - 22
    let last = max(0, end - 65_535)
    while end >= last, try bytes.u32(end) != 0x0605_4B50 { end -= 1 }
    guard end >= last, end >= 0 else {
      throw FileError("\(file.path): damaged zip: no end record; it is truncated")
    }
    var (count, start) = (Int(try bytes.u16(end + 10)), Int(try bytes.u32(end + 16)))
    if count == 0xFFFF || start == 0xFFFF_FFFF, end >= 20,
      try bytes.u32(end - 20) == 0x0706_4B50
    {
      let wide = try bytes.int64(end - 12)
      guard try bytes.u32(wide) == 0x0606_4B50 else {
        throw FileError("\(file.path): damaged zip: no ZIP64 end record")
      }
      (count, start) = (try bytes.int64(wide + 32), try bytes.int64(wide + 48))
    }
    // An entry takes 46 bytes at least: no more are believed.
    guard count <= min(mostEntries, file.bytes.count / 46) else {
      throw FileError("\(file.path): damaged zip: \(count) entries in \(file.bytes.count) bytes")
    }
    return (start, count)
  }

  func entry(_ name: String) -> Entry? { entries.first { $0.name == name } }

  /// The bytes of an entry; a stored one is not copied. Valid as long as the archive lives.
  func withBytes<T>(_ entry: Entry, _ body: (UnsafeRawBufferPointer) throws -> T) throws -> T {
    let raw = try stored(entry)
    switch entry.method {
    case 0:
      guard entry.size == entry.compressedSize else {
        throw FileError(
          "\(path): damaged zip: '\(entry.name)' is stored in \(entry.compressedSize) bytes but "
            + "claims \(entry.size)")
      }
      try check(raw, entry)
      return try body(raw)
    case 8:
      let inflated = try inflate(raw, entry)
      return try inflated.withUnsafeBytes {
        try check($0, entry)
        return try body($0)
      }
    default: throw unknownMethod(entry)
    }
  }

  /// The bytes of an entry as they lie in the file.
  private func stored(_ entry: Entry) throws -> UnsafeRawBufferPointer {
    let bytes = ByteReader(file.bytes, path: path)
    guard try bytes.u32(entry.header) == 0x0403_4B50 else {
      throw FileError("\(path): damaged zip: '\(entry.name)' is not where the directory says")
    }
    let start =
      entry.header + 30 + Int(try bytes.u16(entry.header + 26))
      + Int(try bytes.u16(entry.header + 28))
    return try bytes.slice(start, entry.compressedSize)
  }

  private func unknownMethod(_ entry: Entry) -> FileError {
    FileError(
      "\(path): '\(entry.name)' is compressed by method \(entry.method); stored and deflate are "
        + "read")
  }

  /// The first bytes of an entry, not more than `count` of them, unchecked.
  func prefix(of entry: Entry, _ count: Int) throws -> [UInt8] {
    let raw = try stored(entry)
    switch entry.method {
    case 0: return Array(raw.prefix(count))
    case 8: return try inflated(raw, entry, into: min(count, entry.size)).bytes
    default: throw unknownMethod(entry)
    }
  }

  private func check(_ bytes: UnsafeRawBufferPointer, _ entry: Entry) throws {
    var crc = crc32_z(0, nil, 0)
    crc = crc32_z(crc, bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count)
    guard bytes.isEmpty || UInt32(truncatingIfNeeded: crc) == entry.crc else {
      throw FileError("\(path): damaged zip: '\(entry.name)' does not have its checksum")
    }
  }

  private func inflate(_ raw: UnsafeRawBufferPointer, _ entry: Entry) throws -> [UInt8] {
    // Deflate makes at most 1,032 bytes of one.
    guard entry.size <= Self.mostInflated, entry.size / 1033 <= raw.count else {
      throw FileError(
        "\(path): '\(entry.name)' claims \(entry.size) bytes from \(raw.count); at most "
          + "\(Self.mostInflated) are read")
    }
    // One byte more than it claims: what inflates further is refused.
    let made = try inflated(raw, entry, into: entry.size + 1)
    guard made.isWhole, made.bytes.count == entry.size else {
      throw FileError("\(path): damaged zip: '\(entry.name)' does not inflate to its size")
    }
    return made.bytes
  }

  /// What deflate makes of bytes, as far as there is room, and whether that is all.
  private func inflated(
    _ raw: UnsafeRawBufferPointer, _ entry: Entry, into room: Int
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
      stream.next_in = UnsafeMutablePointer(
        mutating: raw.bindMemory(to: UInt8.self).baseAddress)
      stream.avail_in = UInt32(raw.count)
      stream.next_out = out.baseAddress
      stream.avail_out = UInt32(room)
      isWhole = CZlib.inflate(&stream, Z_FINISH) == Z_STREAM_END
      count = room - Int(stream.avail_out)
    }
    return (bytes, isWhole)
  }
}

/// Numbers at places that are checked.
struct ByteReader {
  let bytes: UnsafeRawBufferPointer
  let path: String

  init(_ bytes: UnsafeRawBufferPointer, path: String) {
    self.bytes = bytes
    self.path = path
  }

  func slice(_ start: Int, _ count: Int) throws -> UnsafeRawBufferPointer {
    guard start >= 0, count >= 0, start <= bytes.count, count <= bytes.count - start else {
      throw FileError(
        "\(path): truncated: \(count) bytes at \(start) of \(bytes.count) are needed")
    }
    return UnsafeRawBufferPointer(rebasing: bytes[start..<start + count])
  }

  func u16(_ at: Int) throws -> UInt16 {
    UInt16(littleEndian: try slice(at, 2).loadUnaligned(as: UInt16.self))
  }

  func u32(_ at: Int) throws -> UInt32 {
    UInt32(littleEndian: try slice(at, 4).loadUnaligned(as: UInt32.self))
  }

  /// A 64-bit number that counts bytes or elements.
  func int64(_ at: Int) throws -> Int {
    let value = UInt64(littleEndian: try slice(at, 8).loadUnaligned(as: UInt64.self))
    guard let number = Int(exactly: value) else {
      throw FileError("\(path): damaged: \(value) at byte \(at) is no size")
    }
    return number
  }
}
