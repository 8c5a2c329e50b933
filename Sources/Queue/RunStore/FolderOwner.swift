// The owner of a folder: the mark in it, and the folders that are no place for a store.

import FoundationEssentials
import Glibc

extension FileStore {
  private var markPath: String { "\(root)/\(StoreMark.name)" }

  mutating func mark() throws -> String? {
    guard access(markPath, F_OK) == 0 || errno != ENOENT else {
      guard access(root, F_OK) == 0 else { throw away }
      return nil
    }
    return try asked {
      let file = try FileBytes(reading: markPath)
      var buffer = [UInt8](repeating: 0, count: 4096)
      return String(decoding: buffer[..<(try file.read(into: &buffer))], as: UTF8.self)
    }
  }

  var away: StoreAway {
    StoreAway("store file:\(root): there is no such folder; make or mount it first")
  }

  /// A mark appears with its text or not at all, and the first one stays.
  mutating func write(mark text: String, replacing: Bool) throws -> Bool {
    try asked { try publish(mark: text, replacing: replacing) }
  }

  private func publish(mark text: String, replacing: Bool) throws -> Bool {
    let partial = "\(root)/.\(StoreMark.name)~\(getpid()).\(UInt32.random(in: 0 ... .max))"
    defer { unlink(partial) }
    let file = try FileBytes(creating: partial)
    try file.write(Array(text.utf8))
    try file.sync()
    // Others shall see whose it is.
    guard chmod(partial, 0o644) == 0 else { throw FileBytes.failure("set the mode of", partial) }
    if replacing {
      guard rename(partial, markPath) == 0 else { throw FileBytes.failure("create", markPath) }
    } else if link(partial, markPath) != 0 {
      let code = errno
      if code == EEXIST { return false }
      guard [EPERM, EOPNOTSUPP, ENOSYS, EMLINK].contains(code) else {
        throw FileBytes.failure("create", markPath, code)
      }
      // A file system without links.
      guard access(markPath, F_OK) != 0 else { return false }
      let direct = try FileBytes(creating: markPath)
      try direct.write(Array(text.utf8))
      try direct.sync()
    }
    try Self.syncFolder(root)
    return true
  }

  /// Folders that hold an operating system, with all that lies in them.
  private static let systemTrees = [
    "/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/proc", "/run",
    "/sbin",
    "/sys", "/usr",
  ]
  /// Folders of an operating system in which others have theirs.
  private static let systemFolders = [
    "/", "/home", "/media", "/mnt", "/opt", "/root", "/srv", "/tmp", "/var", "/var/backups",
    "/var/cache", "/var/lib", "/var/local", "/var/log", "/var/mail", "/var/opt", "/var/spool",
    "/var/tmp",
  ]
  /// Names that file systems put into every folder of theirs.
  private static let fileSystemNames: Set<String> = ["lost+found", ".snapshot", ".zfs"]

  mutating func requireFree(isKnown: Bool) throws {
    guard let resolved = realpath(root, nil) else { throw away }
    defer { free(resolved) }
    let path = String(cString: resolved)
    func refuse(_ reason: String) -> StoreError {
      StoreError(
        "store file:\(root): \(reason); make an empty folder for the store, as in file:/srv/pra-artifacts"
      )
    }
    if Self.systemFolders.contains(path)
      || Self.systemTrees.contains(where: { path == $0 || path.hasPrefix("\($0)/") })
    {
      throw refuse("it is a folder of the system")
    }
    var folder = path
    while let slash = folder.lastIndex(of: "/"), slash != folder.startIndex {
      if access("\(folder)/PG_VERSION", F_OK) == 0 {
        throw refuse("\(folder) holds the data of a PostgreSQL server")
      }
      folder = String(folder[..<slash])
      if access("\(folder)/\(StoreMark.name)", F_OK) == 0 {
        throw refuse("it lies within the store file:\(folder)")
      }
    }
    var status = stat()
    guard stat(path, &status) == 0 else { throw FileBytes.failure("look at", path) }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      throw StoreError("store file:\(root): it is no folder")
    }
    // Objects of this database may lie there already.
    if isKnown { return }
    guard status.st_uid == geteuid() else {
      throw refuse("it belongs to \(Self.user(status.st_uid)), and this is \(Self.user(geteuid()))")
    }
    let names = try FileManager.default.contentsOfDirectory(atPath: path)
      .filter { !Self.fileSystemNames.contains($0) && !$0.hasPrefix(".nfs") }
    guard names.isEmpty else {
      throw refuse("it is not empty (\(names.sorted()[0])) and no store of this database")
    }
  }

  private static func user(_ id: uid_t) -> String {
    getpwuid(id).map { String(cString: $0.pointee.pw_name) } ?? "user \(id)"
  }
}
