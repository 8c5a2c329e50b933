// Lists the contents of an untrusted tar archive.

extension TarReader {
  /// Calls `found` for every file with the range of its bytes and, without one, for every folder.
  /// Links are followed inside the archive.
  /// - Throws: `FileError` on damage, devices, names and links that leave the archive, or what `found`
  ///   throws
  package func forEachFile(_ found: (String, Range<Int>?) throws -> Void) throws {
    var hasLinks = false
    var entries = 0
    defer { expectReads(atRandom: false) }
    while let (entry, link) = try nextOfAny() {
      entries += 1
      // Between headers of photographs a listing would read everything, of which it needs a page each.
      if entries == Self.sample, range.upperBound - start > Self.sample * Self.farApart {
        expectReads(atRandom: true)
      }
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

  /// Number of entries whose sizes tell those of an archive, and their mean size in bytes above which their
  /// headers are far apart.
  private static let sample = 64
  private static let farApart = 32 << 10
}
