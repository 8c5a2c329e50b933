import Postgres

/// The state of a job; ARCHITECTURE.md shows which function moves it from one to another.
package enum JobState: String, Sendable, CaseIterable {
  case blocked, ready, running, succeeded, failed, cancelled, quarantined

  /// Only a manual retry leaves such a state.
  package var isFinal: Bool {
    switch self {
    case .succeeded, .failed, .cancelled, .quarantined: true
    case .blocked, .ready, .running: false
    }
  }
}

/// The kind of an attempt's end other than success, as its agent reports it.
package enum ExitClass: String, Sendable, CaseIterable {
  /// The stage failed; the job is retried after a delay.
  case fault
  /// The stage refused its input; the job is not retried.
  case permanent
  /// The time limit was exceeded.
  case timeout
  /// Given back on request; does not count as a try.
  case released
  /// Stopped because somebody cancelled the job.
  case cancelled
  /// The machine failed.
  case lost
}

/// The way the process of an attempt ended, whatever that means for its job.
package enum ExitCause: String, Sendable, CaseIterable {
  case exitCode = "exit-code"
  /// Ended by a signal that the agent did not send.
  case signal
  /// Killed by the kernel's out-of-memory killer.
  case outOfMemory = "out-of-memory"
  case timeLimit = "time-limit"
  case leaseLost = "lease-lost"
  /// The process could not be started.
  case notStarted = "not-started"
  /// The host lacked something that the stage needed.
  case host
  /// Another member of its gang was lost, or asked all to stop.
  case peerLost = "peer-lost"
  /// The agent asked it to end, or killed it after that.
  case asked
}

/// A request that the answer to a heartbeat makes of a running job.
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

/// A worker's place in the database, from its registration to its end; every call of the worker names it.
package struct Registration: Sendable, Hashable {
  package let worker: Int64
  /// The random number by which the server knows this registration from another of the same number.
  package let token: String

  package init(worker: Int64, token: String) {
    self.worker = worker
    self.token = token
  }
}

/// The right to write for one attempt of one job; every write names it.
package struct Lease: Sendable, Hashable {
  package let job: Int64
  package let epoch: Int64
  /// The random number by which the server knows this attempt from another of the same epoch.
  package let token: String

  package init(job: Int64, epoch: Int64, token: String) {
    self.job = job
    self.epoch = epoch
    self.token = token
  }

  /// The first parameters of the functions of an attempt, after which come those of the call.
  package var parameters: [Parameter] { [.integer(job), .integer(epoch), .text(token)] }
}

/// The attempt was replaced, or the worker's registration ended: the write was refused, and so will
/// all later ones be.
package struct LeaseLost: Error, Sendable, CustomStringConvertible {
  package let description: String

  package init(description: String) { self.description = description }

  /// The state that `pra_store.live_worker` and `pra_store.hold` raise.
  package static let sqlState = "PR001"
}

/// A claimed job, with everything that its stage needs.
package struct ClaimedJob: Sendable {
  package let lease: Lease
  package let run: Int64
  package let runName: String
  package let kind: String
  package let queue: String
  /// JSON object.
  package let arguments: String
  /// For a part of an array: the array, and the range of its elements.
  package let elements: Elements?

  package struct Elements: Sendable, Equatable {
    package let array: Int64
    package let range: Range<Int64>
  }

  /// Number of jobs in this attempt: the elements of its part of an array, otherwise 1.
  package var count: Int { elements.map { $0.range.count } ?? 1 }
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
  /// Time limit of one attempt.
  package var timeLimit: Duration?
  /// Limits of which each attempt occupies a slot.
  package var limits: [String] = []
  /// Time from now within which the job must have ended.
  package var deadline: Duration?
  /// One row for many jobs.
  package var array: JobArray?

  /// Whether only kind, run, arguments, queue and priority are set.
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

/// An array of jobs: one row, from which each claim takes the next elements.
package struct JobArray: Sendable, Equatable {
  package var elements: ClosedRange<Int64>
  /// Largest number of its attempts that run at once.
  package var limit: Int?
  /// Number of elements in one attempt.
  package var pack = 1
  /// Path of the argument that receives an attempt's first element; `endPath` is that of its last
  /// element + 1.
  package var firstPath: [String]?
  package var endPath: [String]?
  /// Each element waits for the element of the same number in the array of `after`.
  package var isElementwise = false
  /// All elements start at once, or none.
  package var isGang = false

  package init(_ elements: ClosedRange<Int64>) { self.elements = elements }
}

/// An element that failed while other elements of its attempt succeeded.
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

/// The effect of a schedule's time while the job of the time before has not ended.
package enum Overlap: String, Sendable, CaseIterable {
  case skip, queue
}

/// The missed times of a schedule that are made up for.
package enum CatchUp: String, Sendable, CaseIterable {
  case all, last, none
}
