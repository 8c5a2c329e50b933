// `pra run FILE`: an experiment as a graph of jobs.

import ArgumentParser
import Configuration
import Digest
import Files
import Foundation
import JobKinds
import JobQueue
import Postgres
import TensorFiles

struct Run: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Enqueue a whole run from a YAML file: ingest, train, sample in shards, evaluate.",
    discussion: """
      pra keys explains the keys of the file. The file is checked as a whole, its data are stored, and \
      all jobs are enqueued in one transaction. Prints the run's number. A file with variants and seeds \
      trains each variant with each seed and ends with a figure and a table (pra export comparison).
      Runs whose data are the same bytes share one ingest job. --dry-run stores and enqueues nothing: it \
      prints the file with every key of its configuration, which pra run reads again, and as comments the \
      jobs that it would make.
      Example: pra run ops/demo.d/emoji.yaml --set training.total=200 --set sample.shards=8 --wait
      Example: pra run ops/demo.d/emoji.yaml --dry-run
      """)

  @Argument(help: "The run file.") var file: String
  @Option(
    name: .customLong("set"),
    help: "A setting that replaces the file's: dotted.key=value; config. may be left out.",
    completion: KeyCompletion.settings)
  var settings: [String] = []
  @Option(
    help: ArgumentHelp(
      "Stages that share each batch, on as many machines as have places: the same as --set training.ranks=N; 2..8 takes "
        + "as many as there are. See docs/machines.md.", valueName: "n"))
  var ranks: String?
  @Flag(help: "Show progress until every job has ended; exit 1 if one failed.") var wait = false
  @Flag(help: "Print the resolved file and the jobs that it would make, and enqueue nothing.")
  var dryRun = false
  @Flag(help: "Use the run of equal name, configuration and data if there is one.")
  var reuse = false
  @OptionGroup var line: LineOptions

  func validate() throws {
    guard !dryRun || !wait && !reuse else {
      throw ValidationError(
        "--dry-run: enqueues nothing, so that --wait and --reuse have no effect")
    }
    if ranks != nil,
      let twice = settings.first(where: { $0.contains(/^(config\.)?training\.ranks *=/) })
    {
      throw ValidationError("--ranks: is given by --set \(twice), too; give one of the two")
    }
  }

  func run() throws {
    let checked = try CheckedRun(
      file: file,
      overrides: try settings.map { try Override($0) }
        + (ranks.map { [try Override("training.ranks=\($0)", option: "--ranks")] } ?? []),
      CheckedRun.ReadFiles())
    guard !dryRun else {
      printExactly(try PlannedRun(checked).text)
      return
    }
    let id = try RunSubmission(reuse: reuse, queue: line.queue, priority: line.priority).enqueue([
      checked
    ])[0]
    StandardOutput.done = "run \(id) is enqueued"
    print(id)
    if wait { try Watcher(try Database.url(.read), runs: [id]).watch() }
  }
}

/// A run whose settings and files are known to be good; nothing of it is stored yet.
struct CheckedRun {
  let plan: RunFile
  var source: Source
  let weights: WeightArtifacts
  /// The resolved configuration: stored with the run, and compared by --reuse.
  let configuration: String

  /// - Throws: `ConfigurationError` that names the key
  init(file: String, overrides: [Override], _ files: ReadFiles) throws {
    let plan = try RunFile(reading: file, overrides: overrides, files)
    do {
      try self.init(plan, besides: file, files)
    } catch let error as ConfigurationError {
      throw error.placed(overrides)
    }
  }

  /// - Parameter file: the path from whose folder relative names are taken
  init(_ plan: RunFile, besides file: String, _ files: ReadFiles) throws {
    self.plan = plan
    source = try Source(plan.data, besides: file, files)
    weights = try WeightArtifacts(plan, besides: file, files)
    try weights.check(plan)
    if let data = source.ingested, let classes = data.classes {
      try weights.check(classes: classes, of: data)
    }
    configuration = plan.storedConfiguration(source, weights)
    guard configuration.utf8.count <= 1 << 20 else {
      throw ConfigurationError(
        "configuration: has \(configuration.utf8.count) bytes, expected at most \(1 << 20); a run has fewer variants "
          + "and seeds")
    }
    if let inception = plan.inception, inception.reference != "data" {
      _ = try RunJobs.statistics(of: inception, weights)
    }
    for remark in plan.remarks { files.tell(remark) }
  }
}

extension CheckedRun {
  /// The configuration with one path for all spellings of it: of runs with equal texts one is enough.
  /// - Parameter file: the run file, from whose folder relative names are taken
  func identity(besides file: String) -> String {
    let sources = [plan.data.source, plan.data.validation.source].compactMap(\.self)
    var configuration = configuration
    // One colour has several names.
    let background = plan.data.background
    if let colour = try? GroundColour(background, at: "data.background") {
      configuration = configuration.replacing(
        "\"background\":\(JSONText.string(background))",
        with: "\"background\":\(JSONText.string(colour.digits))")
    }
    return (sources + weights.digests.keys).reduce(configuration) { text, given in
      text.replacing(
        JSONText.string(given), with: JSONText.string(plainPath(RunFile.path(given, besides: file)))
      )
    }
  }
}

