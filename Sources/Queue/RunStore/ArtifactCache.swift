// The artifacts that a machine keeps for its next jobs, by digest.

import FoundationEssentials
import Glibc

/// A folder that all workers of an account on a machine share, with their slots, attempts and stages.
///
/// An artifact has up to three files there: `DIGEST` with its bytes; `DIGEST.partial` while they come; and
/// `DIGEST.entry`, which is locked (flock(2)) by who fills, uses or removes them, whose time is that of the
/// latest use, and which says how the bytes looked when they were verified. The locks end with their
/// process, however it ends. Bytes in a folder that is a store on this machine stay there: the
/// cache has a link to them, or only their place.
package struct ArtifactCache: Sendable {
  package let folder: String
  /// The most bytes of its own; what lies in a store on this machine counts for nothing.
  package let quota: Int64

  /// The part of its file system that a cache without a quota takes.
  private static let share: Int64 = 4

  /// - Parameter quota: nil for a quarter of its file system
  /// - Throws: `StoreError` where the folder is not one of this account alone
  package init(folder: String, quota: Int64?) throws(StoreError) {
    self.folder = folder
    guard mkdir(folder, 0o700) == 0 || errno == EEXIST else {
      throw FileBytes.failure("create", folder)
    }
    var status = stat()
    guard lstat(folder, &status) == 0, status.st_mode & S_IFMT == S_IFDIR,
      status.st_uid == geteuid(), status.st_mode & 0o022 == 0
    else {
      throw StoreError("\(folder) must be a folder of this account that nobody else may write to")
    }
    self.quota = quota ?? (FileSystem.room(folder)?.size ?? 0) / Self.share
  }

  /// The cache that an agent has named to its stage; nil where it has none.
  package init?(environment: [String: String]) throws(StoreError) {
    guard let folder = environment[Self.folderVariable], !folder.isEmpty,
      let quota = environment[Self.quotaVariable].flatMap({ Int64($0) }), quota > 0
    else { return nil }
    try self.init(folder: folder, quota: quota)
  }

  /// The variables by which a stage is told.
  package var environment: [String: String] {
    [Self.folderVariable: folder, Self.quotaVariable: String(quota)]
  }

  private static let folderVariable = "PRA_CACHE"
  private static let quotaVariable = "PRA_CACHE_BYTES"

  /// An entry that nobody removes while this object lives.
  package final class Use: Sendable {
    private let place: String
    private let lock: CacheLock

    init(_ place: String, _ lock: CacheLock) { (self.place, self.lock) = (place, lock) }

    /// Makes a link to the bytes.
    func appear(at path: String) throws(StoreError) {
      unlink(path)
      guard symlink(place, path) == 0 else { throw FileBytes.failure("create", path) }
    }
  }

  enum Entry {
    case whole(Use)
    /// To be filled by who holds the lock.
    case open(CacheLock)
    /// Others use bytes that have changed since; they may do so for days.
    case stale
  }

  /// Waits until an entry is whole or nobody else fills it.
  /// - Parameter waiting: called from time to time with the bytes that another process has
  func entry(
    of sha256: String, size: Int64, waiting: (Int64) throws -> Void
  ) throws -> Entry {
    var refused = 0
    while refused < Self.mostRefused {
      if let lock = try lock(sha256, LOCK_SH) {
        if let use = use(sha256, size, lock) { return .whole(use) }
        // Between the two locks somebody else may fill it: the next turn sees that.
        if lock.change(to: LOCK_EX) {
          if !isWhole(sha256, size, lock) { return .open(lock) }
        } else {
          refused += 1
        }
      }
      var status = stat()
      try waiting(stat(partial(sha256), &status) == 0 ? Int64(status.st_size) : 0)
      usleep(UInt32.random(in: 10_000...50_000))
    }
    return .stale
  }

  /// Number of times that an entry is found not whole and in use: a second.
  private static let mostRefused = 40

  /// Keeps a file that was written on this machine, by a link; nothing happens where that cannot be.
  func keep(_ file: String, _ artifact: Artifact) {
    guard artifact.size > Int64(Artifact.chunkSize),
      let lock = try? lock(artifact.sha256, LOCK_EX),
      !isWhole(artifact.sha256, artifact.size, lock)
    else { return }
    var status = stat()
    guard lstat(file, &status) == 0 else { return }
    // A store has taken it by a link.
    let isShared = status.st_nlink > 1
    if !isShared, (try? admit(artifact.size, for: artifact.sha256)) != true { return }
    let place = path(artifact.sha256)
    unlink(place)
    guard link(file, place) == 0 else { return }
    lock.record = CacheRecord(place, isShared ? .shared : .own)
  }

  // MARK: details

  func path(_ sha256: String) -> String { "\(folder)/\(sha256)" }

  func lock(_ sha256: String, _ kind: Int32) throws(StoreError) -> CacheLock? {
    try CacheLock("\(path(sha256)).entry", kind)
  }

  private func isWhole(_ sha256: String, _ size: Int64, _ lock: CacheLock) -> Bool {
    lock.record?.place(of: size, otherwise: path(sha256)) != nil
  }

  func use(_ sha256: String, _ size: Int64, _ lock: CacheLock) -> Use? {
    guard let place = lock.record?.place(of: size, otherwise: path(sha256)) else { return nil }
    lock.touch()
    return Use(place, lock)
  }
}

