// Fetches artifacts on a thread of its own, while the stage works.

import Files
import JobQueue
import Postgres
import RunStore
import Threads

/// Fetches a list of artifacts one by one; those that somebody waits for come first. Sendable because its
/// state is behind a monitor.
package final class BackgroundFetcher: Sendable {
  /// An artifact and the path that it gets.
  package struct Item: Sendable {
    let sha256: String
    let path: String

    package init(sha256: String, path: String) { (self.sha256, self.path) = (sha256, path) }
  }

  private struct State {
    var wanted: [Int] = []
    var isThere: [Bool]
    var failure: (any Error)?
    var isOver = false

    /// The item to fetch next; nil when all are there.
    func next() -> Int? {
      wanted.first { !isThere[$0] } ?? isThere.firstIndex(of: false)
    }
  }

  private let state: Monitor<State>

  /// - Parameters:
  ///   - items: in the order in which they are fetched where nobody waits
  ///   - fetched: called on the thread with the number of each item that has got its path
  /// - Throws: `ThreadError`
  init(
    _ items: [Item], opening: @escaping @Sendable () -> ArtifactStore,
    fetched: @escaping @Sendable (Int) throws -> Void
  ) throws {
    let state = Monitor(State(isThere: [Bool](repeating: false, count: items.count)))
    self.state = state
    try DedicatedThread("fetch") {
      var store = opening()
      defer { store.connection.close() }
      while let item = state.read({ $0.isOver ? nil : $0.next() }) {
        do {
          try store.fetch(sha256: items[item].sha256, to: items[item].path)
          try fetched(item)
        } catch {
          state.update { $0.failure = error }
          return
        }
        state.update { $0.isThere[item] = true }
      }
      // Files that the store keeps for its readers stay as long as somebody reads.
      state.wait { $0.isOver ? () : nil }
    }
  }

  deinit { state.update { $0.isOver = true } }

  /// Waits until items are there.
  /// - Parameter isStopped: asked every tenth of a second
  /// - Returns: false if it was stopped first
  /// - Throws: the error that keeps the thread from fetching
  package func require(_ items: some Collection<Int>, isStopped: () -> Bool) throws -> Bool {
    let missing = state.update { state in
      let missing = items.filter { !state.isThere[$0] }
      state.wanted = missing
      return missing
    }
    guard !missing.isEmpty else { return true }
    while true {
      let outcome: Result<Void, any Error>? = state.wait(until: monotonicSeconds() + 0.1) { state in
        if missing.allSatisfy({ state.isThere[$0] }) { return .success(()) }
        return state.failure.map { .failure($0) }
      }
      if let outcome {
        try outcome.get()
        return true
      }
      if isStopped() { return false }
    }
  }

}

extension StageSession {
  /// Begins to fetch artifacts in a session of its own.
  /// - Parameter fetched: called on another thread with the number of each item that has got its path
  package func beginFetching(
    _ items: [BackgroundFetcher.Item], fetched: @escaping @Sendable (Int) throws -> Void
  ) throws -> BackgroundFetcher {
    let (url, environment, lease, control) = (url, environment, lease, control)
    let cache = try ArtifactCache(environment: environment)
    return try BackgroundFetcher(items) {
      ArtifactStore(
        RetryingConnection(
          url: url, role: .worker, name: "pra stage \(lease.job) fetch", report: Self.report,
          prepare: { try $0.leaveSessionsToPeople() }),
        environment: environment,
        patience: StorePatience(
          tries: nil, giveUp: { control.stopRequested }, report: Self.report),
        reader: .attempt(lease), cache: cache,
        watch: CopyWatch(isStopped: { control.stopRequested }))
    } fetched: {
      try fetched($0)
    }
  }
}
