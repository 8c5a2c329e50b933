// Lists the contents of an untrusted zip archive.

extension ZipArchive {
  /// Calls `found` for every file and, without an entry, for every folder, with checked names. Links are
  /// followed inside the archive; a backslash divides folders, as programs for Windows write it.
  ///
  /// No two entries may share bytes: a zip of many entries over the same bytes grows without bounds
  /// when it is read (Fifield 2019, "A better zip bomb").
  /// - Parameters:
  ///   - range: the archive's bytes in the file; nil for all
  ///   - title: name of the archive in messages
  /// - Throws: `FileError` on damage, names and links that leave the archive, and foreign methods
  package static func forEachFile(
    of file: MappedFile, in range: Range<Int>? = nil, called title: String,
    _ found: (String, Entry?) throws -> Void
  ) throws {
    var extents: [Range<Int>] = []
    var hasLinks = false
    let directory = try forEachEntry(of: file, in: range, called: title) { entry in
      extents.append(entry.extent)
      if entry.isLink {
        hasLinks = true
        return
      }
      let name = try checkedName(of: entry, title)
      if name.hasSuffix("/") {
        try found(String(name.dropLast()), nil)
        return
      }
      guard entry.method == 0 || entry.method == 8 else {
        throw FileError(
          "\(title): '\(name)' is compressed by method \(entry.method); stored and deflate are read"
        )
      }
      guard entry.method == 8 || entry.size == entry.compressedSize else {
        throw FileError(
          "\(title): '\(name)' is stored in \(entry.compressedSize) bytes but claims \(entry.size)")
      }
      try found(name, entry)
    }
    extents.sort { $0.lowerBound < $1.lowerBound }
    for i in extents.indices {
      let next = i + 1 < extents.count ? extents[i + 1].lowerBound : directory
      guard extents[i].upperBound <= next else {
        throw FileError(
          "\(title): damaged or hostile zip: entries overlap at byte \(extents[i].lowerBound)")
      }
    }
    if hasLinks { try followLinks(of: file, in: range, title, found) }
  }

  private static func checkedName(of entry: Entry, _ title: String) throws -> String {
    let name =
      entry.name.utf8.contains(UInt8(ascii: "\\"))
      ? entry.name.replacing("\\", with: "/") : entry.name
    return try ArchiveName.checked(name, in: title)
  }

  private static func followLinks(
    of file: MappedFile, in range: Range<Int>?, _ title: String,
    _ found: (String, Entry?) throws -> Void
  ) throws {
    var links = ArchiveLinks<Entry>(archive: title)
    try forEachEntry(of: file, in: range, called: title) { entry in
      let name = try checkedName(of: entry, title)
      if entry.isLink {
        // Longer than any path of Linux (PATH_MAX).
        let target = try withBytes(of: entry, in: file, called: title, most: 4096) {
          String(decoding: $0, as: UTF8.self)
        }
        links.add(link: name, to: target, isHard: false)
      } else if name.hasSuffix("/") {
        links.add(folder: String(name.dropLast()))
      } else {
        links.add(file: name, entry)
      }
    }
    try links.follow(found)
  }
}
