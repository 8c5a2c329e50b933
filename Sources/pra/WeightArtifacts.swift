// The files of weights and statistics that a run names: those of a path, of the store, and of an earlier run.

import Configuration
import Digest
import Files
import Foundation
import JobKinds
import Postgres
import RunStore
import TensorFiles

/// `loss.lpips_file` of every arm, that of `init`, those of `evaluate` and those of commands.
struct WeightArtifacts {
  /// SHA-256 by the name in the run file.
  let digests: [String: String]
  private let sizes: [String: FileDigest]
  private let paths: [String: String]
  /// Files of the store that were fetched to be looked into.
  private let copies: [String: String]
  private let given: StartWeights?

  /// - Parameter file: the run file, from whose folder relative names are taken
  init(_ plan: RunFile, besides file: String, _ files: CheckedRun.ReadFiles) throws {
    var keys = Dictionary(
      plan.arms.flatMap(\.configuration.loss.lpipsFile).map { ($0, "loss.lpips_file") }
    ) { first, _ in first }
    if let start = plan.start, !start.file.isEmpty { keys[start.file] = "init.file" }
    if let inception = plan.inception {
      if inception.reference != "data" { keys[inception.reference] = "evaluate.reference" }
      keys[inception.inception] = "evaluate.inception"
    }
    var isWeights = keys.mapValues { $0 != "evaluate.reference" }
    for named in plan.commands {
      for sent in try named.command.placedFiles(at: named.key) where keys[sent.path] == nil {
        (keys[sent.path], isWeights[sent.path]) = ("\(named.key).files", false)
      }
    }
    given = try plan.start.map {
      var start = $0
      if !start.file.isEmpty { start.file = RunFile.path(start.file, besides: file) }
      return try files.start(start)
    }
    var (digests, sizes): ([String: String], [String: FileDigest]) = ([:], [:])
    var (paths, copies): ([String: String], [String: String]) = ([:], [:])
    for (name, key) in keys {
      if let stored = try files.stored(name, key: key) {
        digests[name] = stored
        if name == plan.inception?.reference { copies[name] = try files.copy(of: stored) }
      } else {
        let path = RunFile.path(name, besides: file)
        // An npz with statistics is opened where its arrays are looked at.
        let digest = try files.digest(of: path, key: key, isWeights: isWeights[name]!)
        (digests[name], sizes[name], paths[name]) = (digest.sha256, digest, path)
      }
    }
    (self.digests, self.sizes, self.paths, self.copies) = (digests, sizes, paths, copies)
  }

  /// Argument `init` of the run's training jobs.
  func start(of plan: RunFile) -> TrainArguments.Start {
    var start = given?.arguments ?? TrainArguments.Start()
    start.restart = plan.start?.restart ?? false
    if let name = plan.start?.file, let digest = digests[name] { start.weights = [digest] }
    return start
  }

  /// Refuses weights that do not fit the model of an arm, and a training that would end before it begins.
  /// - Throws: `ConfigurationError`
  func check(_ plan: RunFile) throws {
    guard let given, let start = plan.start else { return }
    for arm in plan.arms {
      let configuration = arm.configuration
      let classes = configuration.classes ?? given.classes
      try refusing(given.key) {
        try given.tensors.check(
          configuration.tensorShapes(classes: classes).map { ($0.name, $0.shape) })
      }
      guard let step = given.state?.step, !start.restart, configuration.training.epochs == nil,
        configuration.training.total < step
      else { continue }
      throw ConfigurationError(
        "training.total: \(configuration.training.total) is below step \(step) of \(given.key) "
          + "(\(given.arguments.name)); raise it, or set init.restart to true")
    }
  }

  /// Refuses weights of another number of classes than the images have, where both are known.
  func check(classes: Int, of data: IngestedData) throws {
    guard let given, given.classes != classes else { return }
    throw ConfigurationError(
      "\(given.key): \(given.arguments.name) has \(counted(given.classes, "class", "classes")), the data set of job \(data.job) has "
        + "\(classes)")
  }

  func path(_ name: String) -> String { paths[name] ?? copies[name]! }

  /// The name of a file in messages.
  func shownName(_ name: String) -> String { lastComponent(paths[name] ?? name) }

  /// The stored names of the files, by those in the run file, as JSON.
  var json: String {
    JSONText.object(
      digests.sorted { $0.key < $1.key }.map { ($0.key, JSONText.string($0.value)) })
  }

  /// Bytes of the files that a submission sends where the store does not have them.
  var bytes: Int64 { sizes.values.reduce(0) { $0 + $1.size } }

  /// Content-addressed: sent again only where the store does not have them.
  func store(in store: inout ArtifactStore, except stored: inout Set<String>) throws {
    for (name, path) in paths.sorted(by: { $0.key < $1.key })
    where stored.insert(digests[name]!).inserted {
      _ = try store.store(
        file: path, known: sizes[name], name: Artifact.logicalName(ofFile: lastComponent(path)),
        mediaType: "application/octet-stream", owner: .submitter)
    }
  }
}

/// The weights of `init`, known before anything is stored.
struct StartWeights {
  /// The key that names them.
  let key: String
  /// Argument `init` of a training; without the digest of a file that is not stored yet.
  let arguments: TrainArguments.Start
  /// Nil in a file of weights alone.
  let state: CheckpointState?
  let tensors: CheckpointTensors

  /// Number of classes of the model.
  var classes: Int {
    if let classes = state?.config.classes { return classes }
    let rows = try? tensors.source.shape(of: "trunk.class_embed.weight").first
    return max(1, (rows ?? 2) - 1)
  }

  /// - Parameter path: a file of weights, in any format that they are read from
  init(file path: String, name: String) throws {
    key = "init.file"
    let source = try WeightFiles.open(path)
    tensors = CheckpointTensors(source)
    state = try CheckpointState.stored(in: source.metadata, of: path)
    var start = TrainArguments.Start()
    start.name = name
    arguments = start
  }

  /// A checkpoint of an earlier run, of which nothing but its state is fetched.
  init(_ checkpoint: RunCheckpoint, _ store: inout ArtifactStore) throws {
    key = "init.run"
    let state = try checkpoint.state(&store)
    self.state = state
    let files = checkpoint.files.filter {
      $0.name.hasSuffix(".safetensors") || $0.name == "state.json"
    }
    var start = TrainArguments.Start()
    (start.weights, start.files) = (files.map(\.sha256), files.map(\.name))
    (start.job, start.step) = (Int(checkpoint.trained.job), Int(checkpoint.step))
    start.name = "run \(checkpoint.trained.run.id), step \(checkpoint.step)"
    arguments = start
    tensors = CheckpointTensors(
      ShapesOnly(state.config, path: "run \(checkpoint.trained.run.id), step \(checkpoint.step)"))
  }
}

/// The tensors of a model as its configuration has them, without their values.
private struct ShapesOnly: TensorSource {
  let path: String
  private let shapes: [String: [Int]]

  init(_ configuration: ModelConfiguration, path: String) {
    self.path = path
    shapes = Dictionary(
      uniqueKeysWithValues: configuration.tensorShapes(classes: configuration.classes ?? 1).map {
        ($0.name, $0.shape)
      })
  }

  var names: [String] { shapes.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) } }

  func shape(of name: String) throws -> [Int] {
    guard let shape = shapes[name] else { throw FileError("\(path): there is no tensor '\(name)'") }
    return shape
  }

  func read(_ name: String) throws -> [Float] {
    throw FileError("\(path): tensor '\(name)' is not here")
  }
}
