// Limits, weights and schedules.

import ArgumentParser
import Configuration
import Files
import Foundation
import JobKinds
import JobQueue
import Postgres

struct Limits: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List limits and the jobs that hold their slots, or set or remove one.",
    discussion: """
      A limit caps how many jobs run at once. A job that was enqueued with --limit NAME holds one of its \
      slots while it runs.
      Example: pra limits --set licence=4
      Example: pra limits --remove licence
      """)

  @Option(
    name: .customLong("set"), help: "A limit and its number of slots: name=slots.")
  var settings: [String] = []
  @Option(
    help: ArgumentHelp(
      "A limit to remove that no unfinished job names; may be repeated.", valueName: "name"))
  var remove: [String] = []
  @OptionGroup var output: OutputOptions

  func run() throws {
    let pairs = try settings.map { setting in
      guard let match = setting.wholeMatch(of: /([A-Za-z0-9][A-Za-z0-9_.:-]{0,99})=([0-9]{1,6})/),
        let slots = Int(match.2),
        slots <= 100_000
      else {
        throw ValidationError(
          "--set \(setting): expected name=slots, as in licence=4: a name of up to 100 letters, digits, _, ., "
            + ": and -, and 0 to 100000 slots")
      }
      return (String(match.1), slots)
    }
    if !pairs.isEmpty {
      let queue = SubmitQueue(try Database.connect(.submit))
      for (name, slots) in pairs { try queue.setLimit(name, slots: slots) }
    }
    if !remove.isEmpty {
      let connection = try Database.connect(.submit)
      for name in remove { try connection.query(TrainedQueries.removeLimit, [.text(name)]) }
    }
    let connection = try Database.connect(.read)
    for row in try connection.query(Queries.gangsTooLarge, [.texts(pairs.map(\.0))]) {
      complain(
        "pra: gang \(try row.string("id")) can no longer start: its \(try row.string("elements")) members need a "
          + "slot each of \(try row.string("name")), which has \(try row.string("slots"))")
    }
    try connection.show(Queries.limits, rows: Queries.limitRows, [], output)
  }
}

struct Weight: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Set the share of the workers that a run or a user gets when several wait.",
    discussion: "Example: pra weight 3 emoji")

  @Argument(help: "1 for the usual share, 2 for twice as much.") var weight: Double
  @Argument(help: ArgumentHelp("Number or name of a run.", valueName: "run")) var position: String?
  @Option(name: .customLong("run"), help: "Number or name of a run.") var runName: String?
  @Option(help: "Name of a database login, instead of a run.") var user: String?

  func validate() throws {
    guard [position, runName, user].count(where: { $0 != nil }) == 1 else {
      throw ValidationError("name a run or --user, one of the two")
    }
    guard weight >= 1e-6, weight <= 1e6 else {
      throw ValidationError("weight \(weight): expected a number from 0.000001 to 1000000")
    }
  }

  func run() throws {
    let connection = try Database.connect(.submit)
    if let runName = position ?? runName {
      try SubmitQueue(connection).setWeight(run: connection.run(named: runName).id, weight)
    } else if let user {
      try SubmitQueue(connection).setWeight(user: user, weight)
    }
  }
}

struct Schedules: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List schedules, or remove, pause or resume one.",
    discussion: "Example: pra schedules --pause nightly")

  @Option(help: "Name of a schedule to remove.") var remove: String?
  @Option(help: "Name of a schedule to pause.") var pause: String?
  @Option(help: "Name of a paused schedule to resume, from its next time on.") var resume: String?
  @OptionGroup var output: OutputOptions

  func run() throws {
    if remove != nil || pause != nil || resume != nil {
      let queue = SubmitQueue(try Database.connect(.submit))
      if let remove { try queue.unschedule(remove) }
      if let pause { try queue.pause(schedule: pause) }
      if let resume { try queue.pause(schedule: resume, false) }
    }
    try Database.connect(.read).show(Queries.schedules, rows: Queries.scheduleRows, [], output)
  }
}

