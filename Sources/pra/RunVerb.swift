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
      pra help keys lists the keys of the file. The file is checked as a whole, its data are stored, and \
      all jobs are enqueued in one transaction. Prints the run's number. A file with variants and seeds \
      trains each variant with each seed and ends with a figure and a table (pra export comparison).
      Example: pra run ops/demo.d/emoji.yaml --set training.total=200 --set sample.shards=8 --wait
      """)

  @Argument(help: "The run file.") var file: String
  @Option(
    name: .customLong("set"),
    help: "A setting that replaces the file's: dotted.key=value; config. may be left out.")
  var settings: [String] = []
  @Flag(help: "Show progress until every job has ended; exit 1 if one failed.") var wait = false
  @Flag(help: "Use the run of equal name, configuration and data if there is one.")
  var reuse = false
  @Option(help: "Queue of the jobs. (default: default)", transform: OptionValue.queue) var queue =
    "default"
  @Option(
    parsing: .unconditional,
    help: "Jobs of a higher priority run first; from -1000000 to 1000000. (default: 0)",
    transform: OptionValue.priority)
  var priority = 0

  func run() throws {
    let checked = try CheckedRun(
      file: file, overrides: try settings.map { try Override($0) }, CheckedRun.ReadFiles())
    let id = try RunSubmission(reuse: reuse, queue: queue, priority: priority).enqueue([checked])[0]
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

  /// The files that several runs of a sweep share, each read once.
  final class ReadFiles {
    fileprivate var sources: [String: [Archive]] = [:]
    fileprivate var digests: [String: FileDigest] = [:]

    /// The archives behind a path in the run file.
    func archives(_ path: String, key: String) throws -> [Archive] {
      let place = plainPath(path)
      if let known = sources[place] { return known }
      let found = try Archive.all(path, key: key)
      sources[place] = found
      return found
    }

    /// The digest of a file.
    /// - Parameter isWeights: whether it is opened as a file of weights, so that another file is refused here and not
    ///   by a job
    func digest(of path: String, key: String, isWeights: Bool) throws -> FileDigest {
      let place = plainPath(path)
      if let known = digests[place] { return known }
      if isWeights { try refusing(key) { _ = try WeightFiles.open(path) } }
      let found = try pra.digest(of: path, key)
      digests[place] = found
      return found
    }
  }

  /// - Throws: `ConfigurationError` that names the key
  init(file: String, overrides: [Override], _ files: ReadFiles) throws {
    plan = try RunFile(reading: file, overrides: overrides)
    source = try Source(plan.data, besides: file, files)
    weights = try WeightArtifacts(plan, besides: file, files)
    configuration = plan.storedConfiguration(weights)
    guard configuration.utf8.count <= 1 << 20 else {
      throw ConfigurationError(
        "configuration: has \(configuration.utf8.count) bytes, expected at most \(1 << 20); a run has fewer variants "
          + "and seeds")
    }
    if let inception = plan.inception, inception.reference != "data" {
      _ = try RunJobs.statistics(of: inception, weights)
    }
  }
}

extension CheckedRun {
  /// The configuration with one path for all spellings of it: of runs with equal texts one is enough.
  /// - Parameter file: the run file, from whose folder relative names are taken
  func identity(besides file: String) -> String {
    let sources = [plan.data.source, plan.data.validation.source].compactMap(\.self)
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
    let seen = try connection.query(Queries.seenFolders).map { try $0.string("folder") }
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
    let jobs = RunJobs(connection, run: id, queue: queue, priority: priority)
    try jobs.enqueue(run.plan, run.source, run.weights)
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
  /// Where and by how many the data are ingested makes no other run.
  fileprivate func storedConfiguration(_ weights: WeightArtifacts) -> String {
    var members = [
      ("config", configuration.canonicalJSON), ("data", data.json(without: ["in_place", "parts"])),
      ("evaluate", inception?.json ?? (evaluate ? "true" : "false")),
    ]
    if start != nil { members.append(("init", weights.start(of: self).json)) }
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
