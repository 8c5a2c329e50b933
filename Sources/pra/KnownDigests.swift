// Digests of files that this user has read before, so that a large source is hashed once.

import Digest
import Files
import Foundation

/// Remembered results, each in a small file named after the numbers of the file that it belongs to. Losing them
/// costs another reading and nothing else.
enum KnownDigests {
  /// $XDG_CACHE_HOME/pra/digests, by default $HOME/.cache/pra/digests; nil where there is neither.
  private static var folder: String? {
    let environment = ProcessInfo.processInfo.environment
    // XDG Base Directory Specification: a relative path is no path.
    if let cache = environment["XDG_CACHE_HOME"], cache.hasPrefix("/") {
      return "\(cache)/pra/digests"
    }
    return environment["HOME"].flatMap { $0.hasPrefix("/") ? "\($0)/.cache/pra/digests" : nil }
  }

  private static func path(_ identity: String, _ ending: String) -> String? {
    folder.map { "\($0)/\(SHA256.hexadecimal(of: Array(identity.utf8))).\(ending)" }
  }

  /// The digest of the file, or the folder's tar, with this identity.
  static func digest(of identity: String, size: Int64) -> FileDigest? {
    guard let path = path(identity, "sha256"),
      let text = try? String(contentsOfFile: path, encoding: .utf8),
      let found = text.wholeMatch(of: /([0-9a-f]{64})\n/)
    else { return nil }
    return FileDigest(sha256: String(found.1), size: size)
  }

  /// Whether anything is remembered of this identity.
  static func has(_ identity: String) -> Bool {
    ["sha256", "blocks"].contains { ending in
      path(identity, ending).map { access($0, R_OK) == 0 } ?? false
    }
  }

  static func remember(_ digest: FileDigest, of identity: String) {
    save(Array("\(digest.sha256)\n".utf8), path(identity, "sha256"))
  }

  /// The digests of the blocks of the file with this identity.
  static func blocks(of identity: String) -> BlockDigests? {
    guard let path = path(identity, "blocks"), let file = try? MappedFile(path) else { return nil }
    return withExtendedLifetime(file) { try? BlockDigests(parsing: file.bytes, path: path) }
  }

  static func remember(_ blocks: BlockDigests, of identity: String) {
    save(blocks.encoded, path(identity, "blocks"))
  }

  /// A folder that cannot be written keeps nothing from being done.
  private static func save(_ bytes: [UInt8], _ path: String?) {
    guard let path, let folder else { return }
    try? FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true,
      attributes: [.posixPermissions: 0o700])
    guard let file = try? DurableFile(path), (try? file.write(bytes)) != nil else { return }
    try? file.commit()
  }
}
