// Watches copies of artifacts, which may take an hour each: how far they are, and whether to stop.

import Threads

/// The kinds of work that a copy is, for those who are told of it.
package enum CopyWork: String, Sendable {
  /// Bytes come from a store.
  case fetching
  /// Bytes of this machine are hashed.
  case checking
  /// Bytes go to a store.
  case storing
}

/// The state of a copy.
package struct CopyProgress: Sendable {
  package let work: CopyWork
  /// Bytes so far.
  package let done: Int64
  /// Bytes in all.
  package let total: Int64
}

/// The user of a store, who is told of every copy and may end it.
package struct CopyWatch: Sendable {
  let isStopped: @Sendable () -> Bool
  let report: @Sendable (CopyProgress) -> Void

  /// - Parameters:
  ///   - isStopped: asked at each MiB; true ends the copy
  ///   - report: called at each MiB
  package init(
    isStopped: @escaping @Sendable () -> Bool = { false },
    report: @escaping @Sendable (CopyProgress) -> Void = { _ in }
  ) {
    (self.isStopped, self.report) = (isStopped, report)
  }
}

/// A copy was ended since its user asked for it. What was fetched stays in the cache.
package struct CopyStopped: Error, Sendable, CustomStringConvertible {
  package let description = "the copy was stopped"
}

/// The meter of one copy.
final class CopyMeter {
  private let watch: CopyWatch
  private let work: CopyWork
  private let total: Int64
  private let leavesNothing: Bool
  private let begin = monotonicSeconds()

  /// Seconds within which a copy that was asked to stop may end instead: all that it took would be
  /// lost, while a stop is to be obeyed within a second.
  private static let grace = 1.0

  /// - Parameter leavesNothing: whether all that was done is lost when it is stopped; by default what is stored
  init(_ watch: CopyWatch, _ work: CopyWork, total: Int64, leavesNothing: Bool? = nil) {
    (self.watch, self.work, self.total) = (watch, work, total)
    self.leavesNothing = leavesNothing ?? (work == .storing)
  }

  /// - Parameter done: bytes of the whole so far
  /// - Throws: `CopyStopped`
  func moved(to done: Int64) throws(CopyStopped) {
    watch.report(CopyProgress(work: work, done: done, total: total))
    guard done < total, watch.isStopped() else { return }
    // Fetched bytes stay; those that are sent to a store, or hashed for it, would be so again.
    let rate = Double(done) / max(1e-3, monotonicSeconds() - begin)
    guard leavesNothing, Double(total - done) < rate * Self.grace else { throw CopyStopped() }
  }

  /// Pieces, counted as they pass.
  func counting(_ next: @escaping () throws -> [UInt8]) -> () throws -> [UInt8] {
    var done: Int64 = 0
    return {
      let piece = try next()
      done += Int64(piece.count)
      try self.moved(to: done)
      return piece
    }
  }
}