struct Schedule: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Enqueue a job repeatedly, at times like those of cron.",
    discussion: """
      The times are minute, hour, day, month and weekday, as in crontab(5), or @hourly, @daily, @midnight, \
      @weekly, @monthly, @yearly or @annually. Workers enqueue due jobs at their heartbeats. A time that summer \
      time leaves out comes at the first moment after it; one that comes twice counts once, unless minute or \
      hour is * or has a step. Replaces a schedule of that name, and resumes it if it was paused. Prints the \
      first time.
      Example: pra schedule nightly "30 2 * * mon-fri" ingest --run emoji --config in.yaml \
      --time-zone Europe/Berlin
      """)

  @Argument(help: "Name of the schedule; replaces a schedule of that name.") var name: String
  @Argument(help: "Five fields in quotes, or an @ word.") var cron: String
  @Argument(help: "\(JobKindName.help)") var kind: String
  @Option(name: .customLong("run"), help: "Number or name of the run that the jobs belong to.")
  var runName: String
  @Option(help: "A YAML or JSON file with arguments.") var config: String?
  @Option(name: .customLong("set"), help: "One argument: dotted.key=value.") var settings:
    [String] = []
  @Option(help: "Time zone of the calendar.") var timeZone = "UTC"
  @Option(help: "Which times that passed without a worker are made up for: all, last or none.")
  var catchUp = "last"
  @Option(
    help: ArgumentHelp(
      "What a time does while the job of the time before has not ended: skip, or queue another one. By "
        + "default skip; queue with --catch-up all.", valueName: "skip|queue"))
  var overlap: String?
  @OptionGroup var line: LineOptions

  func validate() throws {
    guard CatchUp(rawValue: catchUp) != nil else {
      throw ValidationError("--catch-up \(catchUp): expected all, last or none")
    }
    if let overlap, Overlap(rawValue: overlap) == nil {
      throw ValidationError("--overlap \(overlap): expected skip or queue")
    }
    guard cron.count <= 200 else {
      throw ValidationError("cron: has \(cron.count) characters, expected at most 200")
    }
  }

  func run() throws {
    let kind = try JobKind(named: kind)
    let given = try config.map { try SettingValue(argumentsFile: $0) } ?? .null
    let connection = try Database.connect(.submit)
    let arguments = try kind.arguments(given, try settings.map { try Override($0) }) {
      try connection.trainArguments(ofJob: $0)
    }
    let first = try SubmitQueue(connection).schedule(
      name, cron: cron, run: try connection.run(named: runName).id, kind: kind.rawValue,
      arguments: arguments.json, timeZone: timeZone, catchUp: CatchUp(rawValue: catchUp)!,
      overlap: overlap.flatMap(Overlap.init(rawValue:)), queue: line.queue, priority: line.priority)
    print(first)
  }
}

struct Drain: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Take a worker out of service: it gives its jobs back and claims no more.",
    discussion: """
      Example: pra drain 3
      Example: pra drain a7-4021
      """)

  @Argument(help: ArgumentHelp("Number or name of the worker.", valueName: "worker"))
  var workerName: String
  @Option(
    parsing: .unconditional,
    help: "Seconds after which jobs that it still has are taken from it. (default: 60.0)",
    transform: OptionValue.seconds(0...))
  var grace = 60.0
  @Flag(help: "Put the worker back into service.") var undo = false

  func run() throws {
    let connection = try Database.connect(.submit)
    let queue = SubmitQueue(connection)
    let worker = try connection.worker(named: workerName)
    if undo {
      try queue.undrain(worker: worker)
      print("worker \(worker) takes jobs again")
    } else {
      let asked = try queue.drain(worker: worker, grace: .milliseconds(Int(grace * 1000)))
      print("asked \(counted(asked, "job")) of worker \(worker) to give way")
    }
  }
}

struct Forgive: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Give a blamed host work again at once; pra workers says which are blamed, and why.",
    discussion: "Example: pra forgive a7")

  @Argument(help: "The host: label host of its workers, else their name.") var host: String

  func run() throws {
    try SubmitQueue(try Database.connect(.submit)).forgive(host: host)
    print("host \(host) gets work again")
  }
}

extension JobKind {
  init(named text: String) throws {
    guard let kind = JobKind(rawValue: text) else {
      let near = nearest(to: text, among: JobKindName.all)
      throw ValidationError(
        "kind: '\(text)' is unknown; "
          + (near.map { "did you mean '\($0)'?" }
            ?? "known are \(JobKindName.all.joined(separator: ", "))"))
    }
    self = kind
  }
}

extension SettingValue {
  init(argumentsFile path: String) throws {
    try self.init(parsing: try RunFileBytes.text(path), source: path)
  }
}
