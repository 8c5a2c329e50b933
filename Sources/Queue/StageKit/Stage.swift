// The frame around a stage's work: it opens the session and ends the process as the outcome demands.

import Glibc
import JobQueue

/// The process of a stage.
package enum Stage {
  /// Runs a stage's work and ends the process as its outcome demands.
  package static func run(_ work: (StageSession) throws -> Void) -> Never {
    let session: StageSession
    do {
      session = try StageSession.open()
    } catch {
      ending(of: error).end(after: "\(error)")
    }
    do {
      try work(session)
      StageExit.finished.end()
    } catch {
      let ending = ending(of: error)
      // The last values before a failure are those that explain it.
      if ending != .leaseLost { session.close(within: lastWords) }
      ending.end(after: error is Released ? nil : session.inGivenWords("\(error)"))
    }
  }

  /// Seconds in which a failed stage still sends its metrics: less than a drain allows.
  private static let lastWords = 5.0

  private static func ending(of error: any Error) -> StageExit {
    switch error {
    case is LeaseLost: .leaseLost
    case is Released: .released
    case is PermanentFailure: .permanent
    default: .fault
    }
  }

  /// One line to standard error, in one write.
  static func say(_ line: String) {
    let line = line.split(separator: "\n").joined(separator: " ") + "\n"
    _ = write(STDERR_FILENO, line, line.utf8.count)
  }
}

extension StageExit {
  /// Ends the process from its own thread: what it printed comes first.
  fileprivate func end(after message: String? = nil) -> Never {
    fflush(nil)
    if let message { end(saying: message) }
    _exit(rawValue)
  }

  /// Ends the process at once, with the sentence that the agent keeps as the attempt's message.
  func end(saying message: String) -> Never {
    Stage.say("error: \(message)")
    _exit(rawValue)
  }
}

/// Thrown by a stage that has checkpointed after `stopRequested`.
package struct Released: Error, Sendable {
  package init() {}
}

/// Thrown by a stage whose input is bad; the job is not retried.
package struct PermanentFailure: Error, Sendable, CustomStringConvertible {
  package let message: String

  package init(_ message: String) { self.message = message }

  package var description: String { message }
}
