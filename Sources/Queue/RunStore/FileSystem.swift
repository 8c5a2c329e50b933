// The file systems on which caches and stores lie.

import FoundationEssentials
import Glibc

package enum FileSystem {
  /// Types of file systems that are on other machines, as proc(5) names them, or their beginnings: what lies there
  /// is copied before it is read at random.
  private static let remote = [
    "nfs", "cifs", "smb", "ceph", "afs", "coda", "lustre", "gpfs", "beegfs", "pvfs2", "orangefs",
    "9p", "fuse.", "fuse",
  ]

  /// Whether a file lies on another machine; true where nobody can tell.
  package static func isRemote(_ path: String) -> Bool {
    guard let resolved = realpath(path, nil) else { return true }
    defer { free(resolved) }
    guard let type = type(of: String(cString: resolved)) else { return true }
    return remote.contains { type == $0 || $0.count > 2 && type.hasPrefix($0) }
  }

  /// The type of the file system of the mount that a path lies below. Of several at one place the last one counts.
  private static func type(of path: String) -> String? {
    guard let mounts = try? String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8) else {
      return nil
    }
    var found: (place: Int, type: String)?
    for line in mounts.split(separator: "\n") {
      // proc(5): number, parent, device, root, place, options, further fields, -, type, source.
      let words = line.split(separator: " ")
      guard words.count > 6, let dash = words.dropFirst(6).firstIndex(of: "-"),
        dash + 1 < words.count
      else { continue }
      let place = words[4].replacing("\\040", with: " ")
      guard place == "/" || path == place || path.hasPrefix("\(place)/") else { continue }
      if place.utf8.count >= found?.place ?? 0 {
        found = (place.utf8.count, String(words[dash + 1]))
      }
    }
    return found?.type
  }

  /// Bytes that an account may still write below a path, and those of the whole file system; nil if nobody
  /// can tell.
  package static func room(_ path: String) -> (free: Int64, size: Int64)? {
    var status = statvfs()
    guard statvfs(path, &status) == 0 else { return nil }
    let block = Int64(status.f_frsize)
    return (Int64(status.f_bavail) * block, Int64(status.f_blocks) * block)
  }
}
