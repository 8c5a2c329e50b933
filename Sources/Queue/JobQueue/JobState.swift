import Postgres

/// The state of a job; ARCHITECTURE.md shows which function moves it from one to another.
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

/// How the process of an attempt ended, apart from what that means for its job.
package enum ExitCause: String, Sendable, CaseIterable {
  case exitCode = "exit-code"
  /// Ended by a signal that the agent did not send.
  case signal
  /// Killed by the kernel for want of memory.
  case outOfMemory = "out-of-memory"
  case timeLimit = "time-limit"
  case leaseLost = "lease-lost"
  /// There was no process.
  case notStarted = "not-started"
  /// It was asked to end, or killed by the agent after that.
  case asked
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
  /// Of a part of an array: the array, and which of its elements.
  package let elements: Elements?

  package struct Elements: Sendable, Equatable {
    package let array: Int64
    package let range: Range<Int64>
  }

  /// Jobs that this attempt does: the elements of its part of an array, else one.
  package var count: Int { elements.map { $0.range.count } ?? 1 }
}

extension ClaimedJob {
  /// - Parameter payload: three lines: job, epoch, run, kind and queue; the arguments; the run's name
  ///   (`pra.claim`, migration 0064)
  init(handed payload: String) throws(PostgresError) {
    let lines = payload.split(separator: "\n", maxSplits: 2, omittingEmptySubsequences: false)
    let words = lines[0].split(separator: " ")
    guard lines.count == 3, words.count == 5, let job = Int64(words[0]),
      let epoch = Int64(words[1]),
      let run = Int64(words[2])
    else {
      throw PostgresError(
        .unexpected, sqlState: "22P02", message: "this hands no job over: \"\(payload)\"")
    }
    self.init(
      lease: Lease(job: job, epoch: epoch), run: run, runName: String(lines[2]),
      kind: String(words[3]), queue: String(words[4]), arguments: String(lines[1]), elements: nil)
  }
}

/// A job to enqueue; the defaults are those of `pra.enqueue`.
package struct NewJob: Sendable, Equatable {
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
  /// Limits of which each attempt takes a slot.
  package var limits: [String] = []
  /// From now on, by which it must have ended.
  package var deadline: Duration?
  /// One row for many jobs.
  package var array: JobArray?

  /// Whether it asks for nothing but its place in a line.
  var isPlain: Bool {
    var plain = NewJob(kind: kind, run: run, arguments: arguments)
    (plain.queue, plain.priority) = (queue, priority)
    return self == plain
  }

  package init(kind: String, run: Int64, arguments: String = "{}") {
    self.kind = kind
    self.run = run
    self.arguments = arguments
  }
}

/// An array of jobs: one row, of which claims cut off the next elements.
package struct JobArray: Sendable, Equatable {
  package var elements: ClosedRange<Int64>
  /// How many attempts of it may run at once.
  package var limit: Int?
  /// Elements that one attempt does.
  package var pack = 1
  /// Where the arguments take the first element of an attempt, and its last + 1.
  package var firstPath: [String]?
  package var endPath: [String]?
  /// Each element waits for its own in the one array of `after`.
  package var isElementwise = false
  /// All elements start at once, or none.
  package var isGang = false

  package init(_ elements: ClosedRange<Int64>) { self.elements = elements }
}

/// An element of a part of an array that did not succeed while the others did.
package struct ElementFailure: Sendable {
  package let job: Int64
  package let element: Int64
  package let message: String

  package init(job: Int64, element: Int64, message: String) {
    self.job = job
    self.element = element
    self.message = message
  }
}

/// Which of the times of a schedule that passed while nobody looked are made up for.
package enum CatchUp: String, Sendable, CaseIterable {
  case all, last, none
}
