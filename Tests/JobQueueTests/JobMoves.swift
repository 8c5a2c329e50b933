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
      .running, .ready, [.reportExit],
      "its agent reports a fault, a time limit, a preemption or a release, and the budget is not spent"
    ),
    JobMoves(
      .running, .ready, [.heartbeat],
      "its time limit was over, and its worker did not stop it in time"),
    JobMoves(.running, .ready, [.deregisterWorker], "its worker leaves, drained or at its end"),
    JobMoves(
      .running, .ready, [.releaseUnheard], "its worker has not heard of the claim that gave it"),
    JobMoves(.running, .ready, [.declareDead], "an operator declares its worker dead"),
    JobMoves(
      .running, .ready, [.reap],
      "the lease of its worker is over, or it did not give way in time after a preemption"),
    JobMoves(
      .running, .failed, [.reportExit], "a permanent error, a spent budget, or its deadline is over"
    ),
    JobMoves(
      .running, .failed, [.heartbeat],
      "the budget of time limits is spent, or its deadline is over, and its worker did not stop it in time"
    ),
    JobMoves(
      .running, .failed, [.deregisterWorker, .releaseUnheard, .declareDead, .reap],
      "as of the move to ready, and its deadline is over, or the budget of preemptions is spent"),
    JobMoves(
      .running, .cancelled, [.reportExit],
      "somebody had called `cancel`, and the attempt has ended; or it is a preview in whose place a newer one waits"
    ),
    JobMoves(
      .running, .cancelled, [.deregisterWorker, .releaseUnheard, .declareDead, .reap],
      "the same; `reap` where it has not stopped in time, too"),
    JobMoves(.running, .quarantined, [.reportExit], "it crashed on two hosts"),
    JobMoves(
      .running, .quarantined, [.declareDead, .reap],
      "it was lost with more workers than its budget allows"),
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
    // An edge is drawn once, with all that make it.
    var edges: [(ends: String, movers: [String])] = []
    for moves in ofJobs {
      let ends = "\(moves.from?.rawValue ?? "[*]") --> \(moves.to.rawValue)"
      let movers = moves.movers.map(\.rawValue)
      if let known = edges.firstIndex(where: { $0.ends == ends }) {
        edges[known].movers += movers
      } else {
        edges.append((ends, movers))
      }
    }
    lines += edges.map { "  \($0.ends): \($0.movers.joined(separator: ", "))" }
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
