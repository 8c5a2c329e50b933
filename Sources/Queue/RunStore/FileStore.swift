// Artifacts as files of a folder that all machines share.

import Files
import FoundationEssentials
import Glibc
import JobQueue

/// `file:/folder`: complete files with the names sha256/ab/cd/abcd...
struct FileStore: ObjectStore {
  let root: String

  init(_ location: String) throws(StoreError) {
    let path = location.dropFirst("file:".count)
    guard path.hasPrefix("/"), path.count > 1, !path.split(separator: "/").contains("..") else {
      throw StoreError("store \"\(location)\": expected file:/folder with an absolute path")
    }
    root = String(path)
  }

  mutating func put(
    _ artifact: Artifact, as object: String, next: () throws -> [UInt8],
    note: (String) throws -> Void
  ) throws {
    _ = try asked {
      try publish(object) { partial in
        var file = try NewFile(partial)
        var written: Int64 = 0
        while written < artifact.size {
          let piece = try next()
          try file.write(piece)
          written += Int64(piece.count)
        }
        try file.sync()
        return true
      }
    }
  }

  /// Copies a file into the store's folder before its name is known, and hashes it at the same
  /// time.
  /// - Returns: the copy's path, for `adopt`; the caller deletes the copy afterwards
  func receive(_ source: String, _ meter: CopyMeter) throws -> (path: String, digest: FileDigest) {
    try asked {
      let folder = try makeFolder([Self.objects])
      let path = "\(folder)/\(Self.incoming)\(getpid()).\(UInt32.random(in: 0 ... .max))"
      do {
        return (path, try HashedCopy.run(from: source, to: path, meter))
      } catch {
        unlink(path)
        throw error
      }
    }
  }

  /// Temporary copies of killed processes: those into which nobody has written for a day.
  private var abandoned: [String] {
    let folder = "\(root)/\(Self.objects)"
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.filter { $0.hasPrefix(Self.incoming) }.map { "\(folder)/\($0)" }.filter {
      var status = stat()
      return stat($0, &status) == 0 && Int(status.st_mtim.tv_sec) < time(nil) - 24 * 3600
    }
  }

  var hasAbandoned: Bool { !abandoned.isEmpty }

  func removeAbandoned() {
    for path in abandoned { unlink(path) }
  }

  static let objects = "sha256"
  private static let incoming = ".incoming."

