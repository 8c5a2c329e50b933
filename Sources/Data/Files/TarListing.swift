// Lists the contents of an untrusted tar archive.

extension TarReader {
  /// Calls `found` for every file with the range of its bytes and, without one, for every folder.
  /// Links are followed inside the archive.
  /// - Throws: `FileError` on damage, devices, names and links that leave the archive, or what `found`
  ///   throws
  package func forEachFile(_ found: (String, Range<Int>?) throws -> Void) throws {
    var hasLinks = false
    while let (entry, link) = try nextOfAny() {
      if link != nil {
        hasLinks = true
      } else {
        try found(entry.name, entry.isFolder ? nil : range)
      }
    }
    guard hasLinks else { return }
    var links = ArchiveLinks<Range<Int>>(archive: path)
    rewind()
    while let (entry, link) = try nextOfAny() {
      if let link {
        links.add(link: entry.name, to: link.target, isHard: link.isHard)
      } else if entry.isFolder {
        links.add(folder: entry.name)
      } else {
        links.add(file: entry.name, range)
      }
    }
    try links.follow(found)
  }
}
