// Fills an entry of the cache, on behind what an earlier process has left.

import Glibc

/// The bytes of an entry as they come. Those of a store on this machine are hashed where they lie and
/// not copied.
final class CacheFile: ArtifactSink {
  private let cache: ArtifactCache
  private let digest: String
  private let size: Int64
  private let lock: CacheLock
  private let meter: CopyMeter
  private var sink: HashSink?
  /// The object of a store on this machine that is hashed; nil for bytes that are copied.
  private var place: String?

  /// - Parameter meter: told of the bytes that are there already, as they are hashed
  init(
    _ cache: ArtifactCache, sha256: String, size: Int64, _ lock: CacheLock, _ meter: CopyMeter
  ) {
    (self.cache, digest, self.size) = (cache, sha256, size)
    (self.lock, self.meter) = (lock, meter)
  }

  var count: Int64 { sink?.count ?? 0 }

  /// - Throws: `NoCacheRoom`
  func begin(from file: String?) throws {
    let local = file.flatMap { FileSystem.isRemote($0) ? nil : $0 }
    if sink == nil || local != place {
      place = local
      if local != nil {
        sink = HashSink()
      } else {
        guard try cache.reserve(size, for: digest, lock) else { throw NoCacheRoom() }
        sink = PartialFile(cache.partial(digest), meter: meter)
      }
    }
    try sink!.begin(from: file)
  }

  func take(_ piece: [UInt8]) throws { try sink!.take(piece) }

  func sha256() throws -> String { sink!.sha256() }

  func restart() throws { try sink!.restart() }

  /// Makes the entry whole.
  /// - Returns: nil where it is not there any more
  func commit() throws(StoreError) -> ArtifactCache.Use? {
    let own = cache.path(digest)
    if let place {
      unlink(own)
      unlink(cache.partial(digest))
      // There are no links between file systems, nor to files of other accounts.
      lock.record =
        link(place, own) == 0 ? CacheRecord(own, .shared) : CacheRecord(place, .elsewhere)
    } else {
      try (sink as? PartialFile)?.sync()
      guard rename(cache.partial(digest), own) == 0 else { throw FileBytes.failure("create", own) }
      lock.record = CacheRecord(own, .own)
    }
    return lock.change(to: LOCK_SH) ? cache.use(digest, size, lock) : nil
  }

  /// Leaves an entry of which no byte is right.
  func abandon() { if count == 0 { cache.remove(digest) } }
}

/// The cache has no room for a file, and can make none.
struct NoCacheRoom: Error {}
