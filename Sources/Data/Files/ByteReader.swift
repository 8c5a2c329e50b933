// Reads little-endian numbers from a file's bytes.

/// Numbers at offsets, which are checked.
package struct ByteReader {
  package let bytes: UnsafeRawBufferPointer
  package let path: String

  /// - Parameter path: name of the file in messages
  package init(_ bytes: UnsafeRawBufferPointer, path: String) {
    self.bytes = bytes
    self.path = path
  }

  /// - Throws: `FileError` if the file is too short, as do all functions here
  package func slice(_ start: Int, _ count: Int) throws -> UnsafeRawBufferPointer {
    guard start >= 0, count >= 0, start <= bytes.count, count <= bytes.count - start else {
      throw FileError(
        "\(path): truncated: \(count) bytes at \(start) of \(bytes.count) are needed")
    }
    return UnsafeRawBufferPointer(rebasing: bytes[start..<start + count])
  }

  package func u16(_ at: Int) throws -> UInt16 {
    UInt16(littleEndian: try slice(at, 2).loadUnaligned(as: UInt16.self))
  }

  package func u32(_ at: Int) throws -> UInt32 {
    UInt32(littleEndian: try slice(at, 4).loadUnaligned(as: UInt32.self))
  }

  /// A 64-bit count of bytes or elements.
  package func int64(_ at: Int) throws -> Int {
    let value = UInt64(littleEndian: try slice(at, 8).loadUnaligned(as: UInt64.self))
    guard let number = Int(exactly: value) else {
      throw FileError("\(path): damaged: \(value) at byte \(at) is no size")
    }
    return number
  }
}
