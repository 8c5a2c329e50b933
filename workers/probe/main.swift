// Stage `probe`: what each layer of a trained model knows of an image's class.

import Evaluation
import Files
import Images
import JobKinds
import PRAModel
import Raster
import RunStore
import StageInputs
import Tensor

/// Labelled features of one layer, or raw pixels, for training and held out.
private struct Source {
  let name: String
  let training: LinearProbe.Examples
  let heldOut: LinearProbe.Examples
}

StageExit.run { session in
  let arguments = try refusingBadInput { try ProbeArguments(json: session.arguments) }
  let data = try session.dataSet(ofJob: arguments.data, output: OutputName.dataSet)
  let device = try session.device()
  let (model, step) = try session.trainedModel(
    ofJob: arguments.train, weights: arguments.weights.isEmpty ? nil : arguments.weights,
    on: device)
  guard let layers = TrunkLayers(model) else {
    throw PermanentFailure("train: the method diffusion has no causal trunk to probe")
  }
  let (training, heldOut) = try images(session, arguments, data)
  for set in [training.set, heldOut.set] {
    let image = model.configuration.image
    guard set.size == image.size, set.channels == image.channels, set.classes == data.classes
    else {
      throw PermanentFailure(
        "data, validation: images of \(set.size) pixels, \(set.channels) channels and "
          + "\(set.classes.count) classes, the model has \(image.size), \(image.channels) and "
          + "\(data.classes.count); expected the same classes")
    }
  }
  say(
    "step \(step): \(training.numbers.count) images for training, \(heldOut.numbers.count) held out"
  )
  let sources = try sources(session, layers, model, training, heldOut)

  var settings = LinearProbe.Settings()
  settings.optimizer = arguments.optimizer == .lars ? .lars : .adamw
  (settings.learningRate, settings.weightDecay) = (arguments.learningRate, arguments.weightDecay)
  (settings.epochs, settings.warmUpEpochs) = (arguments.epochs, arguments.warmUpEpochs)
  (settings.batch, settings.seed) = (arguments.batch, arguments.seed)
  var found: [LinearProbe.Accuracy] = []
  for (number, source) in sources.enumerated() {
    let accuracy = try LinearProbe.accuracy(
      training: source.training, heldOut: source.heldOut, classes: data.classes.count,
      settings: settings, on: device
    ) { epoch in
      try session.releaseIfAsked()
      session.progress(
        done: Int64(number * settings.epochs + epoch),
        total: Int64(sources.count * settings.epochs), unit: "epochs")
    }
    say("\(source.name): top-1 \(accuracy.top1), top-5 \(accuracy.top5)")
    found.append(accuracy)
  }
  try finish(session, sources.map(\.name), found, images: heldOut.numbers.count)
}

private typealias Part = (set: PackedDataSet, numbers: [Int])

/// The images that classifiers learn from, and those that they are measured on.
private func images(
  _ session: StageSession, _ arguments: ProbeArguments, _ data: PackedDataSet
) throws -> (training: Part, heldOut: Part) {
  if arguments.validation > 0 {
    let other = try session.dataSet(ofJob: arguments.validation, output: OutputName.dataSet)
    return ((data, Array(0..<data.count)), (other, Array(0..<other.count)))
  }
  // Of each class the images that come first in a random order of their numbers.
  let keys = Philox(seed: arguments.seed).uniforms(data.count, a: 0, b: 0, stream: 42)
  var (training, heldOut): ([Int], [Int]) = ([], [])
  for label in data.classes.indices {
    let members = (0..<data.count).filter { data.labels[$0] == label }
      .sorted { (keys[$0], $0) < (keys[$1], $1) }
    let count = Int((Double(members.count) * arguments.holdout).rounded())
    heldOut += members.prefix(count)
    training += members.dropFirst(count)
  }
  guard training.count > 1, !heldOut.isEmpty else {
    throw PermanentFailure(
      "holdout: \(arguments.holdout) of \(data.count) images leaves \(training.count) for training and "
        + "\(heldOut.count) held out")
  }
  return ((data, training.sorted()), (data, heldOut.sorted()))
}

/// Raw pixels and the outputs of every block, in one pass over the images.
private func sources(
  _ session: StageSession, _ layers: TrunkLayers, _ model: PRAModel, _ training: Part,
  _ heldOut: Part
) throws -> [Source] {
  var done = 0
  let all = training.numbers.count + heldOut.numbers.count
  func examples(_ part: Part) throws -> [LinearProbe.Examples] {
    let labels = part.numbers.map { part.set.labels[$0] }
    var features = [[Float]](repeating: [], count: layers.count + 1)
    for first in stride(from: 0, to: part.numbers.count, by: 64) {
      try session.releaseIfAsked()
      let numbers = part.numbers[first..<min(first + 64, part.numbers.count)]
      let pixels = numbers.flatMap { part.set.pixels(of: $0).map { Float(Double($0) / 127.5 - 1) } }
      let patches = cutIntoPatches(
        pixels, batch: numbers.count, sizes: model.sizes, on: model.device)
      features[0] += pixels
      for (layer, output) in layers(patches).enumerated() { features[layer + 1] += output.floats }
      done += numbers.count
      session.progress(done: Int64(done), total: Int64(all), unit: "images")
    }
    return features.map {
      LinearProbe.Examples(features: $0, labels: labels, width: $0.count / max(labels.count, 1))
    }
  }
  let (a, b) = (try examples(training), try examples(heldOut))
  return a.indices.map {
    Source(name: $0 == 0 ? "pixels" : "block \($0)", training: a[$0], heldOut: b[$0])
  }
}

private func finish(
  _ session: StageSession, _ names: [String], _ found: [LinearProbe.Accuracy], images: Int
) throws {
  func record(_ metric: String, _ scope: String, _ value: Double) -> EvaluationRecord {
    EvaluationRecord(metric: metric, scope: scope, value: value, images: Int64(images))
  }
  let layers = found.dropFirst()
  let best = layers.max { $0.top1 < $1.top1 }!
  var records = zip(names, found).flatMap {
    [record("probe.top1", $0, $1.top1), record("probe.top5", $0, $1.top5)]
  }
  for (name, accuracy) in [("best", best), ("last", layers.last!), ("pixels", found[0])] {
    records.append(record("probe.\(name).top1", "overall", accuracy.top1))
    records.append(record("probe.\(name).top5", "overall", accuracy.top5))
  }
  let chart = probeChart(found, images: images)
  let document = JSONText.array(
    zip(names, found).map {
      JSONText.object([
        ("layer", JSONText.string($0)), ("top1", JSONText.number($1.top1)),
        ("top5", JSONText.number($1.top5)),
      ])
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
private func probeChart(_ found: [LinearProbe.Accuracy], images: Int) -> Chart {
  let layers = found.count - 1
  func curve(_ name: String, _ value: (LinearProbe.Accuracy) -> Double) -> Chart.Series {
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
