// Tar archives that depend only on names and contents, so that equal folders have equal archives.

/// Writes a tar file by file.
package struct TarWriter {
  private let file: DurableFile

  /// - Throws: `FileError`
  package init(_ path: String) throws { file = try DurableFile(path) }

  /// Appends a file.
  /// - Parameter name: relative, parts joined by `/`
  /// - Throws: `FileError`
  package func append(_ name: String, _ contents: UnsafeRawBufferPointer) throws {
    try file.write(try TarHeader.entry(name, type: "0", size: contents.count))
    try file.write(contents)
    try file.write(TarHeader.padding(contents.count))
  }

  /// Writes the end mark and gives the archive its name.
  /// - Throws: `FileError`
  package func commit() throws {
    try file.write(TarHeader.endMark)
    try file.commit()
  }

  /// Packs a folder (`FolderTar`).
  /// - Returns: the number of files
  /// - Throws: `FileError`, as `FolderListing`
  @discardableResult
  package static func pack(folder: String, to path: String) throws -> Int {
    let tar = try FolderTar(folder)
    let file = try DurableFile(path)
    let next = tar.pieces(of: 1 << 20)
    while case let piece = try next(), !piece.isEmpty { try file.write(piece) }
    try file.commit()
    return tar.files.count
  }
}
