// Tells of copies that take long: in the job's progress, and in the attempt's log.

import Files
import RunStore
import Synchronization
import Threads

/// The report about the copies of one attempt.
final class CopyReport: Sendable {
  private struct State: Sendable {
    /// The artifact that is copied, in the words of messages.
    var name: String?
    var work: CopyWork?
    var begin = 0.0
    var first: Int64 = 0
    var said = 0.0
  }

  private let metrics: MetricWriter
  private let say: @Sendable (String) -> Void
  private let state = Mutex(State())

  /// Seconds after which a copy is told of: in the progress and in the log; and between lines of the log.
  private static let short = 1.0
  private static let quiet = 5.0
  private static let interval = 30.0

  init(_ metrics: MetricWriter, say: @escaping @Sendable (String) -> Void) {
    (self.metrics, self.say) = (metrics, say)
  }

  /// Says what the next copies are of.
  func begin(_ name: String?) {
    state.withLock { $0 = State(name: name) }
  }

  func moved(_ progress: CopyProgress) {
    let now = monotonicSeconds()
    let (isShort, line) = state.withLock { state -> (Bool, String?) in
      if state.work != progress.work {
        (state.work, state.begin, state.first) = (progress.work, now, progress.done)
        state.said = now - Self.interval + Self.quiet
      }
      guard now - state.begin >= Self.short else { return (true, nil) }
      guard now - state.said >= Self.interval else { return (false, nil) }
      state.said = now
      let rate = Double(progress.done - state.first) / max(0.001, now - state.begin)
      let words =
        "\(progress.work.rawValue) \(state.name ?? "an artifact"): "
        + "\(ByteCount.words(progress.done, of: progress.total)), \(ByteCount.words(Int64(rate)))/s"
      return (false, words)
    }
    if isShort { return }
    metrics.progress(
      done: progress.done, total: progress.total, unit: "bytes \(progress.work.participle)")
    if let line { say(line) }
  }
}

extension CopyWork {
  /// The unit of the job's progress; pra.jobs makes a sentence of it.
  fileprivate var participle: String {
    switch self {
    case .fetching: "fetched"
    case .checking: "checked"
    case .storing: "stored"
    }
  }
}
