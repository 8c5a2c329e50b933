// Little-endian numbers of a file's bytes.

/// Numbers at places that are checked.
package struct ByteReader {
  package let bytes: UnsafeRawBufferPointer
  package let path: String

  /// - Parameter path: what messages call the file
  package init(_ bytes: UnsafeRawBufferPointer, path: String) {
    self.bytes = bytes
    self.path = path
  }

  /// - Throws: `FileError`, as all of these, where the file is too short
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

  /// A 64-bit number that counts bytes or elements.
  package func int64(_ at: Int) throws -> Int {
    let value = UInt64(littleEndian: try slice(at, 8).loadUnaligned(as: UInt64.self))
    guard let number = Int(exactly: value) else {
      throw FileError("\(path): damaged: \(value) at byte \(at) is no size")
    }
    return number
  }
}
