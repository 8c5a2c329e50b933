// The life of a job: which function moves it from which state to which. JobMoveTests checks the list
// against a database, and ARCHITECTURE.md shows it.

import JobQueue

/// A function of schema `pra` that moves jobs.
enum Mover: String, CaseIterable {
  case enqueue
  case enqueueMany = "enqueue_many"
  case claim, finish
  case finishMany = "finish_many"
  case reportExit = "report_exit"
  case deregisterWorker = "deregister_worker"
  case releaseUnheard = "release_unheard"
  case declareDead = "declare_dead"
  case reap, cancel, retry, heartbeat
  case registerCheckpoint = "register_checkpoint"
}

/// An edge of the picture.
struct JobMove: Hashable {
  /// Nil for a row that is new.
  let from: JobState?
  let to: JobState
  let by: Mover
}

/// All moves between two states and when they are made.
struct JobMoves {
  let from: JobState?
  let to: JobState
  let movers: [Mover]
  let reason: String

  init(_ from: JobState?, _ to: JobState, _ movers: [Mover], _ reason: String) {
    (self.from, self.to, self.movers, self.reason) = (from, to, movers, reason)
  }

  /// Functions that end what runs on a worker.
  private static let endsOfWorkers: [Mover] = [
    .deregisterWorker, .releaseUnheard, .declareDead, .reap,
  ]

  /// The moves of a job that workers run: a single one, or a part of an array.
  static let ofJobs = [
    JobMoves(nil, .blocked, [.enqueue], "a parent has not succeeded yet"),
    JobMoves(
      nil, .ready, [.enqueue, .finish, .finishMany, .registerCheckpoint],
      "nothing is waited for; `finish` makes jobs of elements whose counterpart in the array before "
        + "has succeeded, `finish_many` of elements that failed within a batch, `register_checkpoint` previews"
    ),
    JobMoves(nil, .running, [.claim], "`claim` cuts a part off an array"),
    JobMoves(
      .blocked, .ready, [.finish, .finishMany, .reap, .retry],
      "the last parent has succeeded; `reap` and `retry` where they find an array complete"),
    JobMoves(.ready, .running, [.claim], "a worker takes it; a new attempt begins"),
    JobMoves(
      .running, .succeeded, [.finish, .finishMany], "the stage commits its outputs"),
    JobMoves(
      .running, .ready, [.reportExit, .heartbeat] + endsOfWorkers,
      "the attempt ended and may be repeated: a fault, a time limit, a preemption, a release, a claim that was not heard, "
        + "a drained or a lost worker"),
    JobMoves(
      .running, .failed, [.reportExit, .heartbeat] + endsOfWorkers,
      "a permanent error, a spent budget, or its deadline is over"),
    JobMoves(
      .running, .cancelled, [.reportExit] + endsOfWorkers,
      "somebody had called `cancel`, and the attempt has ended; or it is a preview in whose place a newer one waits"
    ),
    JobMoves(
      .running, .quarantined, [.reportExit, .declareDead, .reap],
      "it crashed on two hosts, or was lost with more workers than its budget allows"),
    JobMoves(.blocked, .failed, [.reap], "its deadline is over"),
    JobMoves(
      .ready, .failed, [.reap, .finishMany],
      "its deadline is over; an element that failed within a batch has no budget left"),
    JobMoves(.blocked, .cancelled, [.cancel], "somebody asks for it"),
    JobMoves(.ready, .cancelled, [.cancel], "somebody asks for it"),
    JobMoves(.failed, .ready, [.retry], "somebody asks for it; budgets begin anew"),
    JobMoves(.failed, .blocked, [.retry], "the same, and a parent has not succeeded"),
    JobMoves(.cancelled, .ready, [.retry], "as of a failed one"),
    JobMoves(.cancelled, .blocked, [.retry], "as of a failed one"),
    JobMoves(.quarantined, .ready, [.retry], "as of a failed one"),
  ]

  static var all: Set<JobMove> {
    Set(
      ofJobs.flatMap { moves in
        moves.movers.map { JobMove(from: moves.from, to: moves.to, by: $0) }
      })
  }

  /// The states as a Mermaid diagram, and the reasons as a table.
  static var picture: String {
    var lines = ["```mermaid", "stateDiagram-v2"]
    for moves in ofJobs {
      let movers = moves.movers.map(\.rawValue).joined(separator: ", ")
      lines.append("  \(moves.from?.rawValue ?? "[*]") --> \(moves.to.rawValue): \(movers)")
    }
    lines += ["```", "", "| from | to | by | when |", "|---|---|---|---|"]
    for moves in ofJobs {
      let movers = moves.movers.map { "`\($0.rawValue)`" }.joined(separator: ", ")
      lines.append(
        "| \(moves.from?.rawValue ?? "(new)") | \(moves.to.rawValue) | \(movers) | \(moves.reason) |"
      )
    }
    return lines.joined(separator: "\n") + "\n"
  }
}
