// The report about a host, as the database is told it: room, and artifacts that need not be fetched.

import Glibc
import JobQueue
import Postgres
import RunStore
import Threads

/// The report about a host, made anew when it has changed.
struct HostReport {
  private struct Told: Equatable {
    var room: Int64 = 0
    var bytes: Int64 = 0
    var artifacts: [String] = []
    var stores: [String] = []
  }

  private let scratch: String
  private let cache: ArtifactCache?
  private var worker: Registration?
  private var told: Told?
  private var stores: [String] = []
  private var nextLook = 0.0
  private var nextStores = 0.0

  /// Seconds between looks at the cache, and at the stores.
  private static let interval = 1.0
  private static let storeInterval = 60.0
  /// Changes of the room that are worth a report: a fiftieth, and 64 MiB.
  private static let (share, least) = (Int64(50), Int64(64 << 20))

  init(_ folder: ScratchFolder) { (scratch, cache) = (folder.path, folder.cache) }

  /// Tells the database what has changed.
  mutating func tell(_ worker: Registration, _ connection: inout RetryingConnection) throws {
    if worker != self.worker { (self.worker, told, nextLook) = (worker, nil, 0) }
    let now = monotonicSeconds()
    guard now >= nextLook else { return }
    nextLook = now + Self.interval
    if now >= nextStores {
      stores = try connection.run { try LocalStores.locations($0) }
      nextStores = now + Self.storeInterval
    }
    let found = look()
    guard told.map({ isNews(found, after: $0) }) ?? true else { return }
    try connection.run {
      try WorkerQueue($0).holds(
        worker: worker, room: found.room, cacheBytes: found.bytes,
        cacheQuota: cache?.quota ?? 0, artifacts: found.artifacts, stores: found.stores)
    }
    told = found
  }

  private func look() -> Told {
    let contents = cache?.contents()
    // The cache may lie on another file system than scratch.
    let room = max(contents?.room ?? 0, FileSystem.room(scratch)?.free ?? 0)
    return Told(
      room: room, bytes: contents?.bytes ?? 0, artifacts: contents?.whole.sorted() ?? [],
      stores: stores)
  }

  private func isNews(_ found: Told, after told: Told) -> Bool {
    let step = max(Self.least, told.room / Self.share)
    return found.artifacts != told.artifacts || found.stores != told.stores
      || abs(found.room - told.room) >= step || abs(found.bytes - told.bytes) >= step
  }
}