/// The bytes of an entry as they looked when they were verified.
package struct CacheRecord: Equatable {
  enum Kind: String {
    /// Bytes of the cache alone.
    case own
    /// A link to an object of a store on the same file system.
    case shared
    /// An object of a store on another file system of this machine.
    case elsewhere
  }

  let kind: Kind
  private let size: Int64
  private let file: String
  /// The place of bytes that lie elsewhere.
  private let place: String

  init?(_ path: String, _ kind: Kind) {
    var status = stat()
    guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
    (self.kind, size) = (kind, Int64(status.st_size))
    file =
      "\(status.st_dev).\(status.st_ino).\(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)"
    place = kind == .elsewhere ? path : ""
  }

  package init?(parsing text: String) {
    let words = text.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false)
    guard words.count == 4, let kind = Kind(rawValue: String(words[0])),
      let size = Int64(words[1]), text.hasSuffix("\n")
    else { return nil }
    (self.kind, self.size) = (kind, size)
    (file, place) = (String(words[2]), String(words[3].dropLast()))
  }

  package var text: String { "\(kind.rawValue) \(size) \(file) \(place)\n" }

  /// The text of an entry that is being filled.
  static func reserving(_ size: Int64) -> String { "\(filling)\(size)\n" }

  /// - Parameter text: of a file of an entry
  /// - Returns: bytes that were to come when it was written; 0 if none
  package static func reserved(_ text: String) -> Int64 {
    guard text.hasPrefix(filling), let size = Int64(text.dropFirst(filling.count).dropLast())
    else { return 0 }
    return min(max(0, size), mostReserved)
  }

  private static let filling = "filling "
  /// More than any disk has, so that sums of what damaged files say are numbers.
  private static let mostReserved: Int64 = 1 << 50

  /// The path of the bytes, if they look as they did; otherwise nil.
  /// - Parameter own: where they lie unless elsewhere
  package func place(of size: Int64? = nil, otherwise own: String) -> String? {
    let path = kind == .elsewhere ? place : own
    return size ?? self.size == self.size && CacheRecord(path, kind) == self ? path : nil
  }
}

/// A lock on an entry, held for as long as this object lives.
final class CacheLock: Sendable {
  private let descriptor: Int32

  /// - Parameter kind: LOCK_SH to use the entry, LOCK_EX to fill or remove it
  /// - Returns: nil if another process holds it
  init?(_ path: String, _ kind: Int32) throws(StoreError) {
    descriptor = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw FileBytes.failure("create", path) }
    var held = stat()
    var named = stat()
    // A process that removed the entry between the two calls has removed the name of this file: its lock is void.
    guard flock(descriptor, kind | LOCK_NB) == 0, fstat(descriptor, &held) == 0,
      stat(path, &named) == 0, held.st_ino == named.st_ino
    else { return nil }
  }

  deinit { close(descriptor) }

  /// - Returns: false if another process is in the way; then nothing is held any more
  func change(to kind: Int32) -> Bool { flock(descriptor, kind | LOCK_NB) == 0 }

  /// The text of the file, read; nil while the bytes are not whole.
  var record: CacheRecord? {
    get {
      var buffer = [UInt8](repeating: 0, count: 8192)
      let count = pread(descriptor, &buffer, buffer.count, 0)
      guard count > 0 else { return nil }
      return CacheRecord(parsing: String(decoding: buffer[..<count], as: UTF8.self))
    }
    set { write(newValue?.text ?? "") }
  }

  /// Says how many bytes are to come; heeded for as long as the lock is held.
  func reserve(_ size: Int64) { write(CacheRecord.reserving(size)) }

  private func write(_ text: String) {
    let bytes = Array(text.utf8)
    ftruncate(descriptor, 0)
    _ = bytes.withUnsafeBytes { pwrite(descriptor, $0.baseAddress!, $0.count, 0) }
  }

  /// Notes a use now.
  func touch() { futimens(descriptor, nil) }
}
