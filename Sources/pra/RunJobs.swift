// The jobs of a run and their dependencies.

import Configuration
import JobKinds
import JobQueue
import TensorFiles

/// Makes the jobs of one run.
final class RunJobs {
  private let sink: any JobSink
  /// Arms with images of one size share their data set and its reference.
  private var dataSets: [ModelConfiguration.Image: Int64] = [:]
  private(set) var firstDataSet: Int64?
  private var references: [Int64: Int64] = [:]
  /// Demands of an arm's jobs that compute.
  private var demands: [String] = []
  /// Jobs that belong to one arm alone, so far.
  private var ofArm: [Int64] = []

  init(_ sink: any JobSink) { self.sink = sink }

  func enqueue(_ plan: RunFile, _ source: Source, _ weights: WeightArtifacts) throws {
    var compare = CompareArguments()
    compare.title = plan.name
    for arm in plan.arms {
      let variant = arm.name.isEmpty ? plan.name : arm.name
      ofArm = []
      demands = arm.configuration.device == .cuda ? ["gpus>=1"] : []
      for evaluation in try enqueue(arm.configuration, plan, source, weights) {
        compare.names.append(variant)
        compare.evaluations.append(Int(evaluation))
      }
      guard plan.arms.count > 1 else { continue }
      try sink.setVariant(variant, seed: Int64(arm.configuration.seed), of: ofArm)
    }
    if plan.arms.count > 1, !compare.evaluations.isEmpty {
      _ = try job(compare, after: compare.evaluations.map { Int64($0) })
    }
  }

  private func job(
    _ arguments: some JobArguments, after: [Int64], array: JobArray? = nil,
    requirements: [String] = [], timeLimit: Double? = nil
  ) throws -> Int64 {
    try arguments.validate()
    let kind = type(of: arguments).kind
    return try sink.enqueue(
      PlannedJob(
        kind: kind, arguments: arguments.json, after: after, array: array,
        requirements: requirements + (kind.computes ? demands : []), timeLimit: timeLimit))
  }

  private func dataSet(
    _ image: ModelConfiguration.Image, _ source: Source
  ) throws -> Int64 {
    if let known = dataSets[image] { return known }
    var ingest = source.arguments
    (ingest.image.size, ingest.image.channels) = (image.size, image.channels)
    var made: Int64
    if let shared = try sink.sharedDataSet(ingest) {
      made = shared
    } else if source.parts == 1 {
      made = try job(ingest, after: [], requirements: source.requirements)
    } else {
      // Each element packs its share of the ranges; a job behind them puts these together.
      ingest.parts = source.parts
      var array = JobArray(0...Int64(source.parts - 1))
      array.firstPath = ["part"]
      made = try job(ingest, after: [], array: array, requirements: source.requirements)
      (ingest.parts, ingest.packed) = (1, Int(made))
      made = try job(ingest, after: [made])
    }
    dataSets[image] = made
    firstDataSet = firstDataSet ?? made
    return made
  }

  /// - Returns: the arm's evaluate jobs
  private func enqueue(
    _ configuration: ModelConfiguration, _ plan: RunFile, _ source: Source,
    _ weights: WeightArtifacts
  ) throws -> [Int64] {
    let data = try dataSet(configuration.image, source)
    var train = TrainArguments()
    (train.data, train.config) = (Int(data), configuration)
    train.lpipsWeights = configuration.loss.lpipsFile.map { weights.digests[$0]! }
    train.start = weights.start(of: plan)
    train.preview = plan.preview ?? .none
    let trained = try training(train, after: data)
    ofArm.append(trained)

    let samples = try plan.sample.map {
      try self.samples($0, configuration, trained: trained, data: data)
    }
    ofArm += samples.map { [$0] } ?? []
    try commands(plan, weights, trained: trained, samples: samples)
    guard let samples, plan.evaluate else { return [] }
    var evaluate = EvaluateArguments()
    (evaluate.train, evaluate.data) = (Int(trained), Int(data))
    evaluate.samples = [Int(samples)]
    var evaluations = [try job(evaluate, after: [samples])]
    if let inception = plan.inception {
      var arguments = EvaluateArguments()
      let reference = try self.reference(inception, weights, data: data)
      let drawn = try features(inception, weights, after: [samples]) {
        $0.samples = [Int(samples)]
      }
      (arguments.reference, arguments.features) = (Int(reference), [Int(drawn)])
      arguments.conventions = inception.conventions
      ofArm.append(drawn)
      evaluations.append(try job(arguments, after: [reference, drawn]))
    }
    ofArm += evaluations
    return evaluations
  }

