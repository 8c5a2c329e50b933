// Runs as `watch` sees them: every job of a few, or the counts of many.

import Files
import Foundation
import Postgres

/// The jobs of one run, counted by state.
struct WatchedRun {
  let id: Int64
  let name: String
  var counts: [String: Int] = [:]

  static let states = [
    "blocked", "ready", "running", "lost", "succeeded", "failed", "cancelled", "quarantined",
  ]

  var jobs: Int { counts.values.reduce(0, +) }
  var succeeded: Int { counts["succeeded"] ?? 0 }
  var endedBadly: Int {
    ["failed", "cancelled", "quarantined"].reduce(0) { $0 + (counts[$1] ?? 0) }
  }

  /// A text that changes when a log should have a new line: at each hundredth of the jobs, and when one ends badly.
  var landmark: String {
    "\(jobs) \((succeeded + endedBadly) * 100 / max(1, jobs)) \(endedBadly)"
  }

  var line: String {
    let parts = Self.states.compactMap { state in counts[state].map { "\($0) \(state)" } }
    return "run \(id) (\(name)): \(counted(jobs, "job")), \(parts.joined(separator: ", "))"
  }

  var json: String {
    JSONText.object(
      JSONText.members(of: (id, name)) + [("jobs", String(jobs))]
        + Self.states.map { ($0, String(counts[$0] ?? 0)) })
  }
}

/// One look at runs.
struct WatchedRuns {
  /// Jobs above which runs are counted, and a few jobs shown.
  static let most = 1000

  let runs: [WatchedRun]
  /// Every job; of more than `most` those that run, and after them those that ended badly, some of each.
  let jobs: [WatchedJob]
  /// Jobs of other runs whose data set these wait for.
  private let awaited: [WatchedJob]

  var isSummary: Bool { runs.reduce(0) { $0 + $1.jobs } > Self.most }
  var isAtWork: Bool {
    runs.contains { run in ["ready", "running", "lost"].contains { run.counts[$0] != nil } }
      || awaited.contains { !$0.hasEnded }
  }
  var isComplete: Bool { !isAtWork && runs.allSatisfy { $0.counts["blocked"] == nil } }

  /// - Parameter only: the jobs that are looked at; nil for all of the runs
  init(_ connection: Connection, _ numbers: Parameter, only wanted: Set<Int64>? = nil) throws {
    if let wanted {
      let jobs = try Self.jobs(connection, wanted.sorted())
      var run = WatchedRun(id: jobs.first?.run.id ?? 0, name: jobs.first?.run.name ?? "")
      for job in jobs { run.counts[job.state, default: 0] += 1 }
      (self.jobs, runs, awaited) = (jobs, [run], [])
      return
    }
    var runs: [WatchedRun] = []
    for row in try connection.query(Queries.watchedRuns, [numbers]) {
      let id = try row.integer("run_id")
      if runs.last?.id != id { runs.append(WatchedRun(id: id, name: try row.string("run_name"))) }
      runs[runs.count - 1].counts[try row.string("state")] = Int(try row.integer("jobs"))
    }
    self.runs = runs
    let isLarge = runs.reduce(0) { $0 + $1.jobs } > Self.most
    awaited = try Self.jobs(connection, TrainedQueries.awaitedElsewhere, numbers)
    let own = try Self.jobs(
      connection, isLarge ? Queries.someJobsOfRuns : Queries.jobsOfRuns, numbers)
    // Shown while work goes on, as the first of what these runs wait for.
    jobs =
      awaited
      + (isLarge ? own.filter { !$0.hasEnded } + own.filter(\.hasEnded) : own)
  }

  /// The jobs whose numbers a query of runs gives, by run and number.
  private static func jobs(_ connection: Connection, _ query: String, _ runs: Parameter) throws
    -> [WatchedJob]
  {
    try jobs(connection, connection.query(query, [runs]).map { try $0.integer("id") })
  }

  private static func jobs(_ connection: Connection, _ ids: [Int64]) throws -> [WatchedJob] {
    try connection.query(Queries.watched, [.integers(ids)]).map { try WatchedJob($0) }
  }
}
