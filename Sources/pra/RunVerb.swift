// `pra run FILE`: a whole experiment as a DAG of jobs.

import ArgumentParser
import Configuration
import Digest
import Files
import Foundation
import JobKinds
import JobQueue
import Postgres
import RunStore

struct Run: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Enqueue a whole run from a YAML file: ingest, train, sample in shards, evaluate.",
    discussion: """
      The file is checked as a whole, its data are stored under their SHA-256, and all jobs are \
      enqueued in one transaction. Prints the run's number. A file with variants and seeds trains \
      each variant with each seed and ends with a figure and a table (pra export comparison).
      Example: pra run ops/demo.d/emoji.yaml --set training.total=200 --set sample.shards=8 --wait
      """)

  @Argument(help: "The run file.") var file: String
  @Option(
    name: .customLong("set"), help: "dotted.key=value over the file; config. may be left out.")
  var settings: [String] = []
  @Flag(help: "Show progress until every job has ended; exit 1 if one failed.") var wait = false
  @Flag(help: "Continue with a run of equal name, configuration and data if there is one.")
  var reuse = false
  @Option(help: "The queue of all its jobs.") var queue = "default"
  @Option(help: "Higher runs first.") var priority = 0

  func run() throws {
    let id = try enqueue()
    print(id)
    if wait { try Watcher(try Database.url(), runs: [id]).watch() }
  }

  /// What can be refused before anything is stored.
  @discardableResult
  func check() throws -> RunFile {
    try RunFile(path: file, overrides: try settings.map { try Override($0) })
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
    let configuration = plan.storedConfiguration
    if reuse, let id = try reusable(plan, configuration, source, connection) { return id }
    // Content-addressed: sent again only where the store does not have it.
    var store = try Database.store(.submit)
    try source.store(in: &store)
    try weights.store(in: &store)
    return try connection.transaction {
      // Two callers with --reuse at once make one run.
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
    func job(_ arguments: some JobArguments, after: [Int64]) throws -> Int64 {
      try arguments.validate()
      return try connection.enqueue(
        type(of: arguments).kind, run: run, arguments: arguments.json, after: after, queue: queue,
        priority: priority)
    }
    // Arms that read images of one size share their data set.
    var dataSets: [ModelConfiguration.Image: Int64] = [:]
    func dataSet(_ image: ModelConfiguration.Image) throws -> Int64 {
      if let known = dataSets[image] { return known }
      var ingest = source.arguments
      (ingest.image.size, ingest.image.channels) = (image.size, image.channels)
      dataSets[image] = try job(ingest, after: [])
      return dataSets[image]!
    }

    /// - Returns: the arm's evaluate job, where the run evaluates
    func enqueue(_ configuration: ModelConfiguration) throws -> Int64? {
      let data = try dataSet(configuration.image)
      var train = TrainArguments()
      (train.data, train.config) = (Int(data), configuration)
      train.lpipsWeights = configuration.loss.lpipsFile.map { weights.digests[$0]! }
      let trained = try job(train, after: [data])

      guard let sample = plan.sample else { return nil }
      let samples = try sample.ranges.map { range in
        var shard = SampleArguments()
        (shard.train, shard.data, shard.count) = (Int(trained), Int(data), sample.count)
        (shard.first, shard.last) = (range.lowerBound, range.upperBound)
        shard.sampling = configuration.sampling
        return try job(shard, after: [trained])
      }
      guard plan.evaluate else { return nil }
      var evaluate = EvaluateArguments()
      (evaluate.train, evaluate.data) = (Int(trained), Int(data))
      evaluate.samples = samples.map { Int($0) }
      return try job(evaluate, after: samples)
    }

    var compare = CompareArguments()
    compare.title = plan.name
    for arm in plan.arms {
      guard let evaluation = try enqueue(arm.configuration) else { continue }
      compare.names.append(arm.name.isEmpty ? plan.name : arm.name)
      compare.evaluations.append(Int(evaluation))
    }
    if compare.evaluations.count > 1 {
      _ = try job(compare, after: compare.evaluations.map { Int64($0) })
    }
  }
}

extension RunFile {
  /// What the run was made from, resolved: stored with it, and compared by --reuse.
  fileprivate var storedConfiguration: String {
    var members = [
      ("config", configuration.canonicalJSON), ("data", data.json),
      ("evaluate", evaluate ? "true" : "false"),
    ]
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
