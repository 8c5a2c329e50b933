// Stage `probe`: measures how well each layer of a trained model tells an image's class.

import Evaluation
import Figures
import Files
import Images
import JobKinds
import PRAModel
import RunStore
import StageInputs
import StageKit
import Tensor

/// Images of one or two sets, one after the other.
private typealias Images = [(set: PackedDataSet, image: Int)]

/// Raw pixels, or a layer, with the results of its classifiers on the held-out images.
private struct Source {
  let name: String
  let examples: LinearProbe.Examples
  /// One outcome per split.
  var outcomes: [LinearProbe.Outcome] = []

  var ranks: [Int] { outcomes.flatMap(\.ranks) }
  var top1: Double { share(below: 1) }
  var top5: Double { share(below: 5) }

  private func share(below limit: Int) -> Double {
    Double(ranks.count { $0 < limit }) / Double(ranks.count)
  }

  /// Standard deviation of top-1 between splits; nil for one split.
  var deviation: Double? {
    guard outcomes.count > 1 else { return nil }
    let mean = outcomes.reduce(0) { $0 + $1.top1 } / Double(outcomes.count)
    let squares = outcomes.reduce(0) { $0 + ($1.top1 - mean) * ($1.top1 - mean) }
    return (squares / Double(outcomes.count - 1)).squareRoot()
  }
}

Stage.run { session in
  let arguments = try refusingBadInput { try ProbeArguments(json: session.arguments) }
  let data = try session.dataSet(ofJob: arguments.data, output: OutputName.dataSet)
  let device = try session.device(lower: "batch")
  let trained = try session.trainedModel(
    ofJob: arguments.train, weights: arguments.weights.isEmpty ? nil : arguments.weights,
    step: arguments.step, on: device)
  let (model, step) = (trained.model, trained.step)
  guard model.sizes.grid % arguments.pool == 0 else {
    throw PermanentFailure(
      "pool: found \(arguments.pool), expected a divisor of the \(model.sizes.grid) patches of a side"
    )
  }
  guard let layers = TrunkLayers(model, parts: arguments.pool) else {
    throw PermanentFailure("train: the method diffusion has no causal trunk to probe")
  }
  var sets = [data]
  if arguments.validation > 0 {
    sets.append(try session.dataSet(ofJob: arguments.validation, output: OutputName.dataSet))
  }
  for set in sets {
    let image = model.configuration.image
    guard set.size == image.size, set.channels == image.channels, set.classes == data.classes
    else {
      throw PermanentFailure(
        "data, validation: images of \(set.size) pixels, \(set.channels) channels and "
          + "\(counted(set.classes.count, "class", "classes")), the model has \(image.size), \(image.channels) and "
          + "\(data.classes.count); expected the same classes")
    }
  }
  let images = sets.flatMap { set in (0..<set.count).map { (set: set, image: $0) } }
  let heldOut =
    try arguments.validation > 0 ? [Array(data.count..<images.count)] : parts(arguments, data)
  say("step \(step): \(counted(images.count, "image")), held out \(heldOut.map(\.count))")
  var sources = try features(session, layers, model, images)

  var settings = LinearProbe.Settings()
  switch arguments.optimizer {
  case .lbfgs: settings.optimizer = .lbfgs
  case .adamw: settings.optimizer = .adamw
  case .lars: settings.optimizer = .lars
  }
  (settings.learningRate, settings.weightDecays) = (arguments.learningRate, arguments.candidates)
  (settings.epochs, settings.warmUpEpochs) = (arguments.epochs, arguments.warmUpEpochs)
  (settings.batch, settings.seed) = (arguments.batch, arguments.seed)
  var done = 0
  for number in sources.indices {
    for part in heldOut {
      let held = Set(part)
      let examples = sources[number].examples
      let outcome = try LinearProbe.outcome(
        training: examples.only(images.indices.filter { !held.contains($0) }),
        heldOut: examples.only(part), classes: data.classes.count, settings: settings, on: device
      ) { try session.releaseIfAsked() }
      sources[number].outcomes.append(outcome)
      done += 1
      session.progress(
        done: Int64(done), total: Int64(sources.count * heldOut.count), unit: "classifiers")
    }
    let source = sources[number]
    say(
      "\(source.name): top-1 \(source.top1), top-5 \(source.top5), weight decays "
        + "\(source.outcomes.map(\.weightDecay))")
  }
  try finish(session, sources)
}

/// Numbers of the held-out images of each split.
private func parts(_ arguments: ProbeArguments, _ data: PackedDataSet) throws -> [[Int]] {
  let keys = Philox(seed: arguments.seed).uniforms(data.count, a: 0, b: 0, stream: 42)
  let parts = LinearProbe.heldOutParts(
    data.labels.map { Int($0) }, share: arguments.holdout, count: arguments.splits, keys: keys)
  for part in parts {
    guard !part.isEmpty, data.count - part.count > 1 else {
      throw PermanentFailure(
        "holdout: \(arguments.holdout) of \(data.count) images leaves \(data.count - part.count) for "
          + "training and \(part.count) held out")
    }
  }
  return parts
}

