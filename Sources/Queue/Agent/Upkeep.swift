// Garbage collection at the times that the database's owner has set, by whichever worker comes first.

import JobQueue
import Logging
import Threads

extension Agent {
  /// Seconds between two questions whether it is time.
  private static let interval = 60.0

  /// Asks from time to time, until the agent leaves, whether garbage is to be collected, and does it. What is cut off
  /// in the middle is done by the next worker that asks.
  func keepUp() {
    guard let upkeep = configuration.upkeep else { return }
    while true {
      let found: Registration?? = state.wait { state in
        state.phase > .working ? .some(nil) : state.worker.map { .some($0) }
      }
      guard let worker = found ?? nil else { return }
      do {
        if let collected = try upkeep(worker) { logger.info("collected garbage: \(collected)") }
      } catch {
        logger.warning("garbage is not collected: \(error)")
      }
      let next = monotonicSeconds() + Self.interval * Double.random(in: 0.75...1.25)
      let isOver: Bool? = state.wait(until: next) { $0.phase > .working ? true : nil }
      if isOver == true { return }
    }
  }
}
