// 32-bit cyclic redundancy checks, as file formats need them.

/// A running check with eight tables, eight bytes at a time (Kounavis and Berry 2005).
package struct CRC32: Sendable {
  /// ISO 3309, used by ZIP and PNG: 0x04C11DB7 with its bits reversed.
  package static let zip = CRC32(polynomial: 0xEDB8_8320)
  /// Castagnoli et al. 1993, used by TFRecord: 0x1EDC6F41 with its bits reversed.
  package static let castagnoli = CRC32(polynomial: 0x82F6_3B78)

  private let tables: [UInt32]
  private var state: UInt32 = 0xFFFF_FFFF

  private init(polynomial: UInt32) {
    var tables = [UInt32](repeating: 0, count: 8 * 256)
    for byte in 0..<256 {
      var value = UInt32(byte)
      for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ polynomial : value >> 1 }
      tables[byte] = value
    }
    for table in 1..<8 {
      for byte in 0..<256 {
        let before = tables[(table - 1) * 256 + byte]
        tables[table * 256 + byte] = before >> 8 ^ tables[Int(before & 255)]
      }
    }
    self.tables = tables
  }

  /// The check of the bytes added so far.
  package var value: UInt32 { ~state }

  /// Adds bytes.
  package mutating func update(_ bytes: UnsafeRawBufferPointer) {
    var state = state
    tables.withUnsafeBufferPointer { t in
      var i = 0
      while i + 8 <= bytes.count {
        let low = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: i, as: UInt32.self))
        let high = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: i + 4, as: UInt32.self))
        let a = low ^ state
        state =
          t[7 * 256 + Int(a & 255)] ^ t[6 * 256 + Int(a >> 8 & 255)]
          ^ t[5 * 256 + Int(a >> 16 & 255)] ^ t[4 * 256 + Int(a >> 24)]
          ^ t[3 * 256 + Int(high & 255)] ^ t[2 * 256 + Int(high >> 8 & 255)]
          ^ t[256 + Int(high >> 16 & 255)] ^ t[Int(high >> 24)]
        i += 8
      }
      while i < bytes.count {
        state = state >> 8 ^ t[Int((state ^ UInt32(bytes[i])) & 255)]
        i += 1
      }
    }
    self.state = state
  }

  package mutating func update(_ bytes: [UInt8]) { bytes.withUnsafeBytes { update($0) } }

  /// The check of bytes in memory.
  package func value(of bytes: [UInt8]) -> UInt32 {
    var check = self
    check.update(bytes)
    return check.value
  }
}
