// A line on standard error about a copy that takes long.

import Files
import Foundation
import RunStore
import Synchronization

/// The progress of the copies of one command: a line that is drawn over on a terminal, one every half minute
/// elsewhere.
final class CopyLine: Sendable {
  private struct State {
    var work: CopyWork?
    var begin = ContinuousClock.now
    var shown = ContinuousClock.now
    var first: Int64 = 0
    var isDrawn = false
  }

  private let state = Mutex(State())
  private let isTerminal = isatty(STDERR_FILENO) == 1

  var watch: CopyWatch { CopyWatch(report: { self.moved($0) }) }

  private func moved(_ progress: CopyProgress) {
    state.withLock { state in
      let now = ContinuousClock.now
      if state.work != progress.work || progress.done < state.first {
        (state.work, state.begin, state.first) = (progress.work, now, progress.done)
        state.shown = now + .seconds(isTerminal ? 1 : 5)
      }
      if progress.done >= progress.total {
        if state.isDrawn { write("\r\u{1B}[K") }
        (state.work, state.isDrawn) = (nil, false)
        return
      }
      guard now >= state.shown else { return }
      state.shown = now + (isTerminal ? .milliseconds(200) : .seconds(30))
      let seconds = state.begin.duration(to: now) / .seconds(1)
      let rate = Int64(Double(progress.done - state.first) / max(0.001, seconds))
      let words =
        "pra: \(progress.work.rawValue) \(ByteCount.words(progress.done, of: progress.total)), "
        + "\(ByteCount.words(rate))/s"
      write(isTerminal ? "\r\u{1B}[K\(words)" : "\(words)\n")
      state.isDrawn = isTerminal
    }
  }

  private func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}
