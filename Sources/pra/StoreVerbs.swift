// `pra store` and `pra gc`: the place of artifacts, and the deletion of those that nobody needs.

import ArgumentParser
import Files
import Foundation
import Postgres
import RunStore

struct Store: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show where artifacts are stored, set where new large ones go, verify what is there.",
    discussion: """
      A location is database, file:/folder that all machines share, or \
      s3://bucket/prefix?endpoint=https://host&region=name&ca=/path/of/authority.pem. Old artifacts stay \
      where they are. Each host has its own keys: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and \
      AWS_SESSION_TOKEN), or AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN, or the profile AWS_PROFILE in \
      ~/.aws/credentials, which are read again when they have expired; the database never holds them. \
      What the location leaves out is taken from AWS_REGION, AWS_ENDPOINT_URL and AWS_CA_BUNDLE.
      Example: pra store file:/srv/pra-artifacts
      """,
    subcommands: [StoreUse.self, StoreVerify.self, StoreForget.self],
    defaultSubcommand: StoreUse.self)
}

struct StoreUse: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "use",
    abstract: "Show the stores, or choose the one that new large artifacts go to (the default).",
    discussion: """
      A store belongs to one database: the first that uses it writes pra-store.json into it, and every \
      writer and pra gc compare it. A folder must be empty and yours, a prefix empty. A database that was \
      restored or cloned from another one is another database: --take-over gives it the store, and the \
      other one can write and delete there no longer.
      Example: pra store use file:/srv/pra-artifacts
      """)

  @Argument(help: "Where new artifacts above 1 MiB are stored.") var location: String?
  @Flag(help: "Take a store that belongs to another database, whose place this one takes.")
  var takeOver = false
  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard !takeOver || location != nil && location != "database" else {
      throw ValidationError("--take-over: name the store, as in file:/srv/pra-artifacts")
    }
    try location.map(requireLocation)
  }

  func run() throws {
    if let location {
      var mark: String?
      if location != "database" {
        var store = try Database.store(.owner, patience: .probe())
        // A store that cannot write, read back and delete now would fail every job later.
        mark = try reportingStores { try store.claim(location, takingOver: takeOver) }
      }
      try Database.connect(.owner).query(
        Queries.useStore, [.text(location), .optional(mark) { .text($0) }])
    }
    try Database.connect(.read).show(Queries.stores, rows: Queries.stores, [], output)
  }
}

struct StoreVerify: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Read everything that the stores hold, and name what is damaged or missing.",
    discussion: """
      Prints each artifact whose bytes do not read, what it belongs to, and how it comes back: whoever has \
      the bytes stores them anew. Nothing is deleted. Exits with 1 if something is damaged or missing, or \
      if a store cannot be asked.
      Example: pra store verify
      """)

  @Flag(help: "Print JSON.") var json = false

  func run() throws {
    var store = try Database.store(.owner)
    let found = try reportingStores { try store.verify() }
    if json {
      print(found.json)
    } else {
      print("\(found.artifacts) artifacts read, \(found.bytes) bytes outside of rows")
      for suspect in found.suspects { for line in suspect.lines { print(line) } }
      for (location, reason) in found.away { print("not asked: \(location): \(reason)") }
    }
    let (damaged, away) = (found.suspects.count, found.away.count)
    guard damaged > 0 || away > 0 else { return }
    throw Failure(
      message: [
        damaged > 0 ? "\(damaged) artifact\(damaged == 1 ? " does" : "s do") not read" : nil,
        away > 0 ? "\(away) store\(away == 1 ? "" : "s") cannot be asked" : nil,
      ].compactMap { $0 }.joined(separator: ", "))
  }
}

struct StoreForget: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "forget",
    abstract: "Forget a store that is gone.",
    discussion: """
      The store is not asked, and what lies in it stays. It must not be the one that new artifacts go to. \
      Where artifacts that something needs lie only there, the number is printed and nothing happens without \
      --lose-artifacts; stored again, a lost artifact is whole again.
      Example: pra store forget s3://models/old?endpoint=https://minio.lab:9000
      """)

  @Argument(help: "Location of the store, as pra store shows it.") var location: String
  @Flag(help: "Forget it though artifacts that something needs lie only there.")
  var loseArtifacts = false

  func validate() throws { try requireLocation(location) }

  func run() throws {
    let row: Row
    do {
      row = try Database.connect(.owner).query(
        Queries.forgetStore, [.text(location), .boolean(loseArtifacts)]
      ).single()
    } catch let error as PostgresError where error.sqlState == "PR006" {
      throw Failure(
        message: "\(error.message); bring it back, or lose them with --lose-artifacts")
    } catch let error as PostgresError where error.sqlState == "PR002" {
      throw NotFound(message: error.message)
    } catch let error as PostgresError where error.sqlState == "PR004" {
      throw Failure(message: "\(error.message), as in `pra store database`")
    }
    let lost = try row.integer("artifacts")
    print("forgotten: \(location)")
    if lost > 0 {
      print(
        "lost with it: \(lost) artifacts, \(try row.string("bytes")) bytes; pra store verify names them"
      )
    }
  }
}

