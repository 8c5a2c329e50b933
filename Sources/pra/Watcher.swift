// Progress of a run: bars on a terminal, one line per change elsewhere.

import ArgumentParser
import Files
import Foundation
import JobQueue
import Postgres

struct Watch: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show the progress of runs until all their jobs have ended; exit 1 if one failed.",
    discussion: """
      Without a name it shows every run that has unfinished jobs. Of more than a thousand jobs it shows their \
      numbers by state, and those that run or ended badly.
      Example: pra watch emoji emoji-clean
      """)

  @OptionGroup var targets: RunTargets
  @Flag(
    help:
      "Print one JSON object per line, for every change of a job; of more than a thousand jobs, of a run."
  )
  var json = false

  func run() throws {
    let connection = try Database.connect(.read)
    let ids =
      targets.names.isEmpty
      ? try connection.query(Queries.activeRuns).map { try $0.integer("id") }
      : try connection.runs(named: targets.names).map(\.id)
    guard !ids.isEmpty else {
      complain("pra: no run is at work")
      return
    }
    try Watcher(try Database.url(.read), runs: ids, isJSON: json).watch()
  }
}

struct Watcher {
  private let url: DatabaseURL
  private let runs: Parameter
  private let isJSON: Bool
  /// The jobs that are waited for; nil for all of the runs.
  private let jobs: Set<Int64>?

  init(_ url: DatabaseURL, runs: [Int64], jobs: [Int64]? = nil, isJSON: Bool = false) {
    self.url = url
    self.jobs = jobs.map(Set.init)
    self.runs = .text("{\(runs.map(String.init).joined(separator: ","))}")
    self.isJSON = isJSON
  }

  /// Microseconds between two looks.
  private static let pause: UInt32 = 500_000
  /// Looks without a running job after which the reason is asked for: 5 s.
  private static let patience = 10

  /// Returns when every job has ended; waits for a database that is away.
  /// - Throws: `Failure` if a job ended badly
  func watch() throws {
    var session = RetryingConnection(
      url: url, role: .read, name: "pra watch", report: { complain("pra: \($0)") })
    var display = Display(isJSON: isJSON)
    var (idle, waiting) = (0, 0)
    while true {
      let clock = ContinuousClock()
      let start = clock.now
      let look = try session.run { connection in
        try connection.settleOverdue()
        return try WatchedRuns(connection, runs, only: jobs)
      }
      idle = look.runs.contains { $0.counts["running"] != nil } ? 0 : idle + 1
      var reason: String?
      if idle >= Self.patience {
        reason = try session.run { connection in
          try connection.query(Queries.whyReady, [runs]).first.map {
            let remedy =
              try $0.string("reason").contains("no-worker") ? "; start one with pra worker" : ""
            return "job \(try $0.string("id")) waits: \(try $0.string("detail"))\(remedy)"
          }
        }
      }
      // A preview may wait beside work that goes on.
      let isWaiting = look.jobs.contains { $0.isPreview && $0.state == "ready" }
      waiting = isWaiting ? waiting + 1 : 0
      if reason == nil, waiting >= Self.patience {
        reason = try session.run { connection in
          try connection.query(Queries.whyPreview, [runs]).first.map {
            "job \(try $0.string("id")) (preview) waits: \(try $0.string("detail"))"
          }
        }
      }
      display.show(look, note: reason)
      if let end = verdict(look) {
        if let failure = end { throw failure }
        return
      }
      // A look at very many jobs is repeated less often: looking takes a tenth of the time at most.
      let cost = Double(start.duration(to: clock.now) / .microseconds(1))
      usleep(max(Self.pause, UInt32(min(10_000_000, cost * 9))))
    }
  }

  /// The outcome of the run: the outer nil while work goes on, the inner nil for success. The
  /// dependents of a failed job stay blocked and are not waited for.
  private func verdict(_ look: WatchedRuns) -> Failure?? {
    guard !look.isAtWork else { return nil }
    if let bad = look.jobs.first(where: \.endedBadly) {
      let reason = bad.message.isEmpty ? "" : ": \(bad.message)"
      return .some(
        Failure(
          message: "job \(bad.id) (\(bad.title)) \(bad.state)\(reason); see pra logs \(bad.id)"))
    }
    return look.isComplete ? .some(nil) : nil
  }
}

/// The lines shown so far.
private struct Display {
  let isJSON: Bool
  private var landmarks: [Int64: String] = [:]
  private var runLandmarks: [Int64: String] = [:]
  private var note: String?
  private var drawn = 0

