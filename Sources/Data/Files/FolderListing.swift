// The files below a folder of a disk.

import Glibc

/// Relative paths of what lies below a folder, sorted bytewise, without names that begin with a dot.
///
/// Links are followed where they stay inside the folder. A link that leaves it is refused: whoever
/// packs a folder that somebody else has made must not send what the link points to.
package struct FolderListing {
  /// A file's relative name, and the path of its bytes.
  package typealias File = (name: String, path: String)
  package private(set) var files: [File] = []
  package private(set) var emptyFolders: [String] = []
  private let folder: String
  private let root: String
  private var nestedLinks = 0

  /// Links to folders within folders that links have led to: a few links to folders of links make
  /// billions.
  static let mostNestedLinks = 5000

  private struct Folder {
    /// Empty for the root, otherwise ended by `/`.
    let name: String
    /// Paths without links of the folder and of those around it.
    let chain: [String]
    /// Whether a link has led to it or to a folder around it.
    let isLinked: Bool
  }

  /// - Throws: `FileError`, also on links out of the folder, to nothing and in circles, and on things
  ///   that are neither file nor folder
  package init(_ folder: String) throws {
    self.folder = folder
    root = try Self.resolved(folder) ?? folder
    var pending = [Folder(name: "", chain: [root], isLinked: false)]
    while let next = pending.popLast() { pending += try list(next) }
    files.sort { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    emptyFolders.sort { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  private mutating func list(_ parent: Folder) throws -> [Folder] {
    let names = try Self.entries(of: parent.chain.last!, called: "\(folder)/\(parent.name)")
    if names.isEmpty, !parent.name.isEmpty { emptyFolders.append(parent.name) }
    var folders: [Folder] = []
    for name in names {
      let relative = parent.name + name
      var path = "\(parent.chain.last!)/\(name)"
      var status = stat()
      guard lstat(path, &status) == 0 else {
        throw FileError("\(folder)/\(relative)", "be read", code: errno)
      }
      let isLink = status.st_mode & S_IFMT == S_IFLNK
      if isLink {
        path = try target(of: path, called: relative)
        guard stat(path, &status) == 0 else {
          throw FileError("\(folder)/\(relative)", "be read", code: errno)
        }
      }
      switch status.st_mode & S_IFMT {
      case S_IFREG: files.append((relative, path))
      case S_IFDIR:
        if isLink { try check(relative, to: path, within: parent) }
        folders.append(
          Folder(
            name: relative + "/", chain: parent.chain + [path],
            isLinked: isLink || parent.isLinked))
      default: throw FileError("\(folder)/\(relative): is neither file nor folder")
      }
    }
    return folders
  }

  /// Refuses circles, and links that repeat too much.
  private mutating func check(_ name: String, to path: String, within parent: Folder) throws {
    // A folder around the link, or around the folder that another link has led to.
    let isCircle = parent.chain.contains { $0 == path || $0.hasPrefix("\(path)/") }
    guard !isCircle else {
      throw FileError(
        "\(folder)/\(name): is a link to a folder that holds it, which is a circle; remove it")
    }
    guard parent.isLinked else { return }
    nestedLinks += 1
    guard nestedLinks <= Self.mostNestedLinks else {
      throw FileError(
        "\(folder): more than \(Self.mostNestedLinks) links to folders lie in folders that are links"
      )
    }
  }

  private func target(of path: String, called name: String) throws -> String {
    guard let found = try Self.resolved(path) else {
      throw FileError("\(folder)/\(name): is a link to nothing, or in a circle; remove it")
    }
    guard found == root || found.hasPrefix("\(root)/") || root == "/" else {
      throw FileError(
        "\(folder)/\(name): is a link out of the folder, to \(found); if it is meant, pack the folder "
          + "with tar -chf NAME.tar FOLDER, which follows links, and name the tar")
    }
    return found
  }

  /// The path without links; nil if it leads to nothing.
  private static func resolved(_ path: String) throws -> String? {
    guard let found = realpath(path, nil) else { return nil }
    defer { free(found) }
    return String(cString: found)
  }

  private static func entries(of path: String, called folder: String) throws -> [String] {
    guard let handle = opendir(path) else { throw FileError(folder, "be opened", code: errno) }
    defer { closedir(handle) }
    var names: [String] = []
    while let entry = readdir(handle) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) {
        String(validating: $0.prefix { $0 != 0 }, as: UTF8.self)
      }
      guard let name else { throw FileError("\(folder): holds a name that is not UTF-8") }
      if !name.hasPrefix(".") { names.append(name) }
    }
    return names
  }
}
