// Tar archives, read entry by entry: ustar, pax (POSIX.1-2001) and GNU long names.

import Glibc

/// A file or folder of an archive.
package struct TarEntry: Sendable, Equatable {
  /// Path components joined by `/`, without `./`, `..` or a leading `/`.
  package let name: String
  package let isFolder: Bool
  /// Size of a file's contents in bytes.
  package let size: Int
}

/// Reads an archive once, front to back; nothing is unpacked.
package final class TarReader {
  private let file: MappedFile
  /// Name of the archive in messages.
  let path: String
  /// The archive's bytes in the file.
  private let whole: Range<Int>
  private var offset: Int
  private var contents = 0..<0
  /// Whether the last block read was one of an end mark.
  private var isBehindMark = false
  private var end: Int { whole.upperBound }

  /// - Throws: `FileError`
  package convenience init(_ path: String) throws { self.init(try MappedFile(path)) }

  /// - Parameters:
  ///   - range: the archive's bytes in the file; nil for all of it
  ///   - path: name of the archive in messages
  package init(_ file: MappedFile, range: Range<Int>? = nil, called path: String? = nil) {
    self.file = file
    self.path = path ?? file.path
    whole = range ?? 0..<file.bytes.count
    offset = whole.lowerBound
  }

  /// The first byte of the archive in its file.
  var start: Int { whole.lowerBound }

  func expectReads(atRandom: Bool) { file.expectReads(atRandom: atRandom) }

  /// Begins again with the first entry.
  func rewind() { (offset, isBehindMark) = (whole.lowerBound, false) }

  /// Whether the archive ends with an end mark: without one it may have been cut between two entries.
  /// Known after the last entry.
  package var hasEndMark: Bool { isBehindMark }

  /// The range of the contents of the entry that `next` returned last.
  package var range: Range<Int> { contents }

  /// The bytes of a `range`, in any order; valid while the reader lives.
  package func bytes(in range: Range<Int>) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: file.bytes[range])
  }

  /// The contents of the entry that `next` returned last.
  package var bytes: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: file.bytes[contents])
  }

  /// The next file or folder, or nil after the last one. Archives laid end to end are read as one, and
  /// the last end mark may be missing, as for GNU tar.
  /// - Throws: `FileError` on a truncated or damaged archive, links, devices and names that leave it
  package func next() throws -> TarEntry? {
    guard let (entry, link) = try nextOfAny() else { return nil }
    if link != nil {
      throw FileError("\(path): '\(entry.name)' is a link; put the file itself into the archive")
    }
    return entry
  }

  /// The target of a link, seen from the link's folder, or from the archive if it is hard.
  typealias Link = (target: String, isHard: Bool)

  func nextOfAny() throws -> (entry: TarEntry, link: Link?)? {
    var long: (name: String?, target: String?)
    var records: [String: String] = [:]
    while let header = try nextHeader(
      isFirst: long.name == nil && long.target == nil && records.isEmpty)
    {
      let kind = header[156]
      let size = try records["size"].map(paxSize) ?? number(header, 124..<136, "size")
      guard size >= 0, size <= end - offset else {
        throw FileError(
          "\(path): truncated: an entry at byte \(offset - 512) has \(size) bytes, "
            + "\(end - offset) remain")
      }
      contents = offset..<offset + size
      let padded = (size + 511) / 512 * 512
      guard padded <= end - offset else {
        throw FileError("\(path): truncated: the padding of an entry is missing")
      }
      offset += padded

      switch kind {
      case UInt8(ascii: "x"), UInt8(ascii: "X"): records = try paxRecords(bytes)
      case UInt8(ascii: "g"): _ = try paxRecords(bytes)  // defaults for all; no path is ever in it
      case UInt8(ascii: "L"): long.name = try text(bytes.prefix { $0 != 0 })
      case UInt8(ascii: "K"): long.target = try text(bytes.prefix { $0 != 0 })
      case UInt8(ascii: "V"): break  // GNU tar's name of the volume
      default:
        let name = try ArchiveName.checked(
          records["path"] ?? long.name ?? shortName(header), in: path)
        let target = records["linkpath"] ?? long.target
        return try entry(kind, name, size: size) {
          try target ?? text(header[157..<257].prefix { $0 != 0 })
        }
      }
    }
    return nil
  }

  private func entry(
    _ kind: UInt8, _ name: String, size: Int, target: () throws -> String
  ) throws -> (TarEntry, Link?) {
    let isFolder = name.hasSuffix("/")
    let plain = isFolder ? String(name.dropLast()) : name
    switch kind {
    case UInt8(ascii: "0"), 0, UInt8(ascii: "7"):
      return (TarEntry(name: plain, isFolder: isFolder, size: isFolder ? 0 : size), nil)
    case UInt8(ascii: "5"), UInt8(ascii: "D"):  // D: a folder of GNU tar's incremental dumps
      return (TarEntry(name: plain, isFolder: true, size: 0), nil)
    case UInt8(ascii: "1"), UInt8(ascii: "2"):
      let link = (try target(), kind == UInt8(ascii: "1"))
      return (TarEntry(name: plain, isFolder: false, size: 0), link)
    default:
      throw FileError("\(path): '\(name)' is neither file nor folder (type byte \(kind))")
    }
  }

  /// The next header behind any number of end marks; nil at the end of the archive.
  /// - Parameter isFirst: whether no other header belongs to this one
  private func nextHeader(isFirst: Bool) throws -> UnsafeRawBufferPointer? {
    while offset < end {
      let rest = UnsafeRawBufferPointer(rebasing: file.bytes[offset..<min(end, offset + 512)])
      if rest.allSatisfy({ $0 == 0 }) {
        guard isFirst else { throw damaged("an end mark where an entry is announced") }
        offset += rest.count
        isBehindMark = true
        continue
      }
      if offset == whole.lowerBound, rest.count < 512 || (try? checkSum(of: rest)) == nil,
        let compressed = Compression.remark(on: rest)
      {
        throw FileError("\(path): \(compressed)")
      }
      guard rest.count == 512 else {
        throw FileError("\(path): truncated after \(end) bytes, within the header of an entry")
      }
      offset += 512
      do {
        try checkSum(of: rest)
      } catch  where isBehindMark {
        throw FileError(
          "\(path): bytes behind its end mark, at \(offset - 512), begin no other tar archive")
      }
      isBehindMark = false
      return rest
    }
    guard isFirst else {
      throw FileError("\(path): truncated after \(end) bytes, in front of an entry")
    }
    guard end > whole.lowerBound else { throw FileError("\(path): is empty; expected an archive") }
    return nil
  }

  private func damaged(_ what: String) -> FileError {
    FileError("\(path): is no tar archive or damaged at byte \(offset): \(what)")
  }

  private func checkSum(of header: UnsafeRawBufferPointer) throws {
    var sum = 0
    for (i, byte) in header.enumerated() { sum += (148..<156).contains(i) ? 32 : Int(byte) }
    guard try number(header, 148..<156, "checksum") == sum else {
      throw damaged("the checksum of a header does not fit")
    }
  }

  /// Octal digits, or GNU's base 256 where the first bit is set.
  private func number(
    _ header: UnsafeRawBufferPointer, _ range: Range<Int>, _ field: String
  ) throws -> Int {
    let bytes = header[range]
    if bytes.first! & 0x80 != 0 {
      var value = Int(bytes.first! & 0x7F)
      for byte in bytes.dropFirst() {
        guard value < 1 << 54 else { throw damaged("its \(field) is too large") }
        value = value << 8 | Int(byte)
      }
      return value
    }
    let digits = bytes.drop { $0 == 32 }.prefix { $0 != 0 && $0 != 32 }
    guard digits.count <= 12 else { throw damaged("its \(field) is no number") }
    var value = 0
    for digit in digits {
      guard (48...55).contains(digit) else { throw damaged("its \(field) is no octal number") }
      value = value << 3 | Int(digit - 48)
    }
    return value
  }

  private func paxSize(_ text: String) throws -> Int {
    guard let size = Int(text), size >= 0 else { throw damaged("a pax size of '\(text)'") }
    return size
  }

  /// Records "<length> <key>=<value>\n"; the length counts the whole record.
  private func paxRecords(_ bytes: UnsafeRawBufferPointer) throws -> [String: String] {
    var records: [String: String] = [:]
    var rest = bytes[...]
    while let first = rest.first, first != 0 {
      let digits = rest.prefix { (48...57).contains($0) }
      guard digits.count <= 9, let length = Int(try text(digits)), length <= rest.count,
        length > digits.count + 2, rest[rest.startIndex + digits.count] == 32,
        rest[rest.startIndex + length - 1] == 10
      else { throw damaged("a pax record") }
      let body = rest[rest.startIndex + digits.count + 1..<rest.startIndex + length - 1]
      guard let equals = body.firstIndex(of: UInt8(ascii: "=")) else {
        throw damaged("a pax record without '='")
      }
      let key = try text(body[..<equals])
      guard !key.hasPrefix("GNU.sparse") else {
        throw FileError("\(path): holds a sparse file; pack it without --sparse")
      }
      if key == "path" || key == "size" || key == "linkpath" {
        records[key] = try text(body[body.index(after: equals)...])
      }
      rest = rest[(rest.startIndex + length)...]
    }
    return records
  }

  private func shortName(_ header: UnsafeRawBufferPointer) throws -> String {
    let name = try text(header[0..<100].prefix { $0 != 0 })
    let isPOSIX = header[257..<263].elementsEqual(Array("ustar".utf8) + [0])
    let prefix = isPOSIX ? try text(header[345..<500].prefix { $0 != 0 }) : ""
    return prefix.isEmpty ? name : "\(prefix)/\(name)"
  }

  private func text(_ bytes: some Sequence<UInt8>) throws -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw FileError(
        "\(path): holds a name that is not UTF-8, at byte \(offset); pack it where names are UTF-8")
    }
    return text
  }
}
