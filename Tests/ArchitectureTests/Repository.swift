// The source tree, as read by the tests of its rules.

import Foundation

/// One source file of the repository.
struct SourceFile {
  let path: String
  let text: String

  var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }
}

enum Repository {
  static let root = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// Files under a folder whose names end in one of the suffixes, by path from the root.
  static func files(under folder: String, suffixes: [String]) throws -> [SourceFile] {
    let base = root.appending(path: folder)
    let names = FileManager.default.enumerator(atPath: base.path())?.compactMap { $0 as? String }
    return try (names ?? []).sorted().filter { name in
      suffixes.contains { name.hasSuffix($0) } && !name.hasPrefix(".build")
    }.map { name in
      SourceFile(
        path: "\(folder)/\(name)",
        text: try String(contentsOf: base.appending(path: name), encoding: .utf8))
    }
  }

  static func folders(in folder: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: root.appending(path: folder).path())
      .filter { name in
        var isFolder: ObjCBool = false
        let path = root.appending(path: "\(folder)/\(name)").path()
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
          && isFolder.boolValue
      }.sorted()
  }

  /// The folders of the targets below `Sources`, as in `Sources/Compute/Tensor` and `Sources/pra`.
  static func targetFolders() throws -> [String] {
    try folders(in: "Sources").flatMap { group in
      group == "pra"
        ? ["Sources/pra"] : try folders(in: "Sources/\(group)").map { "Sources/\(group)/\($0)" }
    }
  }

  static func workerFolders() throws -> [String] {
    try folders(in: "workers").map { "workers/\($0)" }
  }
}
