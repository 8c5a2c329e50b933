// Tar archives that depend only on names and contents, so that equal folders have equal archives.

import Glibc

/// Writes POSIX tar: owner 0, time 0, mode 644; pax headers for names that ustar cannot hold.
package struct TarWriter {
  private let file: DurableFile

  /// - Throws: `FileError`
  package init(_ path: String) throws { file = try DurableFile(path) }

  /// Appends a file.
  /// - Parameter name: relative, parts joined by `/`
  /// - Throws: `FileError`
  package func append(_ name: String, _ contents: UnsafeRawBufferPointer) throws {
    try writeEntry(name, type: "0", size: contents.count)
    try file.write(contents)
    try writePadding(contents.count)
  }

  /// Appends a folder.
  /// - Parameter name: like a file's, with `/` at its end
  /// - Throws: `FileError`
  private func append(folder name: String) throws { try writeEntry(name, type: "5", size: 0) }

  /// Writes the end mark and gives the archive its name.
  /// - Throws: `FileError`
  package func commit() throws {
    try file.write([UInt8](repeating: 0, count: 1024))
    try file.commit()
  }

  /// Packs the empty folders, then the files below a folder, both sorted bytewise by path, without
  /// names that begin with a dot.
  /// - Returns: the number of files
  /// - Throws: `FileError`, as `FolderListing`
  @discardableResult
  package static func pack(folder: String, to path: String) throws -> Int {
    let listing = try FolderListing(folder)
    guard !listing.files.isEmpty else { throw FileError("\(folder): holds no files") }
    let writer = try TarWriter(path)
    for name in listing.emptyFolders { try writer.append(folder: name) }
    for file in listing.files {
      let contents = try MappedFile(file.path)
      try writer.append(file.name, contents.bytes)
    }
    try writer.commit()
    return listing.files.count
  }

  private static func paxRecord(_ key: String, _ value: String) -> [UInt8] {
    let body = " \(key)=\(value)\n"
    var length = body.utf8.count + 1
    while String(length).utf8.count + body.utf8.count != length { length += 1 }
    return Array("\(length)\(body)".utf8)
  }

  private func writeEntry(_ name: String, type: Character, size: Int) throws {
    if name.utf8.count > 100 {
      let record = Self.paxRecord("path", name)
      try writeEntry("pax/long", type: "x", size: record.count)
      try file.write(record)
      try writePadding(record.count)
    }
    var header = [UInt8](repeating: 0, count: 512)
    func put(_ text: String, at offset: Int) {
      header.replaceSubrange(offset..<offset + text.utf8.count, with: Array(text.utf8))
    }
    func octal(_ value: Int, digits: Int) -> String {
      let text = String(value, radix: 8)
      return String(repeating: "0", count: digits - text.count) + text
    }
    guard size < 1 << 33 else { throw FileError("\(name): \(size) bytes; tar holds up to 8 GiB") }
    header.replaceSubrange(0..<min(100, name.utf8.count), with: name.utf8.prefix(100))
    put("0000644", at: 100)
    put("0000000", at: 108)
    put("0000000", at: 116)
    put(octal(size, digits: 11), at: 124)
    put("00000000000", at: 136)
    put("        ", at: 148)
    put(String(type), at: 156)
    put("ustar", at: 257)
    put("00", at: 263)
    put(octal(header.reduce(0) { $0 + Int($1) }, digits: 6), at: 148)
    header[154] = 0
    try file.write(header)
  }

  private func writePadding(_ count: Int) throws {
    try file.write([UInt8](repeating: 0, count: (512 - count % 512) % 512))
  }
}
