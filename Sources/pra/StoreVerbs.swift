// `pra store` and `pra gc`: the place of artifacts, and the deletion of those that nobody needs.

import ArgumentParser
import Files
import Foundation
import Postgres
import RunStore

struct Store: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show where artifacts are stored, or set where new large ones go.",
    discussion: """
      A location is database, file:/folder that all machines share, or \
      s3://bucket/prefix?endpoint=https://host&region=name. Old artifacts stay where they are. Workers \
      take AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY from their environment; the database never \
      holds them.
      Example: pra store file:/srv/pra-artifacts
      """)

  @Argument(help: "Where new artifacts above 1 MiB are stored.") var location: String?
  @OptionGroup var output: OutputOptions

  func run() throws {
    if let location {
      if location != "database" {
        var store = try Database.store(.owner)
        // A store that cannot write, read back and delete now would fail every job later.
        do { try store.probe(location) } catch { throw Failure(message: "\(error)") }
      }
      try Database.connect(.owner).query(Queries.useStore, [.text(location)])
    }
    try Database.connect(.read).show(Queries.stores, rows: Queries.stores, [], output)
  }
}

struct GarbageCollection: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gc",
    abstract: "Drop checkpoints by rule, and delete artifacts that nothing refers to.",
    discussion: """
      Without a --keep option no checkpoint is dropped. The newest of each job always stays, since the \
      job resumes from it. --keep-best ranks a checkpoint by the mean of the metric since the checkpoint \
      before it. Artifacts are deleted when nothing has referred to them for the grace period.
      Example: pra gc emoji --keep-last 2 --keep-best 1 --by loss.rec --keep-every 1000 --dry-run
      """)

  @Argument(
    help: ArgumentHelp(
      "Numbers or names of runs whose checkpoints the rules apply to; by default all.",
      valueName: "run"))
  var runNames: [String] = []
  @Option(parsing: .unconditional, help: "Number of newest checkpoints of each job to keep.")
  var keepLast: Int64?
  @Option(parsing: .unconditional, help: "Number of best checkpoints of each job to keep.")
  var keepBest: Int64?
  @Option(help: "The metric that says which checkpoint is best.") var by = "loss"
  @Option(parsing: .unconditional, help: "Keep checkpoints whose step is a multiple of this.")
  var keepEvery: Int64?
  @Option(
    parsing: .unconditional, help: "Hours without a reference after which an artifact is deleted.")
  var grace = 24.0
  @Option(help: "Delete metric points of months before this date, as in 2026-01-01.")
  var dropMetricsBefore: String?
  @Option(help: "Delete events of months before this date.") var dropEventsBefore: String?
  @Flag(help: "Only print what would be deleted.") var dryRun = false
  @Flag(help: "Print JSON.") var json = false

  private var hasRule: Bool { keepLast != nil || keepBest != nil || keepEvery != nil }

  func validate() throws {
    guard (keepLast ?? 1) >= 1 else {
      throw ValidationError(
        "--keep-last \(keepLast!): expected 1 or more, since a job goes on from its newest checkpoint"
      )
    }
    guard (keepBest ?? 0) >= 0, (keepEvery ?? 1) >= 1 else {
      throw ValidationError("--keep-best: expected 0 or more; --keep-every: expected 1 or more")
    }
    guard grace >= 0, grace < 1e6 else {
      throw ValidationError("--grace \(grace): expected hours from 0")
    }
    guard runNames.isEmpty || hasRule else {
      throw ValidationError("a run is named, but no --keep option says what stays of it")
    }
  }

  func run() throws {
    let connection = try Database.connect(.owner)
    let runs: [Int64?] =
      runNames.isEmpty ? [nil] : try runNames.map { try connection.run(named: $0).id }
    var store = try Database.store(.owner)
    var checkpoints: [RetainedCheckpoint] = []
    if hasRule {
      let rules = Retention(
        keepLast: keepLast ?? 1, keepBest: keepBest ?? 0, metric: by, keepEvery: keepEvery)
      checkpoints = try runs.flatMap { try store.retain(rules, run: $0, dry: dryRun) }
    }
    let garbage: [Garbage]
    do {
      garbage = try store.collectGarbage(grace: grace * 3600, dry: dryRun)
    } catch let error as StoreError {
      throw Failure(message: "\(error)")
    }
    var months: [Garbage] = []
    for (what, before, statement) in [
      ("metrics", dropMetricsBefore, Queries.dropMetrics),
      ("events", dropEventsBefore, Queries.dropEvents),
    ] {
      guard let before else { continue }
      months += try connection.query(statement, [.text(before), .boolean(dryRun)]).map {
        Garbage(
          what: "\(what) of \(try $0.string("partition").suffix(6))", count: 1,
          bytes: try $0.integer("bytes"))
      }
    }
    json ? printJSON(checkpoints, garbage + months) : printText(checkpoints, garbage + months)
  }

  private func printText(_ checkpoints: [RetainedCheckpoint], _ garbage: [Garbage]) {
    if hasRule {
      print(
        Table(
          header: ["job", "step", dryRun ? "would" : "was"],
          rows: checkpoints.map {
            [String($0.job), String($0.step), $0.reason.map { "kept: \($0)" } ?? "dropped"]
          }
        ))
    }
    for one in garbage where one.count > 0 {
      print(
        "\(one.what): \(one.count), \(one.bytes) bytes\(dryRun ? " would be deleted" : " deleted")")
    }
    if garbage.allSatisfy({ $0.count == 0 }) { print("no garbage") }
  }

  private func printJSON(_ checkpoints: [RetainedCheckpoint], _ garbage: [Garbage]) {
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
        ), ("dry", dryRun ? "true" : "false"),
      ]))
  }
}