  init(isJSON: Bool) { self.isJSON = isJSON }

  mutating func show(_ look: WatchedRuns, note: String?) {
    if Terminal.isInteractive && !isJSON {
      draw(look, note: note)
    } else {
      if look.isSummary {
        for run in look.runs where runLandmarks[run.id] != run.landmark {
          runLandmarks[run.id] = run.landmark
          print(isJSON ? run.json : run.line)
        }
      }
      let isOfMany = Set(look.jobs.map(\.run.id)).count > 1
      for job in look.jobs
      where landmarks[job.id] != job.landmark && (!look.isSummary || job.endedBadly && !isJSON) {
        landmarks[job.id] = job.landmark
        if isJSON {
          printExactly(job.json)
        } else {
          let tail =
            [job.lostSince.map { "since \($0) UTC" } ?? job.progress, job.message]
            .first { !$0.isEmpty && !job.endedBadly } ?? job.message
          let run = isOfMany ? "run \(job.run.id) (\(job.run.name)): " : ""
          print("\(run)job \(job.id) \(job.title) \(job.state)\(tail.isEmpty ? "" : " \(tail)")")
        }
      }
      if let note, note != self.note { complain("pra: \(note)") }
      self.note = note
    }
  }

  private func summary(_ run: (id: Int64, name: String), _ jobs: [WatchedJob]) -> String {
    let done = jobs.count { $0.state == "succeeded" }
    let running = jobs.filter { $0.state == "running" }
    let bad = jobs.count(where: \.endedBadly)
    let share = running.map(\.share).first { !$0.isEmpty } ?? ""
    let name = "\(run.name.shown) (\(run.id))".padding(toLength: 28, withPad: " ", startingAt: 0)
    return
      "\(name) [\(Terminal.bar(Int64(done), of: Int64(jobs.count)))] \(done)/\(counted(jobs.count, "job"))"
      + (running.isEmpty ? "" : ", \(running.map(\.title).joined(separator: " ")) \(share)".shown)
      + (bad == 0 ? "" : ", \(bad) ended badly")
  }

  /// Draws over the earlier lines. If there are more jobs than rows, only running and failed ones
  /// are shown.
  private mutating func draw(_ look: WatchedRuns, note: String?) {
    let (rows, columns) = Terminal.size
    var lines: [String] = []
    let room = max(1, rows - 3)
    let jobs = look.jobs
    if look.isSummary {
      lines = look.runs.prefix(room).map { run in
        let bar = Terminal.bar(Int64(run.succeeded), of: Int64(run.jobs))
        return String("[\(bar)] \(run.line)".prefix(columns))
      }
      lines += jobs.prefix(max(0, room - lines.count)).map { $0.line(width: columns) }
      return redraw(lines, note: note, columns: columns)
    }
    let runs = jobs.reduce(into: [(id: Int64, name: String)]()) { runs, job in
      if runs.last?.id != job.run.id { runs.append(job.run) }
    }
    if runs.count > 1 {
      // One line per run, with its jobs below if all of them fit.
      let isWhole = jobs.count + runs.count <= room
      for run in runs.prefix(isWhole ? runs.count : room - 1) {
        let own = jobs.filter { $0.run.id == run.id }
        lines.append(String(summary(run, own).prefix(columns)))
        if isWhole { lines += own.map { "  " + $0.line(width: columns - 2) } }
      }
      if !isWhole && runs.count > room - 1 {
        lines.append("and \(counted(runs.count - room + 1, "run")) more")
      }
    } else if jobs.count > room {
      let now = jobs.filter { $0.state == "running" || $0.endedBadly }
      lines = now.prefix(room - 1).map { $0.line(width: columns) }
      let done = jobs.count { $0.state == "succeeded" }
      lines.append(
        "\(counted(jobs.count, "job")), \(done) succeeded, \(now.count) running or ended badly")
    } else {
      lines = jobs.map { $0.line(width: columns) }
    }
    redraw(lines, note: note, columns: columns)
  }

  private mutating func redraw(_ lines: [String], note: String?, columns: Int) {
    var lines = lines
    if let note { lines.append(String(note.shown.prefix(columns))) }
    if drawn > 0 { StandardOutput.write(Array("\u{1B}[\(drawn)A\u{1B}[J".utf8)) }
    printExactly(lines.joined(separator: "\n"))
    drawn = lines.count
  }
}
