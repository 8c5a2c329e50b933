// Progress of a run: bars on a terminal, a line a change elsewhere.

import ArgumentParser
import Foundation
import Postgres

struct Watch: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show a run's progress until all its jobs have ended; exit 1 if one failed.")

  @Argument(help: ArgumentHelp("Number or name of the run.", valueName: "run")) var runName: String

  func run() throws {
    let connection = try Database.connect(.read)
    try Watcher(connection, run: try connection.run(named: runName).id).watch()
  }
}

struct Watcher {
  private let connection: Connection
  private let run: Int64

  init(_ connection: Connection, run: Int64) {
    self.connection = connection
    self.run = run
  }

  private struct Job {
    let id: Int64
    let kind: String
    let state: String
    let worker: String
    let message: String
    let done: Int64
    let total: Int64
    let unit: String

    init(_ row: Row) throws {
      id = try row.integer("id")
      kind = try row.string("kind")
      state = try row.string("state")
      worker = try row.text("worker_name") ?? ""
      message = try row.text("message") ?? ""
      done = try row.optionalInteger("progress_done") ?? 0
      total = try row.optionalInteger("progress_total") ?? 0
      unit = try row.text("progress_unit") ?? ""
    }

    var hasEnded: Bool { ["succeeded", "failed", "cancelled", "quarantined"].contains(state) }
    var endedBadly: Bool { hasEnded && state != "succeeded" }
    var share: String { total > 0 ? "\(done)/\(total) \(unit)" : "" }

    /// One line of the display.
    var line: String {
      let title = "\(id)".padding(toLength: 6, withPad: " ", startingAt: 0)
      let name = kind.padding(toLength: 9, withPad: " ", startingAt: 0)
      let shown = hasEnded && !endedBadly ? Terminal.bar(1, of: 1) : Terminal.bar(done, of: total)
      let tail = endedBadly ? message : [share, worker].joined(separator: "  ")
      return "\(title) \(name) \(Terminal.colored(state, padded: 10)) [\(shown)] \(tail)"
    }

    /// What a log wants to know: state changes and every tenth of the work.
    var landmark: String {
      let tenth = state == "running" && total > 0 ? done * 10 / total : 0
      return "\(state) \(tenth)"
    }
  }

  /// Returns when every job has ended, or nothing can go on.
  func watch() throws {
    var seen: [Int64: String] = [:]
    var drawn = 0
    while true {
      let jobs = try connection.query(Queries.watched, [.integer(run)]).map { try Job($0) }
      if Terminal.isInteractive {
        // Up over what was drawn, then each line anew.
        if drawn > 0 { print("\u{1B}[\(drawn)A", terminator: "") }
        for job in jobs { print("\u{1B}[2K\(job.line)") }
        drawn = jobs.count
      } else {
        for job in jobs where seen[job.id] != job.landmark {
          seen[job.id] = job.landmark
          print(
            "job \(job.id) \(job.kind) \(job.state) \(job.endedBadly ? job.message : job.share)")
        }
      }
      fflush(nil)
      if let end = verdict(jobs) {
        if let failure = end { throw failure }
        return
      }
      usleep(500_000)
    }
  }

  /// Nil while work goes on; else whether it ended badly. A failed job's dependents stay blocked: they
  /// are not waited for.
  private func verdict(_ jobs: [Job]) -> Failure?? {
    guard !jobs.contains(where: { $0.state == "ready" || $0.state == "running" }) else {
      return nil
    }
    if let bad = jobs.first(where: \.endedBadly) {
      return .some(Failure(message: "job \(bad.id) (\(bad.kind)) \(bad.state): \(bad.message)"))
    }
    return jobs.allSatisfy(\.hasEnded) ? .some(nil) : nil
  }
}
