// Zip archives with arbitrary fields for tests: APPNOTE.TXT 6.3.10.

import Files

struct ZipFixture {
  struct Entry {
    var name: String
    var bytes: [UInt8]
    /// Deflated as one stored block, which is valid deflate.
    var isDeflated = false
    /// A false size in the directory.
    var size: Int?
    var mode: UInt32 = 0o100644
    /// Number of the entry whose data the directory refers to instead.
    var dataOf: Int?
    /// Whether sizes and offset are in a ZIP64 field.
    var isWide = false
  }

  static func archive(_ entries: [Entry]) -> [UInt8] {
    var out: [UInt8] = []
    var places: [Int] = []
    var directory: [UInt8] = []
    for entry in entries {
      let data = entry.isDeflated ? stored(entry.bytes) : entry.bytes
      places.append(entry.dataOf.map { places[$0] } ?? out.count)
      let method = UInt16(entry.isDeflated ? 8 : 0)
      let crc = CRC32.zip.value(of: entry.bytes)
      let size = entry.size ?? entry.bytes.count
      let name = Array(entry.name.utf8)
      if entry.dataOf == nil {
        out += le(UInt32(0x0403_4B50)) + le(UInt16(20)) + le(UInt16(0)) + le(method) + le(UInt32(0))
        out += le(crc) + le(UInt32(data.count)) + le(UInt32(size)) + le(UInt16(name.count))
        out += le(UInt16(0)) + name + data
      }
      let wide = UInt32.max
      let extra: [UInt8] =
        entry.isWide
        ? le(UInt16(1)) + le(UInt16(24)) + le(UInt64(size)) + le(UInt64(data.count))
          + le(UInt64(places.last!)) : []
      directory += le(UInt32(0x0201_4B50)) + le(UInt16(3 << 8 | 20)) + le(UInt16(20))
      directory += le(UInt16(0)) + le(method) + le(UInt32(0)) + le(crc)
      directory += le(entry.isWide ? wide : UInt32(data.count))
      directory += le(entry.isWide ? wide : UInt32(size)) + le(UInt16(name.count))
      directory += le(UInt16(extra.count)) + le(UInt16(0)) + le(UInt16(0)) + le(UInt16(0))
      directory += le(entry.mode << 16) + le(entry.isWide ? wide : UInt32(places.last!))
      directory += name + extra
    }
    let start = out.count
    out += directory
    out += le(UInt32(0x0605_4B50)) + le(UInt32(0)) + le(UInt16(entries.count))
    out += le(UInt16(entries.count)) + le(UInt32(directory.count)) + le(UInt32(start))
    return out + le(UInt16(0))
  }

  private static func stored(_ bytes: [UInt8]) -> [UInt8] {
    let length = UInt16(bytes.count)
    return [1] + le(length) + le(~length) + bytes
  }

  private static func le<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
  }
}
