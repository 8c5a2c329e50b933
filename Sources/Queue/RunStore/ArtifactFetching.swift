// Makes artifacts files: in the cache of this machine, or beside it. They are hashed before anybody sees them.

import Files
import Glibc
import JobQueue
import Postgres

extension ArtifactStore {
  /// Makes an artifact a file that appears when it is complete and correct, or not at all. Nobody may write
  /// into it: with a cache it is a link to the file that the machine keeps, to which a fetch that was
  /// stopped or killed is added.
  /// - Parameter mode: permissions of the file without a cache, of which the umask takes some away; by default
  ///   for its owner alone
  package mutating func fetch(sha256: String, to path: String, mode: mode_t = 0o600) throws {
    uses[path] = nil
    let size = try copies(of: sha256).first?.size ?? 0
    if let cache, size > Int64(Artifact.chunkSize),
      let use = try cached(sha256, size: size, in: cache)
    {
      try use.appear(at: path)
      uses[path] = use
      return
    }
    try requireRoom(size, in: path.split(separator: "/").dropLast().reduce("") { "\($0)/\($1)" })
    let partial = "\(path).partial"
    unlink(partial)
    do {
      try read(sha256: sha256, into: PartialFile(partial, called: path, mode: mode))
    } catch {
      unlink(partial)
      throw error
    }
    guard rename(partial, path) == 0 else { throw FileBytes.failure("create", path) }
  }

  /// Makes sure that a folder has room, before anything is written there. The cache gives up what it can.
  /// - Parameter isRecorded: whether hosts with less shall claim the attempt's job no more. What it reads is known to the
  ///   database anyhow
  /// - Throws: `StoreError` with ENOSPC
  package mutating func requireRoom(
    _ bytes: Int64, in folder: String, isRecorded: Bool = false
  ) throws {
    func free() -> Int64 { FileSystem.room(folder)?.free ?? .max }
    if free() >= bytes { return }
    cache?.free(bytes)
    let room = free()
    if room >= bytes { return }
    if isRecorded, case .attempt(let lease) = reader {
      try connection.run { try $0.query(Queries.needsRoom, lease.parameters + [.integer(bytes)]) }
    }
    throw StoreError(
      "it needs \(ByteCount.words(bytes)), and \(folder) has \(ByteCount.words(room))", code: ENOSPC
    )
  }

  /// Removes a fetched file, which the cache may give up from now on.
  package mutating func discard(_ path: String) {
    unlink(path)
    uses[path] = nil
  }

  // MARK: details

  /// The entry of the cache with these bytes, which are fetched if it has them not.
  /// - Returns: nil where the cache has no room for them
  private mutating func cached(
    _ sha256: String, size: Int64, in cache: ArtifactCache
  ) throws -> ArtifactCache.Use? {
    let waiting = CopyMeter(watch, .fetching, total: size)
    while true {
      switch try cache.entry(of: sha256, size: size, waiting: { try waiting.moved(to: $0) }) {
      case .whole(let use): return use
      case .stale: return nil
      case .open(let lock):
        let meter = CopyMeter(watch, .checking, total: size)
        let file = CacheFile(cache, sha256: sha256, size: size, lock, meter)
        do {
          try read(sha256: sha256, into: file)
        } catch is NoCacheRoom {
          return nil
        } catch {
          file.abandon()
          throw error
        }
        // Otherwise the cache has been emptied by hand, or the store's object is gone.
        if let use = try file.commit() { return use }
      }
    }
  }
}
