// Lists the contents of an untrusted zip archive.

extension ZipArchive {
  /// Calls `found` for every file and, without an entry, for every folder, with checked names.
  ///
  /// No two entries may share bytes: a zip of many entries over the same bytes grows without bounds
  /// when it is read (Fifield 2019, "A better zip bomb").
  /// - Parameter title: name of the archive in messages
  /// - Throws: `FileError` on damage, names that leave the archive, links and foreign methods
  package static func forEachFile(
    of file: MappedFile, called title: String, _ found: (String, Entry?) throws -> Void
  ) throws {
    var extents: [Range<Int>] = []
    let directory = try forEachEntry(of: file, called: title) { entry in
      let name = try ArchiveName.checked(entry.name, in: title)
      guard !entry.isLink else {
        throw FileError("\(title): '\(name)' is a link; put the file itself into the archive")
      }
      extents.append(entry.extent)
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
  }
}
