// Names in archives, which may be hostile.

/// Checks the name of an entry.
package enum ArchiveName {
  /// The name without `./` and doubled slashes; a folder's ends with `/`.
  /// - Parameter archive: name of the archive in messages
  /// - Throws: `FileError` if the name leaves the archive or is invalid
  package static func checked(_ name: String, in archive: String) throws -> String {
    guard !name.isEmpty, !name.utf8.contains(0) else {
      throw FileError("\(archive): holds an entry with an empty name")
    }
    guard !name.hasPrefix("/"), !name.utf8.contains(UInt8(ascii: "\\")) else {
      throw FileError(
        name.hasPrefix("/")
          ? "\(archive): '\(name)' is an absolute name; names must be relative"
          : "\(archive): '\(name)' holds a backslash; folders are divided by '/'")
    }
    let parts = name.utf8.split(separator: UInt8(ascii: "/")).map { String($0)! }
    guard !parts.contains("..") else {
      throw FileError("\(archive): '\(name)' leaves the archive; names must not hold '..'")
    }
    let kept = parts.filter { $0 != "." }.joined(separator: "/")
    return name.hasSuffix("/") || kept.isEmpty ? kept + "/" : kept
  }
}
