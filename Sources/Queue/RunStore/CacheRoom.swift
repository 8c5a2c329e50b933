// The room of the cache: what was used least recently goes first, and nothing that is in use.

import FoundationEssentials
import Glibc

extension ArtifactCache {
  /// A fiftieth of the file system is left to others.
  private static let leftToOthers: Int64 = 50

  /// The contents of the cache, and the room on its file system.
  package struct Contents: Sendable, Equatable {
    /// Digests of what jobs of this machine need not fetch.
    package var whole: [String] = []
    /// Bytes of its own.
    package var bytes: Int64 = 0
    /// Bytes that jobs may have: what is free, and what would be if the cache gave up all that is not in use.
    package var room: Int64 = 0
  }

  private struct Kept {
    let sha256: String
    let place: String?
    /// Bytes that would be free without it.
    let bytes: Int64
    /// Bytes that it is to have.
    let reserved: Int64
    let used: timespec
    /// Whether what it refers to has gone.
    let isStale: Bool
  }

  package func contents() -> Contents {
    var found = Contents()
    found.room = FileSystem.room(folder)?.free ?? 0
    for kept in kept() {
      if kept.place != nil { found.whole.append(kept.sha256) }
      found.bytes += kept.bytes
      if kept.bytes > 0, let lock = try? lock(kept.sha256, LOCK_EX) {
        withExtendedLifetime(lock) { found.room += kept.bytes }
      }
    }
    return found
  }

  /// Gives up links to objects that their stores have deleted.
  package func sweep() {
    for stale in kept() where stale.isStale {
      guard let lock = try? lock(stale.sha256, LOCK_EX) else { continue }
      withExtendedLifetime(lock) { remove(stale.sha256) }
    }
  }

  /// Gives up what was used least recently until so much is free.
  /// - Returns: whether it is
  @discardableResult
  package func free(_ bytes: Int64) -> Bool {
    (try? whileNobodyElseMakesRoom { () throws(StoreError) -> Bool in
      guard let room = FileSystem.room(folder) else { return false }
      return give(up: bytes - room.free, besides: "")
    }) ?? false
  }

  /// Makes room for a file and takes it.
  /// - Parameter lock: of the entry
  /// - Returns: false if the quota, or what is in use, leaves none
  func reserve(
    _ size: Int64, for sha256: String, _ lock: CacheLock
  ) throws(StoreError) -> Bool {
    try whileNobodyElseMakesRoom { () throws(StoreError) -> Bool in
      guard size <= quota, let room = FileSystem.room(folder) else { return false }
      var (there, others, toCome) = (Int64(0), Int64(0), Int64(0))
      for kept in kept() {
        if kept.sha256 == sha256 {
          there = kept.bytes
          continue
        }
        others += kept.bytes
        // Nobody uses what somebody else fills.
        if kept.reserved > kept.bytes, isFilled(kept.sha256) {
          toCome += kept.reserved - kept.bytes
        }
      }
      let lacking = max(
        others + toCome + size - quota,
        toCome + size - there + room.size / Self.leftToOthers - room.free)
      guard give(up: lacking, besides: sha256) else { return false }
      lock.reserve(size)
      return true
    }
  }

  /// Makes the quota fit for a file that is on the disk already.
  func admit(_ size: Int64, for sha256: String) throws(StoreError) -> Bool {
    try whileNobodyElseMakesRoom { () throws(StoreError) -> Bool in
      guard size <= quota else { return false }
      let others = kept().reduce(0) { $1.sha256 == sha256 ? $0 : $0 + $1.bytes }
      return give(up: others + size - quota, besides: sha256)
    }
  }

  func partial(_ sha256: String) -> String { "\(path(sha256)).partial" }

  /// Removes an entry; called by who holds its lock alone.
  func remove(_ sha256: String) {
    for path in [path(sha256), partial(sha256), "\(path(sha256)).entry"] { unlink(path) }
  }

  // MARK: details

  private func isFilled(_ sha256: String) -> Bool {
    guard let lock = try? lock(sha256, LOCK_SH) else { return true }
    return withExtendedLifetime(lock) { false }
  }

  /// Removes the least recently used entries, all that are needed or none.
  private func give(up bytes: Int64, besides sha256: String) -> Bool {
    var lacking = bytes
    var given: [(sha256: String, lock: CacheLock)] = []
    let oldest = kept().filter { $0.bytes > 0 && $0.sha256 != sha256 }.sorted {
      ($0.used.tv_sec, $0.used.tv_nsec) < ($1.used.tv_sec, $1.used.tv_nsec)
    }
    for kept in oldest where lacking > 0 {
      guard let lock = try? lock(kept.sha256, LOCK_EX) else { continue }
      given.append((kept.sha256, lock))
      lacking -= kept.bytes
    }
    guard lacking <= 0 else { return false }
    for one in given { remove(one.sha256) }
    return true
  }

  private func kept() -> [Kept] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.compactMap { name in
      guard name.hasSuffix(".entry") else { return nil }
      let sha256 = String(name.dropLast(6))
      var entry = stat()
      guard stat("\(folder)/\(name)", &entry) == 0 else { return nil }
      let text = (try? String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8)) ?? ""
      let record = CacheRecord(parsing: text)
      let place = record?.place(otherwise: path(sha256))
      var bytes: Int64 = 0
      var isStale = place == nil
      for file in [path(sha256), partial(sha256)] {
        var status = stat()
        guard lstat(file, &status) == 0 else { continue }
        // Another process goes on with what an earlier one has begun.
        if record == nil { isStale = false }
        // A link to an object that its store has deleted is all that keeps the bytes.
        if record?.kind == .shared, status.st_nlink == 1 { isStale = true }
        if record?.kind != .shared || status.st_nlink == 1 {
          bytes += Int64(status.st_blocks) * 512
        }
      }
      return Kept(
        sha256: sha256, place: place, bytes: bytes, reserved: CacheRecord.reserved(text),
        used: entry.st_mtim, isStale: isStale)
    }
  }

  private func whileNobodyElseMakesRoom<Value>(
    _ work: () throws(StoreError) -> Value
  ) throws(StoreError) -> Value {
    let path = "\(folder)/.room"
    let file = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw FileBytes.failure("create", path) }
    defer { close(file) }
    while flock(file, LOCK_EX) != 0 && errno == EINTR {}
    return try work()
  }
}
