// `pra gc --schedule`: garbage that workers collect at times of a calendar.

import ArgumentParser
import Postgres

struct UpkeepOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Let workers do this at the times of a cron line, in place of the rule before.",
      valueName: "cron")) var schedule: String?
  @Option(help: "Time zone of --schedule. (default: UTC)") var timeZone: String?
  @Flag(help: "End what --schedule began.") var unschedule = false

  var isAsked: Bool { schedule != nil || unschedule }

  func validate() throws {
    guard schedule == nil || !unschedule else {
      throw ValidationError("--schedule and --unschedule: give one of the two")
    }
    guard timeZone == nil || schedule != nil else {
      throw ValidationError("--time-zone is that of --schedule, which is not given")
    }
    guard schedule?.count ?? 0 <= 200 else {
      throw ValidationError("--schedule: has \(schedule!.count) characters, expected at most 200")
    }
  }
}

extension GarbageCollection {
  /// Refuses options that have no effect beside --schedule and --unschedule.
  func validateSchedule() throws {
    guard upkeep.isAsked else { return }
    let (unschedule, asked) = (upkeep.unschedule, upkeep.unschedule ? "--unschedule" : "--schedule")
    for (option, isGiven) in [
      ("a run", !targets.names.isEmpty), ("--dry-run", dryRun), ("--compact", compact),
      ("--json", json), ("--drop-metrics-before", dropMetricsBefore != nil),
      ("--drop-events-before", dropEventsBefore != nil),
    ] where isGiven {
      throw ValidationError("\(option) has no effect with \(asked)")
    }
    guard !unschedule || !hasRule && thin == nil else {
      throw ValidationError("--keep and --thin have no effect with --unschedule")
    }
  }

  /// Sets or ends the rule by which workers collect garbage.
  func keepSchedule() throws {
    let connection = try Database.connect(.owner)
    if upkeep.unschedule {
      let wasSet = try connection.query(Queries.unsetUpkeep).single().boolean("was_set")
      guard wasSet else { throw NotFound(message: "pra gc is not scheduled") }
      print("workers collect no garbage any more; pra gc does")
      return
    }
    try checkSeries(connection)
    let first = try connection.query(
      Queries.setUpkeep,
      [
        .text(upkeep.schedule!), .text(upkeep.timeZone ?? "UTC"), .double(grace * 3600),
        hasRule ? .integer(keepLast ?? 1) : .null, .integer(keepBest ?? 0),
        .optional(keepEvery) { .integer($0) }, .text(by), .optional(thin) { .integer($0) },
        .integer(Int64(thinAfter)),
      ]
    ).single()
    print(
      "workers collect garbage, first at \(try first.string("first")) (\(upkeep.timeZone ?? "UTC"))"
    )
  }
}
