// `pra run FILE`: an experiment as a graph of jobs.

import ArgumentParser
import Configuration
import Digest
import Files
import Foundation
import JobKinds
import JobQueue
import Postgres

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
  @Option(help: "Queue of the jobs.") var queue = "default"
  @Option(help: "Jobs of a higher priority run first.") var priority = 0

  func run() throws {
    let id = try enqueue()
    print(id)
    if wait { try Watcher(try Database.url(.read), runs: [id]).watch() }
  }

  /// Refuses bad settings before anything is stored.
  @discardableResult
  func check() throws -> RunFile {
    try RunFile(reading: file, overrides: try settings.map { try Override($0) })
  }

  /// - Returns: the run's number
  func enqueue() throws -> Int64 {
    let plan = try check()
    let source = try Source(plan.data, besides: file)
    let weights = try WeightArtifacts(plan, besides: file)
    return try enqueue(plan, source, weights, try Database.connect(.submit))
  }

  private func enqueue(
    _ plan: RunFile, _ source: Source, _ weights: WeightArtifacts, _ connection: Connection
  ) throws -> Int64 {
    let configuration = plan.storedConfiguration(weights)
    guard configuration.utf8.count <= 1 << 20 else {
      throw ConfigurationError(
        "configuration: has \(configuration.utf8.count) bytes, expected at most \(1 << 20); a run has fewer variants "
          + "and seeds")
    }
    if reuse, let id = try reusable(plan, configuration, source, connection) { return id }
    // Named by content: files that the store has are not sent again.
    var store = try Database.store(.submit)
    try source.store(in: &store)
    try weights.store(in: &store)
    return try connection.transaction {
      // Two callers with --reuse at the same time make one run.
      try connection.query(Queries.lockName, [.text(plan.name)])
      if reuse, let id = try reusable(plan, configuration, source, connection) { return id }
      let run = try SubmitQueue(connection).createRun(
        name: plan.name, configuration: configuration, codeVersion: codeVersion,
        dataFingerprint: source.fingerprint)
      try enqueueJobs(plan, source, weights, run, connection)
      return run
    }
  }

  private func reusable(
    _ plan: RunFile, _ configuration: String, _ source: Source, _ connection: Connection
  ) throws -> Int64? {
    let rows = try connection.query(
      Queries.reusableRun, [.text(plan.name), .text(configuration), .text(source.fingerprint)])
    return try rows.first?.integer("id")
  }

  private func enqueueJobs(
    _ plan: RunFile, _ source: Source, _ weights: WeightArtifacts, _ run: Int64,
    _ connection: Connection
  ) throws {
    let jobs = RunJobs(connection, run: run, queue: queue, priority: priority)
    try jobs.enqueue(plan, source, weights)
  }
}

extension RunFile {
  /// The resolved configuration of the run: stored with it, and compared by --reuse.
  fileprivate func storedConfiguration(_ weights: WeightArtifacts) -> String {
    var members = [
      ("config", configuration.canonicalJSON), ("data", data.json),
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