private func requireLocation(_ text: String) throws {
  guard text == "database" || text.hasPrefix("file:/") || text.hasPrefix("s3://") else {
    throw ValidationError(
      "location '\(text)': expected database, file:/folder or s3://bucket/prefix")
  }
}

/// Reports errors of stores as errors of the command.
private func reportingStores<T>(_ body: () throws -> T) throws -> T {
  do {
    return try body()
  } catch let error where error is StoreError || error is StoreAway {
    throw Failure(message: "\(error)")
  }
}

extension SuspectArtifact {
  fileprivate var lines: [String] {
    ["\(sha256) (\(size) bytes, \(location)): \(reason)"]
      + uses.map { use in
        let run = use.run.map { "run \($0) \(use.runName ?? ""), " } ?? ""
        return "  \(run)job \(use.job) (\(use.kind)): \(use.what)"
      } + ["  remedy: \(remedy)"]
  }

  fileprivate var json: String {
    JSONText.object([
      ("sha256", JSONText.string(sha256)), ("size", String(size)),
      ("location", JSONText.string(location)), ("reason", JSONText.string(reason)),
      (
        "uses",
        JSONText.array(
          uses.map {
            JSONText.object([
              ("run", $0.run.map(String.init) ?? "null"), ("job", String($0.job)),
              ("kind", JSONText.string($0.kind)), ("what", JSONText.string($0.what)),
            ])
          })
      ), ("remedy", JSONText.string(remedy)),
    ])
  }
}

extension Verification {
  fileprivate var json: String {
    JSONText.object([
      ("artifacts", String(artifacts)), ("bytes", String(bytes)),
      ("suspects", JSONText.array(suspects.map(\.json))),
      (
        "away",
        JSONText.array(
          away.map {
            JSONText.object([
              ("location", JSONText.string($0.location)), ("reason", JSONText.string($0.reason)),
            ])
          })
      ),
    ])
  }
}

struct GarbageCollection: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gc",
    abstract: "Drop checkpoints by rule, and delete artifacts that nothing refers to.",
    discussion: """
      Without a --keep option no checkpoint is dropped. The newest of each job always stays, since the \
      job resumes from it. --keep-best ranks a checkpoint by the mean of the metric since the checkpoint \
      before it. Artifacts are deleted when nothing refers to them and nobody has stored them within the \
      grace period, whatever runs; those that a running attempt has stored and not yet referred to stay.
      --thin deletes metric points of finished jobs but for every n-th step; summaries and the rollups that \
      plots of long runs are drawn from stay.
      Example: pra gc emoji --keep-last 2 --keep-best 1 --by loss.rec --keep-every 1000 --dry-run
      """)

  @Argument(
    help: ArgumentHelp(
      "Numbers or names of runs whose checkpoints and metrics the rules apply to; by default all.",
      valueName: "run"))
  var runNames: [String] = []
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
  @Flag(help: "Only print what would be deleted.") var dryRun = false
  @Flag(help: "Print JSON.") var json = false

  private var hasRule: Bool { keepLast != nil || keepBest != nil || keepEvery != nil }

  func validate() throws {
    guard (keepLast ?? 1) >= 1 else {
      throw ValidationError(
        "--keep-last \(keepLast!): expected 1 or more, since a job goes on from its newest checkpoint"
      )
    }
    guard (keepBest ?? 0) >= 0 else {
      throw ValidationError("--keep-best \(keepBest!): expected 0 or more")
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
    guard runNames.isEmpty || hasRule || thin != nil else {
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
    var away: [String] = []
    let garbage = try store.collectGarbage(grace: grace * 3600, dry: dryRun) { location, error in
      away.append(location)
      complain("pra gc: \(location): \(error)")
    }
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
    json ? printJSON(checkpoints, garbage + months) : printText(checkpoints, garbage + months)
    guard away.isEmpty else {
      throw Failure(
        message:
          "\(away.joined(separator: ", ")): not collected now; the next pra gc does it, or `pra store forget` "
          + "where a store is gone")
    }
  }

  /// Bytes of a point with its part of the index, measured on fifteen million.
  private static let bytesOfPoint: Int64 = 149

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
