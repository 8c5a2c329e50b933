<<<<<<< HEAD:Sources/Queue/RunStore/StageExit.swift
// The ends of a stage, and the exit codes that tell the agent about them.
=======
// The frame around a stage's work: it opens the session and ends the process as the outcome demands.
>>>>>>> rooms:Sources/Queue/StageKit/Stage.swift

import Glibc
import JobQueue

<<<<<<< HEAD:Sources/Queue/RunStore/StageExit.swift
/// Exit codes of a stage. Any other code, and any signal, is a fault and leads to a retry.
package enum StageExit: Int32, Sendable {
  /// `finish` was committed.
  case finished = 0
  /// The input is bad; another try would not help. EX_DATAERR of sysexits.h.
  case permanent = 65
  /// EX_SOFTWARE of sysexits.h.
  case fault = 70
  /// Stopped after a checkpoint, on request. EX_TEMPFAIL of sysexits.h.
  case released = 75
  /// The lease was lost: this attempt may write nothing any more.
  case leaseLost = 76

  /// Runs a stage's work and ends the process with the code of its outcome.
=======
/// The process of a stage.
package enum Stage {
  /// Runs a stage's work and ends the process as its outcome demands.
>>>>>>> rooms:Sources/Queue/StageKit/Stage.swift
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
<<<<<<< HEAD:Sources/Queue/RunStore/StageExit.swift
      // The last metrics before a failure help to explain it.
      if ending != leaseLost { session.close(within: lastWords) }
=======
      // The last values before a failure are those that explain it.
      if ending != .leaseLost { session.close(within: lastWords) }
>>>>>>> rooms:Sources/Queue/StageKit/Stage.swift
      ending.end(after: error is Released ? nil : "\(error)")
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

<<<<<<< HEAD:Sources/Queue/RunStore/StageExit.swift
  /// Ends the process from its own thread, after flushing what it printed.
  private func end(after message: String? = nil) -> Never {
    fflush(nil)
    if let message { end(saying: message) }
    _exit(rawValue)
  }

  /// Ends the process at once, with the sentence that the agent keeps as the attempt's message.
  package func end(saying message: String) -> Never {
    Self.say("error: \(message)")
    _exit(rawValue)
  }

  /// Writes one line to standard error, in one call.
=======
  /// One line to standard error, in one write.
>>>>>>> rooms:Sources/Queue/StageKit/Stage.swift
  static func say(_ line: String) {
    let line = line.split(separator: "\n").joined(separator: " ") + "\n"
    _ = write(STDERR_FILENO, line, line.utf8.count)
  }
}

<<<<<<< HEAD:Sources/Queue/RunStore/StageExit.swift
/// Thrown by a stage that has saved a checkpoint after `stopRequested`.
=======
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
>>>>>>> rooms:Sources/Queue/StageKit/Stage.swift
package struct Released: Error, Sendable {
  package init() {}
}

/// Thrown by a stage whose input is bad; the job is not retried.
package struct PermanentFailure: Error, Sendable, CustomStringConvertible {
  package let message: String

  package init(_ message: String) { self.message = message }

  package var description: String { message }
}
