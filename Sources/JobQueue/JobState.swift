/// Where a job stands; migrations/0001_roles.sql says who moves it in and out.
package enum JobState: String, Sendable, CaseIterable {
  case blocked, ready, running, succeeded, failed, cancelled, quarantined

  /// Nothing moves it on but a retry by hand.
  package var isFinal: Bool {
    switch self {
    case .succeeded, .failed, .cancelled, .quarantined: true
    case .blocked, .ready, .running: false
    }
  }
}

/// How an attempt ended that did not finish, as its agent reports it.
package enum ExitClass: String, Sendable, CaseIterable {
  /// The stage failed; repeated after a delay.
  case fault
  /// The stage refused its input; not repeated.
  case permanent
  /// The time limit was over.
  case timeout
  /// Given back on request; spends nothing.
  case released
  /// Stopped since somebody cancelled the job.
  case cancelled
  /// The machine failed under it.
  case lost
}

/// What a heartbeat asks of a running job.
package enum Ask: String, Sendable {
  /// It belongs to another attempt, or to nobody: kill it, report nothing.
  case lost
  /// Kill it and report `.cancelled`.
  case cancel
  /// Kill it and report `.timeout`.
  case timeout
  /// Let it checkpoint, then release it.
  case preempt
}

/// One attempt of one job: what every write of it names.
package struct Lease: Sendable, Hashable {
  package let job: Int64
  package let epoch: Int64

  package init(job: Int64, epoch: Int64) {
    self.job = job
    self.epoch = epoch
  }
}

/// The attempt is over for its writer, or the worker for its agent: nothing was written, and nothing
/// may be written any more.
package struct LeaseLost: Error, Sendable, CustomStringConvertible {
  package let description: String

  package init(description: String) { self.description = description }

  /// The state that migrations/0005_work.sql raises.
  package static let sqlState = "PR001"
}

/// A job that was claimed, with what its stage needs.
package struct ClaimedJob: Sendable {
  package let lease: Lease
  package let run: Int64
  package let runName: String
  package let kind: String
  package let queue: String
  /// JSON object.
  package let arguments: String
}

/// A job to enqueue; the defaults are those of `pra.enqueue`.
package struct NewJob: Sendable {
  package var kind: String
  package var run: Int64
  /// JSON object.
  package var arguments: String
  package var queue = "default"
  /// Higher is claimed first.
  package var priority = 0
  package var delay = Duration.zero
  package var after: [Int64] = []
  /// Such as `gpu>=1`.
  package var requirements: [String] = []
  package var idempotencyKey: String?
  /// Of one attempt.
  package var timeLimit: Duration?

  package init(kind: String, run: Int64, arguments: String = "{}") {
    self.kind = kind
    self.run = run
    self.arguments = arguments
  }
}
