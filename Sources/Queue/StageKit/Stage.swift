// The frame around a stage's work: it opens the session and ends the process as the outcome demands.

import Files
import Glibc
import JobQueue
import RunStore
import Threads

/// The process of a stage.
package enum Stage {
  /// Runs a stage's work and ends the process as its outcome demands. Whatever the stage has started
  /// ends with it.
  /// - Parameter joinsGang: whether the stage works together with the other members, if it is one of a gang
  package static func run(joinsGang: Bool = false, _ work: (StageSession) throws -> Void) -> Never {
    StopSignals.take()
    MemorySignals.take()
    ProcessTree.adoptOrphans()
    let session: StageSession
    do {
      session = try StageSession.open(joinsGang: joinsGang)
    } catch {
      ending(of: error, wasAsked: false).end(after: "\(error)")
    }
    do {
      try work(session)
      StageExit.finished.end()
    } catch {
      var error = error
      // Only a stage that is asked gives its job back: one that always did would run for ever.
      if error is Released, !session.stopRequested { error = ReleasedUnasked() }
      let ending = ending(of: error, wasAsked: session.stopRequested)
      // The last values before a failure are those that explain it.
      if ending != .leaseLost { session.close(within: lastWords) }
      ending.end(after: ending == .released ? nil : session.inGivenWords("\(error)"))
    }
  }

  /// Ends the process at once, from wherever it is, after an error.
  /// - Parameters:
  ///   - isHostLack: whether another machine, or this one later, may do better
  ///   - message: the sentence that the agent keeps
  package static func end(isHostLack: Bool, saying message: String) -> Never {
    (isHostLack ? StageExit.host : .fault).end(saying: message)
  }

  /// Ends the process at once, from wherever it is, since another rank of its gang is gone.
  package static func endAsPeerLost(saying message: String) -> Never {
    StageExit.peerLost.end(saying: message)
  }

  /// Seconds in which a failed stage still sends its metrics: less than a drain allows.
  private static let lastWords = 5.0

  /// - Parameter wasAsked: whether the agent has asked the stage to stop
  private static func ending(of error: any Error, wasAsked: Bool) -> StageExit {
    switch error {
    case is LeaseLost: .leaseLost
    case is PeerLost: .peerLost
    case is Released: .released
    // Its fetched bytes stay on this machine.
    case is CopyStopped: .released
    case is PermanentFailure, is NoPlace: .permanent
    // A wait for a store ends when the agent asks; a refusal is for this host alone.
    case let error as StoreAway: wasAsked && !error.isRefusal ? .released : .host
    case is ThreadError: .host
    case is UnfitHost: .unfit
    case _ where error.isHostLack: .host
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
    leave()
  }

  /// Ends the process at once, with the sentence that the agent keeps as the attempt's message.
  func end(saying message: String) -> Never {
    Stage.say("error: \(message)")
    leave()
  }

  private func leave() -> Never {
    ProcessTree.killBelow()
    _exit(rawValue)
  }
}

/// Thrown by a stage that has checkpointed after `stopRequested`.
package struct Released: Error, Sendable {
  package init() {}
}

private struct ReleasedUnasked: Error, CustomStringConvertible {
  let description = "the stage gave its job back without having been asked"
}

/// Thrown by a stage for which the host lacks what this job alone asks for: the job is tried elsewhere, or later, and
/// spends no try, while the host goes on with other jobs.
package struct UnfitHost: Error, Sendable, CustomStringConvertible {
  package let description: String

  package init(_ description: String) { self.description = description }
}

/// Thrown by a stage whose input is bad; the job is not retried.
package struct PermanentFailure: Error, Sendable, CustomStringConvertible {
  package let message: String

  package init(_ message: String) { self.message = message }

  package var description: String { message }
}
