// A file of images on disk: a tar or a zip.

import Files

/// An archive and its name in messages.
package struct SourceArchive: Sendable {
  package let path: String
  package let name: String
  /// Folder, components joined by `/`, in which its names are taken to lie: a shard may stand for a
  /// folder.
  package let folder: String
  /// The digests by which its bytes are checked where it is read in place; nil for a file that was checked as a whole.
  let digests: BlockDigests?

  package init(
    path: String, name: String? = nil, folder: String = "", digests: BlockDigests? = nil
  ) {
    (self.path, self.name, self.folder) = (path, name ?? path, folder)
    self.digests = digests
  }
}

/// The position of a file's bytes in an archive.
struct StoredFile {
  /// Number of the archive.
  let archive: Int
  /// Offset of the first byte in a tar, of the local header in a zip.
  let place: Int
  /// Size in the archive, in bytes.
  let stored: Int
  /// Size of the file, in bytes.
  let size: Int
  let crc: UInt32
  let method: Method

  enum Method: UInt8 {
    /// Not compressed, as in a tar.
    case plain
    case zipStored
    case zipDeflated
  }
}

/// The archives of one source, open.
struct OpenArchives {
  private let checked: [CheckedFile]
  let names: [String]
  /// Folder in which each archive's names are taken to lie.
  let folders: [[String]]

  /// Larger than any photograph's file, and the limit of an inflated entry.
  private static let mostFileBytes = 1 << 28

  /// - Throws: `FileError`
  init(_ archives: [SourceArchive]) throws {
    checked = try archives.map {
      try CheckedFile($0.path, called: $0.name, digests: $0.digests)
    }
    names = archives.map(\.name)
    folders = archives.map { $0.folder.split(separator: "/").map(String.init) }
  }

  /// Calls `found` with every file and folder of every archive, in their order there.
  /// - Parameter remark: called with a sentence about an archive that may be cut
  /// - Throws: `FileError` on damage and on names that leave the archive, or what `found` throws
  func visit(_ found: (Item) throws -> Void, remark: (String) -> Void) throws {
    for archive in checked.indices {
      if Self.isZip(checked[archive].file.bytes) {
        try forEachOfZip(archive, in: nil, called: names[archive], found)
      } else {
        let reader = TarReader(checked[archive].file, called: names[archive])
        try forEachOfTar(archive, reader, found)
        if !reader.hasEndMark {
          remark("\(names[archive]) has no end mark: files may be missing behind its last one")
        }
      }
    }
  }

  /// The first bytes of a file, as far as it has them.
  func start(of file: StoredFile, called name: String) throws -> [UInt8] {
    let count = 32
    try check(file)
    if file.method == .plain {
      return Array(
        checked[file.archive].file.bytes[file.place..<file.place + min(count, file.stored)])
    }
    return try ZipArchive.prefix(
      of: entry(file, name), count, in: checked[file.archive].file, called: names[file.archive])
  }

  /// Calls `found` with every file and folder of a tar or zip within an archive.
  /// - Throws: `FileError`, also on one that is compressed within a zip, where no file in it has a place
  func visit(within file: StoredFile, called name: String, _ found: (Item) throws -> Void) throws {
    let (whole, title) = (checked[file.archive].file, "\(names[file.archive]): \(name)")
    guard file.method != .zipDeflated else {
      throw FileError(
        "\(title): is an archive that is compressed within a zip; unpack the zip, or pack it with zip -0"
      )
    }
    let range =
      file.method == .plain
      ? file.place..<file.place + file.stored
      : try ZipArchive.place(of: entry(file, name), in: whole, called: names[file.archive])
    if Self.isZip(UnsafeRawBufferPointer(rebasing: whole.bytes[range])) {
      try forEachOfZip(file.archive, in: range, called: title, found)
    } else {
      try forEachOfTar(file.archive, TarReader(whole, range: range, called: title), found)
    }
  }

  private static func isZip(_ bytes: UnsafeRawBufferPointer) -> Bool {
    bytes.starts(with: [0x50, 0x4B, 3, 4]) || bytes.starts(with: [0x50, 0x4B, 5, 6])
  }

  /// The bytes of a file.
  /// - Throws: `FileError` if they are not what the archive promises
  func withBytes<T>(
    _ file: StoredFile, called name: String, _ body: (UnsafeRawBufferPointer) throws -> T
  ) throws -> T {
    try check(file)
    if file.method == .plain {
      return try body(
        UnsafeRawBufferPointer(
          rebasing: checked[file.archive].file.bytes[file.place..<file.place + file.stored]))
    }
    return try ZipArchive.withBytes(
      of: entry(file, name), in: checked[file.archive].file, called: names[file.archive],
      most: Self.mostFileBytes, body)
  }

  /// Whether a file that another process has found lies in these archives.
  func hold(_ file: StoredFile) -> Bool {
    guard checked.indices.contains(file.archive) else { return false }
    let bytes = checked[file.archive].file.bytes.count
    return file.place <= bytes && file.stored <= bytes - file.place
  }

  private func check(_ file: StoredFile) throws {
    // A zip's entry has a header and a name before its bytes, of which only the largest size is known.
    let ahead = file.method == .plain ? 0 : ZipArchive.mostHeaderBytes
    try checked[file.archive].check(file.place..<file.place + ahead + file.stored)
  }

  private func entry(_ file: StoredFile, _ name: String) -> ZipArchive.Entry {
    ZipArchive.Entry(
      name: name, method: file.method == .zipStored ? 0 : 8, compressedSize: file.stored,
      size: file.size, crc: file.crc, header: file.place)
  }

  /// A file or folder.
  struct Item {
    let name: String
    /// Number of the archive.
    let archive: Int
    /// Nil for a folder.
    let file: StoredFile?
  }

  private func forEachOfTar(
    _ archive: Int, _ reader: TarReader, _ found: (Item) throws -> Void
  ) throws {
    try reader.forEachFile { name, range in
      let file = range.map {
        StoredFile(
          archive: archive, place: $0.lowerBound, stored: $0.count, size: $0.count, crc: 0,
          method: .plain)
      }
      try found(Item(name: name, archive: archive, file: file))
    }
  }

  private func forEachOfZip(
    _ archive: Int, in range: Range<Int>?, called title: String, _ found: (Item) throws -> Void
  ) throws {
    try ZipArchive.forEachFile(of: checked[archive].file, in: range, called: title) { name, entry in
      guard let entry else {
        try found(Item(name: name, archive: archive, file: nil))
        return
      }
      let file = StoredFile(
        archive: archive, place: entry.header, stored: entry.compressedSize, size: entry.size,
        crc: entry.crc, method: entry.method == 0 ? .zipStored : .zipDeflated)
      try found(Item(name: name, archive: archive, file: file))
    }
  }
}