  /// Enqueues a training: one job, or a gang of its ranks.
  private func training(_ train: TrainArguments, after data: Int64) throws -> Int64 {
    let ranks = train.config.training.ranks
    guard ranks.most > 1 else { return try job(train, after: [data]) }
    let counts = train.config.training.rankCounts
    var array = JobArray(0...Int64(counts.last! - 1))
    array.isGang = true
    let gang = try job(train, after: [data], array: array)
    if ranks.least < ranks.most { try sink.setGangSizes(counts, of: gang) }
    return gang
  }

  /// Enqueues the drawing of an arm's images: one job, or one array whose elements are the images.
  private func samples(
    _ sample: RunFile.Sample, _ configuration: ModelConfiguration, trained: Int64, data: Int64
  ) throws -> Int64 {
    var arguments = SampleArguments()
    (arguments.train, arguments.data, arguments.count) = (Int(trained), Int(data), sample.count)
    arguments.sampling = configuration.sampling
    arguments.last = sample.count
    guard sample.shards > 1 else { return try job(arguments, after: [trained]) }
    arguments.last = sample.pack
    var array = JobArray(0...Int64(sample.count - 1))
    array.pack = sample.pack
    let keys = SampleArguments.elementKeys!
    (array.firstPath, array.endPath) = ([keys.first], [keys.end])
    return try job(arguments, after: [trained], array: array)
  }

  /// Enqueues the programs that read an arm's checkpoint and images.
  private func commands(
    _ plan: RunFile, _ weights: WeightArtifacts, trained: Int64, samples: Int64?
  ) throws {
    for named in plan.commands {
      var arguments = CommandArguments()
      (arguments.name, arguments.command) = (named.name, named.command.command)
      (arguments.inputs, arguments.environment) = (named.command.inputs, named.command.environment)
      arguments.train = Int(trained)
      // It waits for what it reads: one that reads no images begins beside the drawing of them.
      let drawn = named.command.reads(.samples) ? samples : nil
      arguments.samples = drawn.map { [Int($0)] } ?? []
      for file in try named.command.placedFiles(at: named.key) {
        arguments.files.append(weights.digests[file.path]!)
        arguments.filesName.append(file.name)
      }
      ofArm.append(
        try job(
          arguments, after: arguments.parents.map { Int64($0) }, timeLimit: named.command.timeLimit)
      )
    }
  }

  /// Enqueues features of one source, in as many parts as the run file says.
  private func features(
    _ inception: InceptionEvaluation, _ weights: WeightArtifacts, after: [Int64],
    _ choose: (inout FeaturesArguments) -> Void
  ) throws -> Int64 {
    var features = FeaturesArguments()
    features.weights = weights.digests[inception.inception]!
    features.weightsName = weights.shownName(inception.inception)
    features.parts = inception.shards
    choose(&features)
    guard inception.shards > 1 else { return try job(features, after: after) }
    var array = JobArray(0...Int64(inception.shards - 1))
    array.firstPath = ["part"]
    return try job(features, after: after, array: array)
  }

  /// The contents of a file of reference: statistics, images or both.
  /// - Throws: `ConfigurationError` for a file with neither
  static func statistics(
    of inception: InceptionEvaluation, _ weights: WeightArtifacts
  ) throws -> (hasStatistics: Bool, hasImages: Bool) {
    let path = weights.path(inception.reference)
    let arrays = try refusing("evaluate.reference") { try ArrayFile.names(in: path) }
    let hasStatistics = arrays.contains("mu") && arrays.contains("sigma")
    guard hasStatistics || arrays.contains("arr_0") else {
      throw ConfigurationError(
        "evaluate.reference: \(path) has neither mu and sigma nor images arr_0; it has "
          + arrays.joined(separator: ", "))
    }
    return (hasStatistics, arrays.contains("arr_0"))
  }

  /// Enqueues the reference that an arm's images are compared with: its data set, or a file.
  private func reference(
    _ inception: InceptionEvaluation, _ weights: WeightArtifacts, data: Int64
  ) throws -> Int64 {
    let key = inception.reference == "data" ? data : 0
    if let known = references[key] { return known }
    var reference = ReferenceArguments()
    var parents: [Int64] = []
    if inception.reference == "data" {
      parents = [try features(inception, weights, after: [data]) { $0.data = Int(data) }]
    } else {
      let name = inception.reference
      let (hasStatistics, hasImages) = try Self.statistics(of: inception, weights)
      if hasStatistics {
        (reference.statistics, reference.statisticsName) = (
          weights.digests[name]!, weights.shownName(name)
        )
      }
      if hasImages {
        parents = [
          try features(inception, weights, after: []) {
            ($0.archive, $0.archiveName) = (weights.digests[name]!, weights.shownName(name))
          }
        ]
      }
    }
    reference.features = parents.map { Int($0) }
    references[key] = try job(reference, after: parents)
    return references[key]!
  }
}