/// Raw pixels and the outputs of every block, in one pass over the images.
private func features(
  _ session: StageSession, _ layers: TrunkLayers, _ model: PRAModel, _ images: Images
) throws -> [Source] {
  var features = [[Float]](repeating: [], count: layers.count + 1)
  for first in stride(from: 0, to: images.count, by: 64) {
    try session.releaseIfAsked()
    let part = images[first..<min(first + 64, images.count)]
    let pixels = part.flatMap { $0.set.pixels(of: $0.image).map { Float(Double($0) / 127.5 - 1) } }
    let patches = cutIntoPatches(pixels, batch: part.count, sizes: model.sizes, on: model.device)
    features[0] += pixels
    for (layer, output) in layers(patches).enumerated() {
      let values = output.download().floats
      guard values.allSatisfy(\.isFinite) else {
        throw PermanentFailure(
          "train: the outputs of block \(layer + 1) are not finite: the checkpoint's weights are broken"
        )
      }
      features[layer + 1] += values
    }
    session.progress(done: Int64(part.endIndex), total: Int64(images.count), unit: "images")
  }
  let labels = images.map { Int($0.set.labels[$0.image]) }
  return features.enumerated().map { number, features in
    Source(
      name: number == 0 ? "pixels" : "block \(number)",
      examples: LinearProbe.Examples(
        features: features, labels: labels, width: features.count / labels.count))
  }
}

private func finish(_ session: StageSession, _ sources: [Source]) throws {
  let (pixels, layers) = (sources[0], sources.dropFirst())
  let best = layers.max { $0.top1 < $1.top1 }!
  let images = pixels.ranks.count
  func fields(_ source: Source) -> [(String, String)] {
    // Only images that one of two classifiers gets wrong tell them apart (McNemar 1947).
    let pairs = zip(source.ranks, pixels.ranks)
    return [
      ("deviation", source.deviation.map { JSONText.number($0) } ?? "null"),
      (
        "weight_decay",
        JSONText.array(source.outcomes.map { JSONText.number($0.weightDecay) })
      ),
      ("right_alone", String(pairs.count { $0 == 0 && $1 > 0 })),
      ("pixels_right_alone", String(pairs.count { $0 > 0 && $1 == 0 })),
    ]
  }
  func record(
    _ metric: String, _ scope: String, _ value: Double, _ source: Source
  ) -> EvaluationRecord {
    EvaluationRecord(
      metric: metric, scope: scope, value: value, images: Int64(images),
      details: JSONText.object(fields(source)))
  }
  var records = sources.flatMap {
    [
      record("probe.top1", $0.name, $0.top1, $0), record("probe.top5", $0.name, $0.top5, $0),
    ]
  }
  for (name, source) in [("best", best), ("last", layers.last!), ("pixels", pixels)] {
    records.append(record("probe.\(name).top1", "overall", source.top1, source))
    records.append(record("probe.\(name).top5", "overall", source.top5, source))
  }
  let chart = probeChart(sources, images: images)
  let document = JSONText.array(
    sources.map {
      JSONText.object(
        [
          ("layer", JSONText.string($0.name)), ("top1", JSONText.number($0.top1)),
          ("top5", JSONText.number($0.top5)),
        ] + fields($0))
    })
  func store(_ bytes: [UInt8], _ name: String, _ mediaType: String) throws -> Artifact {
    try session.storeArtifact(bytes: bytes, name: name, mediaType: mediaType)
  }
  try session.finish(
    outputs: [
      "probe.json": store(Array(document.utf8), "probe.json", "application/json"),
      "probe.png": store(chart.picture().png(), "probe.png", "image/png"),
      "probe.svg": store(Array(chart.svg().utf8), "probe.svg", "image/svg+xml"),
    ], evaluations: records)
}

/// Accuracy by block, and of raw pixels as a level.
private func probeChart(_ found: [Source], images: Int) -> Chart {
  let layers = found.count - 1
  func curve(_ name: String, _ value: (Source) -> Double) -> Chart.Series {
    Chart.Series(
      name: name, points: (1...layers).map { (Double($0), 100 * value(found[$0])) })
  }
  func level(_ name: String, _ value: Double) -> Chart.Series {
    Chart.Series(
      name: name, points: [(1, 100 * value), (Double(max(layers, 2)), 100 * value)])
  }
  return Chart(
    title: "Linear probe of every block, \(images) held-out images", xLabel: "block",
    yLabel: "correct, percent",
    series: [
      curve("top-1", \.top1), level("top-1, raw pixels", found[0].top1), curve("top-5", \.top5),
      level("top-5, raw pixels", found[0].top5),
    ])
}
