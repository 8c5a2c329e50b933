// Headers of tar archives that depend only on names and sizes.

/// POSIX tar: owner 0, time 0, mode 644; pax headers for names that ustar cannot hold.
enum TarHeader {
  static let block = 512
  /// Two blocks of zeros end an archive.
  static let endMark = [UInt8](repeating: 0, count: 2 * block)

  /// The header of an entry, with the pax entry that it may need before it.
  /// - Parameter type: `0` for a file, `5` for a folder, whose name ends with `/`
  /// - Throws: `FileError` for a file that is too large
  static func entry(_ name: String, type: Character, size: Int) throws -> [UInt8] {
    var bytes: [UInt8] = []
    if name.utf8.count > 100 {
      let record = paxRecord("path", name)
      bytes += try entry("pax/long", type: "x", size: record.count)
      bytes += record + padding(record.count)
    }
    var header = [UInt8](repeating: 0, count: block)
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
    return bytes + header
  }

  /// The zeros that fill the last block of so many bytes.
  static func padding(_ count: Int) -> [UInt8] {
    [UInt8](repeating: 0, count: (block - count % block) % block)
  }

  private static func paxRecord(_ key: String, _ value: String) -> [UInt8] {
    let body = " \(key)=\(value)\n"
    var length = body.utf8.count + 1
    while String(length).utf8.count + body.utf8.count != length { length += 1 }
    return Array("\(length)\(body)".utf8)
  }
}