  mutating func adopt(_ artifact: Artifact, as object: String, file path: String) throws -> Bool {
    try asked {
      try publish(object) { partial in
        // A link to a link of a cache would be an object without bytes.
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return false }
        // There are no links between file systems, nor on every file system.
        guard link(path, partial) == 0 else { return false }
        guard chmod(partial, 0o600) == 0 else {
          throw FileBytes.failure("set the mode of", partial)
        }
        try FileBytes(reading: partial).sync()
        return true
      }
    }
  }

  /// Writes a file under a temporary name and renames it.
  /// - Parameter make: writes a durable file to a path, or returns false if it cannot
  /// - Returns: what `make` returned
  private func publish(_ object: String, _ make: (String) throws -> Bool) throws -> Bool {
    let folder = try makeFolder(
      [Self.objects, String(object.prefix(2)), String(object.dropFirst(2).prefix(2))])
    // In the same folder, so that the rename is atomic; unique, since another process may write the
    // same bytes.
    let partial = "\(folder)/\(Self.partial(object))\(getpid()).\(UInt32.random(in: 0 ... .max))"
    do {
      guard try make(partial) else { return false }
    } catch {
      unlink(partial)
      throw error
    }
    let path = "\(folder)/\(object)"
    // Another writer of the same bytes was first, and has deleted this file as a killed writer's.
    let isOvertaken = { errno == ENOENT && access(path, F_OK) == 0 }
    guard rename(partial, path) == 0 || isOvertaken() else {
      let failure = FileBytes.failure("create", path)
      unlink(partial)
      throw failure
    }
    Self.removePartials(of: object, in: folder)
    try Self.syncFolder(folder)
    return true
  }

  mutating func holds(_ object: String, size: Int64) throws -> Bool {
    var status = stat()
    let path = path(object)
    guard stat(path, &status) == 0 else {
      guard errno == ENOENT else { throw FileBytes.failure("look at", path) }
      guard access(root, F_OK) == 0 else { throw away }
      return false
    }
    return status.st_mode & S_IFMT == S_IFREG && Int64(status.st_size) == size
  }

  func file(of object: String) -> String? { path(object) }

  mutating func read(
    _ object: String, from start: Int64, size: Int64, into consume: ([UInt8]) throws -> Void
  ) throws {
    let path = path(object)
    try asked {
      guard access(path, F_OK) == 0 || errno != ENOENT else {
        guard access(root, F_OK) == 0 else { throw away }
        throw MissingObject(place: path)
      }
      let file = try FileBytes(reading: path)
      try file.seek(to: start)
      var ring = PieceRing()
      while true {
        let piece = try ring.read(file)
        if piece.isEmpty { return }
        try consume(piece)
      }
    }
  }

  func list(_ body: ([(name: String, size: Int64)]) throws -> Void) throws {
    func entries(_ folder: String) throws -> [String] {
      try asked {
        guard let folder = opendir(folder) else { throw FileBytes.failure("list", folder) }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
          let name = withUnsafeBytes(of: &entry.pointee.d_name) {
            String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
          }
          // A dot begins what is no object: temporary files, the folder itself.
          if !name.hasPrefix(".") { names.append(name) }
        }
        return names.sorted()
      }
    }
    let top = "\(root)/\(Self.objects)"
    guard access(top, F_OK) == 0 || access(root, F_OK) != 0 else { return }
    for first in try entries(top) {
      for second in try entries("\(top)/\(first)") {
        let folder = "\(top)/\(first)/\(second)"
        let found = try entries(folder).compactMap { name -> (name: String, size: Int64)? in
          var status = stat()
          guard lstat("\(folder)/\(name)", &status) == 0 else { return nil }
          return (name, Int64(status.st_size))
        }
        if !found.isEmpty { try body(found) }
      }
    }
  }

  mutating func delete(_ object: String) throws {
    let path = path(object)
    try asked {
      guard unlink(path) == 0 || errno == ENOENT else { throw FileBytes.failure("delete", path) }
    }
    Self.removePartials(of: object, in: String(path.dropLast(object.utf8.count + 1)))
  }

  /// The beginning of the names of an object's temporary files.
  private static func partial(_ object: String) -> String { ".\(object)~" }

  /// Removes temporary files of writers that were killed. A writer that is alive finds the complete
  /// file instead.
  private static func removePartials(of object: String, in folder: String) {
    for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    where name.hasPrefix(partial(object)) {
      unlink("\(folder)/\(name)")
    }
  }

  func path(_ object: String) -> String {
    "\(root)/\(Self.objects)/\(object.prefix(2))/\(object.dropFirst(2).prefix(2))/\(object)"
  }

  private func makeFolder(_ parts: [String]) throws(StoreError) -> String {
    var folder = root
    for part in parts {
      let parent = folder
      folder += "/\(part)"
      if mkdir(folder, 0o755) == 0 {
        try Self.syncFolder(parent)
      } else if errno != EEXIST {
        throw FileBytes.failure("create", folder)
      }
    }
    return folder
  }

  /// Waits until the entries of a folder are on disk.
  static func syncFolder(_ path: String) throws(StoreError) {
    let handle = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard handle >= 0 else { throw FileBytes.failure("open", path) }
    defer { close(handle) }
    guard fsync(handle) == 0 else { throw FileBytes.failure("sync", path) }
  }

  // MARK: outages

  /// Errors after which the same call may work again: a disk that is full, read-only or broken, a
  /// server that does not answer.
  private static let outages: Set<Int32> = [
    ENOSPC, EDQUOT, EROFS, EIO, EREMOTEIO, ESTALE, ENOTCONN, ENODEV, ENXIO, ETIMEDOUT, EHOSTDOWN,
    EHOSTUNREACH, ENETUNREACH, ECONNREFUSED, ECONNRESET,
  ]
  private static let refusals: Set<Int32> = [EACCES, EPERM, ENOTDIR, ELOOP]

  /// Does what a user of the store asks; tells an outage of its folder from other errors.
  func asked<Value>(_ work: () throws -> Value) throws -> Value {
    do {
      return try work()
    } catch let error as StoreError {
      guard let code = error.code, error.path?.hasPrefix("\(root)/") == true else { throw error }
      if Self.outages.contains(code) { throw StoreAway(error.description) }
      if Self.refusals.contains(code) { throw StoreAway(error.description, isRefusal: true) }
      // A folder of another machine that is not mounted.
      if code == ENOENT && access(root, F_OK) != 0 {
        throw StoreAway("\(error); there is no folder \(root)")
      }
      throw error
    }
  }
}