/// Enqueues checked runs: all of them or none.
struct RunSubmission {
  let reuse: Bool
  let queue: String
  let priority: Int

  /// - Parameter sweep: the name of the group that the runs form, and the settings in which they differ
  /// - Returns: the runs' numbers
  func enqueue(_ given: [CheckedRun], sweep: (name: String, keys: [String])? = nil) throws
    -> [Int64]
  {
    let connection = try Database.connect(.submit)
    // Named by content: files that the store has are not sent again, and a run that is reused has them stored.
    var store = try Database.store(.submit)
    var (archives, files): (Set<ObjectIdentifier>, Set<String>) = ([], [])
    let seen = try connection.seenFolders()
    var said: Set<String> = []
    let runs = try given.map { run in
      var run = run
      if let remark = run.source.place(seen: seen), said.insert(remark).inserted {
        complain("pra: \(remark)")
      }
      try run.source.store(in: &store, except: &archives)
      return run
    }
    var ids = try runs.map { reuse ? try reusable($0, connection) : nil }
    for (run, id) in zip(runs, ids) where id == nil {
      try run.weights.store(in: &store, except: &files)
    }
    try connection.transaction {
      // Two callers with --reuse at the same time make one run.
      for name in Set(runs.map(\.plan.name)).sorted() {
        try connection.query(Queries.lockName, [.text(name)])
      }
      for (place, run) in runs.enumerated() where ids[place] == nil {
        if reuse { ids[place] = try reusable(run, connection) }
        if ids[place] == nil { ids[place] = try enqueue(run, connection) }
      }
      if let sweep { try group(ids.map { $0! }, sweep, connection) }
    }
    return ids.map { $0! }
  }

  /// Makes a sweep of runs, unless the newest of its name has the same.
  private func group(
    _ ids: [Int64], _ sweep: (name: String, keys: [String]), _ connection: Connection
  ) throws {
    let newest = try connection.query(RunQueries.sweepByName, [.text(sweep.name)]).first
    if let newest {
      let known = try connection.query(
        RunQueries.runsOfSweep, [.integer(try newest.integer("id"))]
      ).map { try $0.integer("id") }
      if known == Set(ids).sorted() { return }
    }
    try connection.query(
      RunQueries.createSweep, [.text(sweep.name), .texts(sweep.keys), .integers(ids)])
  }

  private func enqueue(_ run: CheckedRun, _ connection: Connection) throws -> Int64 {
    let id = try SubmitQueue(connection).createRun(
      name: run.plan.name, configuration: run.configuration, codeVersion: codeVersion,
      dataFingerprint: run.source.fingerprint)
    let jobs = RunJobs(
      QueuedJobs(connection, run: id, queue: queue, priority: priority))
    try jobs.enqueue(run.plan, run.source, run.weights)
    if let data = jobs.firstDataSet {
      try connection.query(TrainedQueries.setRunData, [.integer(id), .integer(data)])
    }
    return id
  }

  private func reusable(_ run: CheckedRun, _ connection: Connection) throws -> Int64? {
    let rows = try connection.query(
      Queries.reusableRun,
      [.text(run.plan.name), .text(run.configuration), .text(run.source.fingerprint)])
    return try rows.first?.integer("id")
  }
}

extension RunFile {
  fileprivate func storedConfiguration(_ source: Source, _ weights: WeightArtifacts) -> String {
    var members: [(String, String)] = commands.isEmpty ? [] : [("commands", commands.json)]
    members += [
      ("config", configuration.canonicalJSON), ("data", source.stored),
      ("evaluate", inception?.json ?? (evaluate ? "true" : "false")),
    ]
    if !weights.digests.isEmpty { members.append(("files", weights.json)) }
    if start != nil { members.append(("init", weights.start(of: self).json)) }
    if let preview { members.append(("preview", preview.json)) }
    if let sample { members.append(("sample", sample.json)) }
    if arms.count > 1 {
      let texts = arms.map {
        JSONText.object([
          ("name", JSONText.string($0.name)), ("config", $0.configuration.canonicalJSON),
        ])
      }
      members.append(("arms", JSONText.array(texts)))
    }
    return JSONText.object(members)
  }
}

extension Connection {
  /// Folders from which live workers read sources in place.
  func seenFolders() throws -> [String] {
    try query(Queries.seenFolders).map { try $0.string("folder") }
  }
}

/// The keys that a shell proposes for settings, from the table that reads them.
enum KeyCompletion {
  static var settings: CompletionKind {
    .list(
      Key.all.filter { !$0.isSection }.map { "\($0.name)=" })
  }
  static var sampling: CompletionKind {
    .list(SamplingConfiguration.described(by: SamplingConfiguration()).map { "\($0.name)=" })
  }

  static func of(_ kind: JobKind) -> CompletionKind {
    .list(kind.keys.filter { !$0.isSection }.map { "\($0.name)=" })
  }
}
