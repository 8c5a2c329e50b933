// `pra sweep`: the cross product of settings, with a run for each.

import ArgumentParser
import Configuration
import Files
import JobQueue

struct Sweep: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract:
      "Enqueue a run for each combination of values of several settings, or show these runs.",
    discussion: """
      A sweep is a group of runs under the name of its run file; verbs that act on runs or list them, such as cancel, \
      pause, tag, jobs, watch, compare, plot, archive and delete, take the name for all of them.
      Example: pra sweep run.yaml --set name=sw --set training.lr=1e-4,3e-4 --set seed=0,1,2
      Example: pra sweep show sw
      """,
    subcommands: [MakeSweep.self, ShowSweep.self], defaultSubcommand: MakeSweep.self)
}

struct MakeSweep: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "make",
    abstract: "Enqueue a run for each combination of values of several settings.",
    discussion: """
      Commas outside brackets separate values; a setting with one value holds for all runs. All \
      combinations are checked before the first run is enqueued. Runs are named after the sweep and the settings \
      that differ. Prints the number and the name of each run. --dry-run stores and enqueues nothing: it prints the \
      name of each run and the jobs that it would have. The word make may be left out.
      Example: pra sweep run.yaml --set training.lr=1e-4,3e-4 --set seed=0,1,2 --dry-run
      """)

  @Argument(help: "The run file.") var file: String
  @Option(name: .customLong("set"), help: "A setting and its values: dotted.key=value,value...")
  var settings: [String] = []
  @Flag(help: "Use runs of equal name, configuration and data where there are some.")
  var reuse = false
  @OptionGroup var line: LineOptions
  @Option(
    parsing: .unconditional, help: "Refuse more runs than this. (default: 1000)",
    transform: OptionValue.whole(1...1_000_000))
  var most = 1000
  @Flag(help: "Print the runs and their jobs, and enqueue nothing.") var dryRun = false

  func validate() throws {
    guard !dryRun || !reuse else {
      throw ValidationError("--dry-run: enqueues nothing, so that --reuse has no effect")
    }
  }

  func run() throws {
    let points = try Self.points(settings, most: most)
    let files = CheckedRun.ReadFiles()
    var runs: [CheckedRun] = []
    var bases: Set<String> = []
    for point in points {
      let overrides = try point.map { try Override($0.text) }
      let base = try RunFile(reading: file, overrides: overrides, files).name
      bases.insert(base)
      let name = ([base] + point.filter { $0.differs && $0.key != "name" }.map(\.text))
        .joined(separator: " ")
      runs.append(
        try CheckedRun(
          file: file, overrides: overrides + [Override(path: ["name"], value: .string(name))],
          files))
    }
    try refuseEqual(runs)
    guard !dryRun else { return try show(runs) }
    let submission = RunSubmission(reuse: reuse, queue: line.queue, priority: line.priority)
    // Where names differ the file's own is common to all.
    let group =
      try bases.count == 1 ? bases.first! : RunFile(reading: file, overrides: [], files).name
    let ids = try submission.enqueue(
      runs, sweep: (group, points[0].filter { $0.differs && $0.key != "name" }.map(\.key)))
    StandardOutput.done = "runs \(ids.map(String.init).joined(separator: ", ")) are enqueued"
    for (id, run) in zip(ids, runs) { print("\(id) \(run.plan.name)") }
  }

  /// Prints the names of the runs, which say their settings, and the jobs that each would have.
  private func show(_ runs: [CheckedRun]) throws {
    let connection = try Database.connect(.submit)
    let seen = try connection.seenFolders()
    let jobs = ListedJobs(connection)
    var said: Set<String> = []
    for var run in runs {
      if let remark = run.source.place(seen: seen), said.insert(remark).inserted {
        complain("pra: \(remark)")
      }
      try refusing("data.source") { try run.source.measure() }
      let before = jobs.all.count
      try RunJobs(jobs).enqueue(run.plan, run.source, run.weights)
      let kinds = jobs.all[before...].map(\.kind.rawValue)
      let counts = kinds.reduce(into: [(kind: String, number: Int)]()) { counts, kind in
        if let place = counts.firstIndex(where: { $0.kind == kind }) {
          counts[place].number += 1
        } else {
          counts.append((kind, 1))
        }
      }
      print(
        "\(run.plan.name): "
          + counts.map { "\($0.number) \($0.kind)" }.joined(separator: ", "))
    }
    print(
      "\(counted(runs.count, "run")), \(counted(jobs.all.count, "job")); nothing is enqueued yet"
    )
  }

  /// Values that are written differently and mean the same would be two runs with one outcome.
  private func refuseEqual(_ runs: [CheckedRun]) throws {
    var known: [String: String] = [:]
    for run in runs {
      // A run that compares nothing is an arm of its own, which has the run's name.
      if let other = known.updateValue(run.plan.name, forKey: run.identity(besides: file)) {
        throw ConfigurationError(
          "--set: '\(other)' and '\(run.plan.name)' are one configuration; keep one of the values")
      }
    }
  }

  /// One combination: its settings, and whether each differs between runs.
  typealias Point = [(key: String, text: String, differs: Bool)]

  /// - Parameter most: more combinations than these are refused
  static func points(_ settings: [String], most: Int) throws -> [Point] {
    var points: [Point] = [[]]
    var paths: [(path: [String], setting: String)] = []
    for setting in settings {
      guard let equals = setting.firstIndex(of: "=") else {
        throw ConfigurationError("--set \(setting): expected key=value,value")
      }
      var path = setting[..<equals].split(separator: ".", omittingEmptySubsequences: false)
        .map(String.init)
      if path.count > 1, path[0] == "config" { path.removeFirst() }
      if let other = paths.first(where: { $0.path.starts(with: path) || path.starts(with: $0.path) }
      ) {
        throw ConfigurationError(
          "--set \(setting): \(path.joined(separator: ".")) is given by --set \(other.setting), too; "
            + "keep one, with all values")
      }
      paths.append((path, setting))
      let values = try split(setting[setting.index(after: equals)...], setting)
      guard Set(values).count == values.count else {
        throw ConfigurationError("--set \(setting): a value is there twice")
      }
      guard points.count * values.count <= most else {
        throw ValidationError(
          "--set \(setting): makes \(counted(points.count * values.count, "run")), more than --most \(most)"
        )
      }
      let key = path.joined(separator: ".")
      points = points.flatMap { point in
        values.map { point + [(key, "\(setting[...equals])\($0)", values.count > 1)] }
      }
    }
    return points
  }

  /// Splits at commas outside brackets and quotes. A quote opens where a value begins; elsewhere it is
  /// an apostrophe.
  private static func split(_ text: Substring, _ setting: String) throws -> [String] {
    var parts = [""]
    var depth = 0
    var quote: Character?
    var last: Character = ","
    for character in text {
      if let open = quote {
        if character == open { quote = nil }
      } else if character == "\"" || character == "'" {
        if ",[{: ".contains(last) { quote = character }
      } else if "[{".contains(character) {
        depth += 1
      } else if "]}".contains(character) {
        depth -= 1
      }
      last = character
      if character == "," && depth == 0 && quote == nil {
        parts.append("")
      } else {
        parts[parts.count - 1].append(character)
      }
    }
    if parts.count > 1, parts.contains(where: { $0.allSatisfy(\.isWhitespace) }) {
      let isLast = parts.last!.allSatisfy(\.isWhitespace)
      throw ConfigurationError(
        "--set \(setting): a value is missing \(isLast ? "after the last comma" : "before a comma")"
      )
    }
    return parts
  }
}
