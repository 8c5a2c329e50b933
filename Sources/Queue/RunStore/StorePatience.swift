// Waiting for a store that is away, as for a database that is away (G8).

import Glibc
import JobQueue
import Synchronization
import Threads

/// The store gives no usable answer now. That is no fault of the job that asked.
package struct StoreAway: Error, Sendable, Equatable, CustomStringConvertible {
  package let description: String
  /// Whether the store answers, and refuses this host: its keys, its certificate, its address.
  package let isRefusal: Bool
  /// Seconds after which the store asks to be asked again.
  var retryAfter = 0.0
  /// Whether a refusal may end by itself, since somebody else renews the keys.
  var mayBeRenewed = false

  init(_ description: String, isRefusal: Bool = false) {
    self.description = description
    self.isRefusal = isRefusal
  }
}

/// The patience of one user of a store that is away.
package final class StorePatience: Sendable {
  private struct Waiting: Sendable {
    var failures = 0
    /// The moment of the first failure in a row.
    var since = 0.0
    var refusedSince: Double?
    var isTold = false
  }

  private let tries: Int?
  /// Seconds after which a connection without progress has failed.
  let silence: Int
  private let giveUp: @Sendable () -> Bool
  private let report: @Sendable (String) -> Void
  private let waiting = Mutex(Waiting())

  /// Seconds for which keys that are refused may be renewed.
  private static let renewal = 600.0
  /// Failures in a row that are told of: single ones are usual.
  private static let outage = 2
  /// The longest pause of a user that gives up, and the longest time: a person waits for it.
  private static let longestPause = 20.0
  private static let longestTime = 45.0
  /// The longest pause that a server may ask for.
  private static let longestRequest = 600.0

  /// - Parameters:
  ///   - tries: number of tries in a row after which the user gives up; nil to wait for ever
  ///   - silence: seconds after which a connection without progress has failed
  ///   - giveUp: asked during the wait; true ends it
  ///   - report: takes one line when the store goes away and one when it is back
  package init(
    tries: Int?, silence: Int = 30, giveUp: @escaping @Sendable () -> Bool = { false },
    report: @escaping @Sendable (String) -> Void = { _ in }
  ) {
    (self.tries, self.silence) = (tries, silence)
    (self.giveUp, self.report) = (giveUp, report)
  }

  /// The patience of a person who waits for a verb: some 15 s.
  package static func person() -> StorePatience { StorePatience(tries: 8) }

  /// The patience of one who wants to know now.
  package static func probe() -> StorePatience { StorePatience(tries: 2, silence: 10) }

  /// Whether the last request to the store has failed.
  package var isAway: Bool { waiting.withLock { $0.failures > 0 } }

  /// Whether the user wants no more.
  var givesUp: Bool { giveUp() }

  /// Waits before the next try.
  /// - Throws: the error, when the user gives up
  func pause(after error: StoreAway) throws(StoreAway) {
    let now = monotonicSeconds()
    let (failures, isFirst, isPatient) = waiting.withLock { waiting in
      if waiting.failures == 0 { waiting.since = now }
      waiting.failures += 1
      let isFirst = waiting.failures >= Self.outage && !waiting.isTold
      if isFirst { waiting.isTold = true }
      if !error.isRefusal { waiting.refusedSince = nil }
      guard error.isRefusal else { return (waiting.failures, isFirst, true) }
      let since = waiting.refusedSince ?? now
      waiting.refusedSince = since
      return (waiting.failures, isFirst, error.mayBeRenewed && now - since < Self.renewal)
    }
    let pause = max(
      Backoff.seconds(afterFailures: failures), min(error.retryAfter, Self.longestRequest))
    if !isPatient || giveUp() { throw error }
    if let tries {
      let time = now - waiting.withLock { $0.since }
      let isLong = pause > Self.longestPause || time > Self.longestTime
      if failures >= tries || isLong || error.isRefusal { throw error }
    }
    if isFirst { report("the store does not answer, trying on: \(error)") }
    let end = now + pause
    while monotonicSeconds() < end {
      if giveUp() { throw error }
      usleep(UInt32(min(0.1, max(0.001, end - monotonicSeconds())) * 1e6))
    }
  }

  /// Notes that the store has done something.
  func succeeded() {
    let wasTold = waiting.withLock { waiting in
      defer { waiting = Waiting() }
      return waiting.isTold
    }
    if wasTold { report("the store answers again") }
  }

  /// Repeats work until the store does it.
  /// - Throws: `StoreAway` when the user gives up, and every other error of the work
  func run<Value>(_ work: () throws -> Value) throws -> Value {
    while true {
      do {
        let value = try work()
        succeeded()
        return value
      } catch let error as StoreAway {
        try pause(after: error)
      }
    }
  }
}
