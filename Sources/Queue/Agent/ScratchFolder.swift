// Folders of attempts, which must not remain after a crash.

import FoundationEssentials
import Glibc
import RunStore

/// The folder of one agent, inside one that all agents of an account on a host share.
///
/// A locked file beside it shows that its agent lives: the lock ends with the process, however it
/// ends. A new agent removes folders whose file nobody has locked.
final class ScratchFolder: Sendable {
  let path: String
  /// The artifacts that all agents of this account on the host keep.
  let cache: ArtifactCache?
  private let lock: Int32

  /// - Parameters:
  ///   - environment: `PRA_HOME`, otherwise `TMPDIR`, gives the place, and `PRA_CACHE` that of the cache
  ///   - cacheQuota: most bytes of the cache; 0 for none, nil for a quarter of its file system
  init(environment: [String: String], cacheQuota: Int64? = 0) throws {
    let root: String
    let besides: String
    if let home = environment["PRA_HOME"], !home.isEmpty {
      (root, besides) = ("\(home)/scratch", "\(home)/cache")
      try Self.make(home, mode: 0o700)
    } else {
      let temporary = environment["TMPDIR"].flatMap { $0.isEmpty ? nil : $0 } ?? "/tmp"
      root = "\(temporary)/pra-scratch-\(getuid())"
      besides = "\(temporary)/pra-cache-\(getuid())"
    }
    try Self.make(root, mode: 0o700)
    let folder = environment["PRA_CACHE"].flatMap { $0.isEmpty ? nil : $0 } ?? besides
    cache = try cacheQuota == 0 ? nil : ArtifactCache(folder: folder, quota: cacheQuota)
    try Self.checkOwner(root)
    Self.removeLeftOver(in: root)
    var number = 0
    while true {
      let path = "\(root)/agent-\(getpid())-\(number)"
      if let lock = try Self.lock("\(path).lock") {
        self.path = path
        self.lock = lock
        break
      }
      number += 1
    }
    removeTree(path)
    try Self.make(path, mode: 0o700)
  }

  deinit {
    removeTree(path)
    unlink("\(path).lock")
    close(lock)
  }

  /// Makes an empty folder: `name`, or with a number behind it where there is one of that name.
  func makeFolder(named name: String) throws(AgentError) -> String {
    var folder = "\(path)/\(name)"
    var number = 1
    while mkdir(folder, 0o700) != 0 {
      guard errno == EEXIST else {
        throw AgentError("\(folder): cannot make this folder: \(systemError())")
      }
      number += 1
      folder = "\(path)/\(name).\(number)"
    }
    return folder
  }

  // MARK: details

  private static func make(_ path: String, mode: mode_t) throws(AgentError) {
    guard mkdir(path, mode) == 0 || errno == EEXIST else {
      throw AgentError("\(path): cannot make this folder: \(systemError())")
    }
  }

  /// In a folder that everybody may write to, somebody else may have created ours first.
  private static func checkOwner(_ path: String) throws(AgentError) {
    var status = stat()
    guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR,
      status.st_uid == geteuid(), status.st_mode & 0o022 == 0
    else {
      throw AgentError("\(path) must be a folder of this account that nobody else may write to")
    }
  }

  private static func removeLeftOver(in root: String) {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
    for name in names where name.hasPrefix("agent-") && name.hasSuffix(".lock") {
      guard let lock = try? lock("\(root)/\(name)") else { continue }  // its agent lives
      removeTree("\(root)/\(name.dropLast(5))")
      unlink("\(root)/\(name)")
      close(lock)
    }
  }

  /// Locks a file; nil if somebody else holds the lock.
  private static func lock(_ path: String) throws(AgentError) -> Int32? {
    let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw AgentError("\(path): cannot be created: \(systemError())") }
    var held = stat()
    var named = stat()
    // Another agent's cleaning may have removed the name between the two calls: then this lock is
    // void.
    guard flock(file, LOCK_EX | LOCK_NB) == 0, fstat(file, &held) == 0, stat(path, &named) == 0,
      held.st_ino == named.st_ino
    else {
      close(file)
      return nil
    }
    return file
  }
}

/// Removes a folder with its contents; it is no error if there is none.
func removeTree(_ path: String) {
  try? FileManager.default.removeItem(atPath: path)
}
