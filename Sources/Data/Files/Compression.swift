// Compressed files, told by their first bytes.

/// Formats of compression and of archives that are not read.
package enum Compression {
  private static let signatures: [(bytes: [UInt8], text: String)] = [
    ([0x1F, 0x8B], "is compressed by gzip; unpack it with gunzip first"),
    (Array("BZh".utf8), "is compressed by bzip2; unpack it with bunzip2 first"),
    ([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0], "is compressed by xz; unpack it with unxz first"),
    ([0x28, 0xB5, 0x2F, 0xFD], "is compressed by zstd; unpack it with unzstd first"),
    ([0x04, 0x22, 0x4D, 0x18], "is compressed by lz4; unpack it with unlz4 first"),
    (Array("LZIP".utf8), "is compressed by lzip; unpack it with lzip -d first"),
    ([0x5D, 0, 0], "is compressed by lzma; unpack it with unlzma first"),
    ([0x1F, 0x9D], "is compressed by compress; unpack it with uncompress first"),
    ([0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C], "is a 7z archive; pack it as a tar or a zip"),
    (Array("Rar!".utf8), "is a RAR archive; pack it as a tar or a zip"),
  ]

  /// A remark on compressed bytes, with the program that unpacks them; nil for other bytes.
  package static func remark(on bytes: UnsafeRawBufferPointer) -> String? {
    signatures.first { bytes.starts(with: $0.bytes) }?.text
  }
}
