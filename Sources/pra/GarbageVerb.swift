// `pra gc`: the end of what nobody needs.

import ArgumentParser
import Configuration
import Files
import Foundation
import JobQueue
import Postgres
import RunStore

struct GarbageCollection: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gc",
    abstract:
      "Drop checkpoints by rule, and delete artifacts that nothing refers to and deleted runs.",
    discussion: """
      The rules apply to the runs that are named, or to all. Without a --keep option no checkpoint is dropped. The newest of each job stays while its run has jobs that \
      may read it; --keep-last 0 drops it afterwards. --keep-best ranks a checkpoint by the mean of the metric since the checkpoint \
      before it. Artifacts are deleted when nothing refers to them and nobody has stored them within the \
      grace period, whatever runs; those that a running attempt has stored and not yet referred to stay. Rows of \
      runs that were deleted before the grace period go for good.
      --thin deletes metric points of finished jobs but for every n-th step; summaries and the rollups that \
      plots of long runs are drawn from stay.
      The database keeps freed pages of its files for new rows; the last line says how many. --compact writes its \
      tables anew, which gives them back to the disk, while nothing else can read or write: it refuses while jobs run. What \
      is written meanwhile lies in the server's log (WAL) too, whose size the last line has: df shows all freed room only \
      after PostgreSQL's next checkpoints, some minutes later.
      --schedule lets workers do it: with the rules beside it, for all runs, at the times of a cron line (as pra \
      schedule). Any worker that is there does it, whichever jobs it runs; pra schedules lists it, --unschedule ends it.
      Example: pra gc --schedule "17 4 * * *" --keep-last 1 --keep-best 1
      Example: pra gc emoji --keep-last 2 --keep-best 1 --by loss.rec --keep-every 1000 --dry-run
      """)

  @OptionGroup var targets: RunTargets
  @Option(parsing: .unconditional, help: "Number of newest checkpoints of each job to keep.")
  var keepLast: Int64?
  @Option(parsing: .unconditional, help: "Number of best checkpoints of each job to keep.")
  var keepBest: Int64?
  @Option(help: "The metric that says which checkpoint is best.") var by = "loss"
  @Option(
    parsing: .unconditional,
    help: "Keep the first checkpoint at or after each multiple of so many steps.")
  var keepEvery: Int64?
  @Option(
    parsing: .unconditional, help: "Hours without a reference after which an artifact is deleted.")
  var grace = 24.0
  @Option(parsing: .unconditional, help: "Keep the metric points of every n-th step.")
  var thin: Int64?
  @Option(
    parsing: .unconditional,
    help: "Age in days from which --thin applies to a point. (default: 30)",
    transform: OptionValue.whole(0...100_000))
  var thinAfter = 30
  @Option(help: "Delete metric points of months before this date, as in 2026-01-01.")
  var dropMetricsBefore: String?
  @Option(help: "Delete events of months before this date.") var dropEventsBefore: String?
  @Flag(help: "Give the disk back what the database's tables no longer need.") var compact = false
  @OptionGroup var upkeep: UpkeepOptions
  @Flag(help: "Only print what would be deleted.") var dryRun = false
  @Flag(help: "Print JSON.") var json = false

  /// Refuses a series that no training can have and no job has had.
  func checkSeries(_ connection: Connection) throws {
    let known = MetricSeries.ofAnyTraining
    guard (keepBest ?? 0) > 0, !known.contains(by) else { return }
    let found = try connection.query(RunSearchQueries.figureNames).map { try $0.string("name") }
    guard !found.contains(by) else { return }
    let near = nearest(to: by, among: known + found).map { "; did you mean '\($0)'?" } ?? ""
    throw ValidationError("--by \(by): no job has such a series\(near)")
  }

  var hasRule: Bool { keepLast != nil || keepBest != nil || keepEvery != nil }

  func validate() throws {
    try validateSchedule()
    for (option, value) in [("--keep-last", keepLast), ("--keep-best", keepBest)] {
      guard 0...Int64(Int32.max) ~= value ?? 0 else {
        throw ValidationError("\(option) \(value!): expected 0 to \(Int32.max)")
      }
    }
    guard !compact || !dryRun else {
      throw ValidationError("--compact has no effect with --dry-run")
    }
    guard (keepEvery ?? 1) >= 1 else {
      throw ValidationError("--keep-every \(keepEvery!): expected 1 or more")
    }
    guard grace >= 0, grace < 1e6 else {
      throw ValidationError("--grace \(grace): expected hours from 0 to below 1000000")
    }
    for (option, date) in [
      ("--drop-metrics-before", dropMetricsBefore), ("--drop-events-before", dropEventsBefore),
    ] {
      guard date.map(Self.isDate) ?? true else {
        throw ValidationError("\(option) '\(date!)': expected a date as 2026-01-01")
      }
    }
    guard (thin ?? 2) >= 2 else {
      throw ValidationError("--thin \(thin!): expected 2 or more; one point of so many stays")
    }
    guard targets.names.isEmpty || hasRule || thin != nil else {
      throw ValidationError("a run is named, but neither --keep nor --thin says what stays of it")
    }
  }

  /// Whether a text is a day of the Gregorian calendar, as in 2026-01-31.
  private static func isDate(_ text: String) -> Bool {
    guard let match = text.wholeMatch(of: /([0-9]{4})-([0-9]{2})-([0-9]{2})/),
      let year = Int(match.output.1), let month = Int(match.output.2),
      let day = Int(match.output.3),
      year >= 1, (1...12).contains(month)
    else { return false }
    let isLeapYear = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    let days = [31, isLeapYear ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    return (1...days[month - 1]).contains(day)
  }

  func run() throws {
    if upkeep.isAsked { return try keepSchedule() }
    let connection = try Database.connect(.owner)
    let runs: [Int64?] =
      targets.names.isEmpty ? [nil] : try targets.names.map { try connection.run(named: $0).id }
    if compact { try refuseWhileJobsRun(connection) }
    try checkSeries(connection)
    var away: [String] = []
    let (purged, checkpoints, garbage) =
      dryRun
      ? try connection.rehearsal { try rehearsed(connection, runs) }
      : try collected(connection, runs, away: &away)
    var months: [Garbage] = []
    if let thin {
      for run in runs {
        let series = try connection.query(
          Queries.thinMetrics,
          [
            .optional(run, Parameter.integer), .integer(thin), .integer(Int64(thinAfter)),
            .boolean(dryRun),
          ])
        let points = try series.reduce(0) { $0 + (try $1.integer("points")) }
        months.append(
          Garbage(
            what: "metric points of \(series.count) series" + (run.map { " of run \($0)" } ?? ""),
            count: points, bytes: points * Self.bytesOfPoint))
      }
    }
    for (what, before, statement) in [
      ("metrics", dropMetricsBefore, Queries.dropMetrics),
      ("events", dropEventsBefore, Queries.dropEvents),
    ] {
      guard let before else { continue }
      // The months are those of UTC.
      months += try connection.query(
        statement, [.text("\(before) 00:00:00+00"), .boolean(dryRun)]
      ).map {
        Garbage(
          what: "\(what) of \(try $0.string("partition").suffix(6))", count: 1,
          bytes: try $0.integer("bytes"))
      }
    }
    let size = try dryRun ? nil : DatabaseSize(afterVacuum: compact, connection)
    json
      ? printJSON(checkpoints, garbage + months, purged, size)
      : printText(checkpoints, garbage + months, purged, size)
    guard away.isEmpty else {
      throw Failure(
        message:
          "\(away.joined(separator: ", ")): not collected now; the next pra gc does it, or `pra store forget` "
          + "where a store is gone")
    }
  }

  /// Runs whose rows go, checkpoints by rule, and artifacts without references.
  private typealias Collected = ([PurgedRun], [RetainedCheckpoint], [Garbage])

  private var rules: Retention? {
    hasRule
      ? Retention(
        keepLast: keepLast ?? 1, keepBest: keepBest ?? 0, metric: by, keepEvery: keepEvery) : nil
  }

  /// Deletes the rows of deleted runs.
  private func purge(_ connection: Connection) throws -> [PurgedRun] {
    try connection.query(Queries.purgeRuns, [.double(grace * 3600)]).map { try PurgedRun($0) }
  }

  private func collected(_ connection: Connection, _ runs: [Int64?], away: inout [String]) throws
    -> Collected
  {
    let purged = try purge(connection)
    var store = try Database.store(.owner)
    let checkpoints = try rules.map { rules in
      try runs.flatMap { try store.retain(rules, run: $0, dry: false) }
    }
    var missed: [String] = []
    let garbage = try store.collectGarbage(grace: grace * 3600, dry: false) { location, error in
      missed.append(location)
      complain("pra gc: \(location): \(error)")
    }
    away = missed
    return (purged, checkpoints ?? [], garbage)
  }

  /// The same within a transaction that is rolled back: artifacts lose their references with the runs and checkpoints
  /// that would go.
  private func rehearsed(_ connection: Connection, _ runs: [Int64?]) throws -> Collected {
    let purged = try purge(connection)
    let checkpoints = try rules.map { rules in
      try runs.flatMap { try connection.retain(rules, run: $0, dry: false) }
    }
    return (purged, checkpoints ?? [], try connection.garbage(grace: grace * 3600, dry: true))
  }

  /// Bytes of a point with its part of the index, measured on fifteen million.
  private static let bytesOfPoint: Int64 = 149

  private func refuseWhileJobsRun(_ connection: Connection) throws {
    let running = try connection.query(Queries.runningJobs).single().integer("running")
    guard running == 0 else {
      throw Failure(
        message:
          "--compact: \(counted(running, "job")) at work, whose writes would wait; call it when none runs"
      )
    }
  }

  private func printText(
    _ checkpoints: [RetainedCheckpoint], _ garbage: [Garbage], _ purged: [PurgedRun],
    _ size: DatabaseSize?
  ) {
    if hasRule {
      print(
        Table(
          header: ["job", "step", dryRun ? "would" : "was"],
          rows: checkpoints.map {
            [String($0.job), String($0.step), $0.reason.map { "kept: \($0)" } ?? "dropped"]
          }
        ))
      let bare = Set(checkpoints.map(\.job)).subtracting(
        checkpoints.filter { $0.reason != nil }.map(\.job))
      let unrated = Set(checkpoints.filter(\.isNotRated).map(\.job)).sorted()
      if !unrated.isEmpty {
        complain(
          "pra gc: job\(unrated.count == 1 ? "" : "s") \(unrated.prefix(10).map(String.init).joined(separator: ", "))"
            + (unrated.count > 10 ? " and \(unrated.count - 10) more" : "")
            + ": no point of the series \(by), so that all checkpoints stay (not rated)")
      }
      if !bare.isEmpty {
        print(
          "\(counted(bare.count, "job")) \(dryRun ? "would have" : "left with") no checkpoint: metrics, "
            + "evaluations, images and logs stay, and nothing can be drawn or gone on from")
      }
    }
    for run in purged { print(run.sentence(dry: dryRun)) }
    for one in garbage where one.count > 0 {
      print(
        "\(one.what): \(one.count), \(ByteCount.words(one.bytes)) \(dryRun ? "would be deleted" : "deleted")"
      )
    }
    if purged.isEmpty, garbage.allSatisfy({ $0.count == 0 }) { print("no garbage") }
    if let size { print(size.sentence) }
  }

  private func printJSON(
    _ checkpoints: [RetainedCheckpoint], _ garbage: [Garbage], _ purged: [PurgedRun],
    _ size: DatabaseSize?
  ) {
    printExactly(
      JSONText.object([
        (
          "checkpoints",
          JSONText.array(
            checkpoints.map {
              JSONText.object([
                ("job", String($0.job)), ("step", String($0.step)),
                ("kept", $0.reason.map(JSONText.string) ?? "null"),
              ])
            })
        ),
        (
          "garbage",
          JSONText.array(
            garbage.map {
              JSONText.object([
                ("what", JSONText.string($0.what)), ("count", String($0.count)),
                ("bytes", String($0.bytes)),
              ])
            })
        ), ("runs", JSONText.array(purged.map(\.json))),
        ("database_bytes", size.map { String($0.bytes) } ?? "null"),
        ("unused_bytes", size.map { String($0.unused) } ?? "null"),
        ("log_bytes", size?.log.map { String($0) } ?? "null"),
        ("dry", dryRun ? "true" : "false"),
      ]))
  }
}

/// A deleted run whose rows are gone.
private struct PurgedRun {
  let run: NamedRun
  let jobs: Int64
  /// Jobs that stay, since other runs read them.
  let kept: Int64

  init(_ row: Row) throws {
    run = (try row.integer("run"), try row.string("name"))
    (jobs, kept) = (try row.integer("jobs"), try row.integer("kept"))
  }

  func sentence(dry: Bool) -> String {
    let gone = dry ? "would be gone" : jobs == 1 ? "is gone" : "are gone"
    return "run \(run.id) (\(run.name)): \(counted(jobs, "job")) \(gone)"
      + (kept > 0 ? ", \(kept) stay\(kept == 1 ? "s" : ""), read by other runs" : "")
  }

  var json: String {
    JSONText.object(
      JSONText.members(of: run) + [
        ("jobs", String(jobs)),
        ("kept", String(kept)),
      ])
  }
}
