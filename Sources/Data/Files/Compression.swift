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

extension Compression {
  /// Endings of archives that are compressed as a whole, or of formats that are not read.
  private static let archives = [
    ".tgz", ".taz", ".tbz", ".tbz2", ".tb2", ".tz2", ".txz", ".tlz", ".tzst", ".tlz4", ".7z",
    ".rar",
  ]
  /// Endings of a single compressed file.
  private static let compressed = [
    ".gz", ".bz2", ".xz", ".zst", ".zstd", ".lz4", ".lz", ".lzma", ".z",
  ]
  /// Endings in front of these that say that there is one file inside, and that it is no picture.
  private static let documents: Set<String> = [
    "json", "jsonl", "ndjson", "csv", "tsv", "txt", "log", "md", "xml", "yaml", "yml", "html",
    "sql",
    "npy", "pkl", "pickle", "parquet", "pt", "pth", "safetensors", "svg", "ckpt", "h5", "mat",
  ]

  /// Whether a file of this name that is compressed holds files of its own: an archive, or what may be one.
  package static func isArchive(named name: String) -> Bool {
    let name = name.lowercased()
    if archives.contains(where: name.hasSuffix) { return true }
    guard let ending = compressed.first(where: name.hasSuffix) else { return false }
    let stem = name.dropLast(ending.count)
    let inner = stem.split(separator: ".", omittingEmptySubsequences: false)
    return inner.count < 2 || !documents.contains(String(inner.last!))
  }

  /// A remark on an archive that is not read, by its name and first bytes; nil for any other file.
  package static func remark(
    onArchive name: String, _ bytes: UnsafeRawBufferPointer
  ) -> String? {
    guard let remark = remark(on: bytes) else { return nil }
    let isContainer = remark.hasSuffix("pack it as a tar or a zip")
    return isContainer || isArchive(named: name) ? remark : nil
  }
}

extension FolderTar {
  /// The first archive among the files that nobody would read, so that its images would be missing: its name in the
  /// folder, and a remark on it.
  /// - Throws: `FileError`
  package func unreadArchive() throws -> (name: String, remark: String)? {
    for file in files where Compression.isArchive(named: file.name) {
      let bytes = try MappedFile(file.path)
      if let remark = Compression.remark(onArchive: file.name, bytes.bytes) {
        return (file.name, remark)
      }
    }
    return nil
  }
}
