// `pra sample`: images of a trained model, in one line.

import ArgumentParser
import Configuration
import Digest
import Files
import Foundation
import JobKinds
import JobQueue
import Postgres
import RunStore
import TensorFiles

struct Sample: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Draw images of a trained run, or of an exported .safetensors file.",
    discussion: """
      Images of a run join that run; those of a file are a run of their own, named after the file. What is \
      not said is drawn as the run's configuration says. An image depends on seed, number, class and weights \
      alone. Prints the number of the job, and with --evaluate that of the evaluation.
      Example: pra sample emoji --step best --count 64 --scale 4 --wait
      Example: pra sample emoji --class flags,3 --method sde --steps 100 --seed 7
      Example: pra sample emoji.safetensors --count 16
      """)

  @Argument(
    help: ArgumentHelp(
      "Number or name of the run, or a file of pra export checkpoint.", valueName: "run"))
  var target: String?
  @Option(name: .customLong("run"), help: ArgumentHelp("The same, of a run.", valueName: "run"))
  var runName: String?
  @OptionGroup var training: TrainingOptions
  @Option(help: "The checkpoint: last, best, or a number of steps; see pra checkpoints.")
  var step: String?
  @Option(
    name: .customLong("class"),
    help: "Classes by name or number, with commas between them; may be repeated. By default all.")
  var classes: [String] = []
  @Option(
    parsing: .unconditional, help: "Images to draw. (default: 64)",
    transform: OptionValue.whole(1...1_000_000_000))
  var count = 64
  @Option(
    parsing: .unconditional,
    help: "Number of jobs that share the images, parts of one array. (default: 1)",
    transform: OptionValue.whole(1...10_000))
  var shards = 1
  @Option(help: "Scale of guidance: 1 is none (sampling.scale).") var scale: String?
  @Option(help: "Integrator: euler, heun or sde (sampling.method).") var method: String?
  @Option(help: "Steps of the integrator (sampling.steps).") var steps: String?
  @Option(help: "Key of the random numbers (sampling.seed).") var seed: String?
  @Option(help: "Weights: model, or ema- with a decay (sampling.weights).") var weights: String?
  @Option(
    name: .customLong("set"), help: "Another key of sampling, as in --set guidance=constant.",
    completion: KeyCompletion.sampling)
  var settings: [String] = []
  @Flag(help: "Evaluate the images as evaluate: true of a run file does.") var evaluate = false
  @OptionGroup var submission: SubmissionOptions

  private var file: String? { target.flatMap { $0.hasSuffix(".safetensors") ? $0 : nil } }

  func validate() throws {
    guard (target == nil) != (runName == nil) else {
      throw ValidationError(
        target == nil
          ? "name a run, or a .safetensors file" : "--run: a run is named already; keep one")
    }
    guard shards <= count else {
      throw ValidationError(
        "--shards \(shards): more jobs than images (--count \(count)); some would draw none")
    }
    guard !evaluate || classes.isEmpty else {
      throw ValidationError(
        "--evaluate: compares with all classes of the data set, and --class draws some of them; leave one out"
      )
    }
    guard file == nil || step == nil && !evaluate && training.variant == nil else {
      throw ValidationError(
        "\(file!): a file holds one step and no data set; --step, --variant and --evaluate are for runs"
      )
    }
  }

  func run() throws {
    let connection = try Database.connect(.submit)
    var arguments = SampleArguments()
    (arguments.count, arguments.last) = (count, count)
    arguments.classes = classes.flatMap {
      $0.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
    }
    if let file {
      try draw(fromFile: file, arguments, connection)
    } else {
      try draw(fromRun: runName ?? target!, arguments, connection)
    }
  }

  private func draw(
    fromRun name: String, _ given: SampleArguments, _ connection: Connection
  ) throws {
    var arguments = given
    let trained = try training.trained(name, connection)
    let train = try trained.arguments(connection)
    (arguments.train, arguments.data) = (Int(trained.job), train.data)
    arguments.sampling = try sampling(over: train.config.sampling)
    if step == nil { try trained.refuseDeadTraining(connection) }
    // A training that still runs is waited for, unless one of its checkpoints is named.
    if step != nil || trained.state == "succeeded" {
      let checkpoint = try RunCheckpoint(
        of: trained, step: step ?? "last", key: "--step", connection)
      arguments.step = Int(checkpoint.step)
      let file = "\(arguments.sampling.weights).safetensors"
      guard checkpoint.files.contains(where: { $0.name == file }) else {
        let known = checkpoint.files.map(\.name).filter {
          $0.hasSuffix(".safetensors") && $0 != "optimizer.safetensors"
        }
        throw NotFound(
          message: "--weights \(arguments.sampling.weights): the checkpoint has "
            + known.map { String($0.dropLast(".safetensors".count)) }.joined(separator: ", "))
      }
      var store = try Database.store(.submit)
      if !arguments.classes.isEmpty, let text = try checkpoint.text(ClassTable.file, &store) {
        _ = try ClassTable(json: text).numbers(of: arguments.classes, key: "--class")
      }
    }
    let jobs = try connection.transaction {
      let sample = try enqueue(
        arguments, run: trained.run.id, waitsForTraining: arguments.step == nil, connection)
      guard evaluate else { return [sample] }
      var evaluation = EvaluateArguments()
      (evaluation.train, evaluation.data) = (arguments.train, arguments.data)
      (evaluation.samples, evaluation.step) = ([Int(sample)], arguments.step)
      return [sample, try submission.enqueue(evaluation, run: trained.run.id, connection)]
    }
    try submission.finish(jobs, run: trained.run.id)
  }

  private func draw(
    fromFile path: String, _ given: SampleArguments, _ connection: Connection
  ) throws {
    var arguments = given
    let digest = try pra.digest(of: path, path)
    let source = try refusing(path) { try WeightFiles.open(path) }
    guard let state = try CheckpointState.stored(in: source.metadata, of: path),
      let classes = state.config.classes
    else {
      throw ConfigurationError(
        "\(path): has no configuration in its metadata; expected a file of pra export checkpoint")
    }
    let tensors = CheckpointTensors(source)
    try refusing(path) {
      try tensors.check(state.config.tensorShapes(classes: classes).map { ($0.name, $0.shape) })
    }
    arguments.sampling = try sampling(over: state.config.sampling)
    let known = ["model"] + tensors.averages.sorted().map { "ema-\($0)" }
    guard known.contains(arguments.sampling.weights) else {
      throw ConfigurationError(
        "--weights \(arguments.sampling.weights): \(path) has \(known.joined(separator: ", "))")
    }
    if !arguments.classes.isEmpty {
      let table =
        try source.metadata[ClassTable.metadataKey].map { try ClassTable(json: $0) }
        ?? ClassTable(
          names: (0..<classes).map(String.init), images: [Int](repeating: 1, count: classes))
      _ = try table.numbers(of: arguments.classes, key: "--class")
    }
    (arguments.weightsFile, arguments.weightsName) = (digest.sha256, lastComponent(path))
    try arguments.validate()
    var store = try Database.store(.submit)
    _ = try store.store(
      file: path, known: digest, name: Artifact.logicalName(ofFile: arguments.weightsName),
      mediaType: "application/octet-stream", owner: .submitter)
    let (run, job) = try connection.transaction {
      let run = try SubmitQueue(connection).createRun(
        name: Self.runName(ofFile: arguments.weightsName), codeVersion: codeVersion)
      return (run, try enqueue(arguments, run: run, waitsForTraining: false, connection))
    }
    try submission.finish([job], run: run)
  }

  /// The file's name without its ending; a run's name has a letter.
  private static func runName(ofFile name: String) -> String {
    let stem = String(name.dropLast(".safetensors".count).prefix(150))
    let isPlain =
      stem.contains { $0.isLetter } && !["id=", "sweep="].contains(where: stem.hasPrefix)
    return isPlain ? stem : "file-\(stem)"
  }

  private func sampling(over standard: SamplingConfiguration) throws -> SamplingConfiguration {
    var sampling = standard
    let named = [
      ("scale", scale), ("method", method), ("steps", steps), ("seed", seed), ("weights", weights),
    ]
    for (key, value) in named {
      guard let value else { continue }
      let option = try Override("\(key)=\(value)", option: "--\(key)")
      try option.blamed { try sampling.apply(option.nested, at: "sampling") }
    }
    for setting in settings {
      var option = try Override(setting)
      if option.path.first == "sampling" { option = option.inner }
      guard !option.path.isEmpty else {
        throw ConfigurationError("--set \(setting): expected a key of sampling")
      }
      try option.blamed { try sampling.apply(option.nested, at: "sampling") }
    }
    return sampling
  }

  /// Enqueues one job, or one array whose elements are the images.
  private func enqueue(
    _ arguments: SampleArguments, run: Int64, waitsForTraining: Bool, _ connection: Connection
  ) throws -> Int64 {
    var arguments = arguments
    var array: JobArray?
    if shards > 1 {
      var sample = RunFile.Sample()
      (sample.count, sample.shards) = (count, shards)
      arguments.last = sample.pack
      var parts = JobArray(0...Int64(count - 1))
      parts.pack = sample.pack
      let keys = SampleArguments.elementKeys!
      (parts.firstPath, parts.endPath) = ([keys.first], [keys.end])
      array = parts
    }
    try arguments.validate()
    return try connection.enqueue(
      .sample, run: run, arguments: arguments.json,
      after: waitsForTraining ? arguments.parents.map { Int64($0) } : [],
      queue: submission.line.queue,
      priority: submission.line.priority
    ) { $0.array = array }
  }
}
