// Stage `evaluate`: compares drawn images with the data set, and reconstructs images from their
// states.

import Evaluation
import Files
import Images
import JobKinds
import PRAModel
import StageInputs
import StageKit
import Tensor

Stage.run { session in
  let arguments = try refusingBadInput { try EvaluateArguments(json: session.arguments) }
  if arguments.isInception { return try evaluateByInception(session, arguments) }
  // Those of its pixels are fetched that are looked at.
  let data = try session.openDataSet(ofJob: arguments.data, output: OutputName.dataSet)
  let device = try session.device()
  let extractor = RandomFeatures(on: device)
  let drawnSets = try arguments.samples.flatMap { sample in
    try session.finishedJobs(of: Int64(sample)).map { part in
      (
        job: Int(part.id),
        set: try session.dataSet(ofJob: Int(part.id), output: OutputName.images)
      )
    }
  }
  let rebuilt = try reconstruction(session, arguments, data, device)
  let all = data.count + drawnSets.reduce(0) { $0 + $1.set.count }
  var done = 0

  /// Features of every image of a packed set, a range after the other.
  func features(_ set: PackedDataSet, job: Int) throws -> LabelledFeatures {
    guard set.size == data.size, set.channels == data.channels, set.size >= RandomFeatures.leastSide
    else {
      throw PermanentFailure(
        "job \(job) has images of \(set.size) pixels and \(set.channels) channels; comparing with "
          + "\(data.size) and \(data.channels), at least \(RandomFeatures.leastSide) pixels")
    }
    var rows: [[Double]] = []
    try session.forEachRange(of: set, ofJob: job) { images in
      for i in images {
        if i % 64 == 0 { try session.releaseIfAsked() }
        done += 1
        session.progress(done: Int64(done), total: Int64(all), unit: "images")
        rows += extractor.features(
          of: set.pixels(of: i), count: 1, size: set.size, channels: set.channels)
      }
    }
    return LabelledFeatures(features: rows, labels: set.labels)
  }

  let reference = LabelledFeatures(
    features: try session.randomFeatures(of: data, job: arguments.data) {
      try features(data, job: arguments.data).features
    }, labels: data.labels)
  done = data.count
  let drawn = try drawnSets.map { try features($0.set, job: $0.job) }
  var figures = frechetFigures(
    drawn: LabelledFeatures(
      features: drawn.flatMap(\.features), labels: drawn.flatMap(\.labels)),
    reference: reference, classes: data.classes)
  figures += rebuilt

  for figure in figures { say("\(figure.metric) \(figure.scope): \(shortDecimal(figure.value))") }
  let records = figures.map {
    EvaluationRecord(
      metric: $0.metric, scope: $0.scope, value: $0.value, images: Int64($0.images))
  }
  let document = JSONText.array(
    figures.map {
      JSONText.object([
        ("metric", JSONText.string($0.metric)), ("scope", JSONText.string($0.scope)),
        ("value", JSONText.number($0.value)), ("images", String($0.images)),
      ])
    })
  let output = try session.storeArtifact(
    bytes: Array(document.utf8), name: OutputName.evaluation, mediaType: "application/json")
  try session.finish(outputs: [OutputName.evaluation: output], evaluations: records)
}

/// Peak signal-to-noise ratio of the first images after encoding and decoding without noise, whose ranges alone are
/// fetched; empty for a method without states.
func reconstruction(
  _ session: StageSession, _ arguments: EvaluateArguments, _ data: PackedDataSet, _ device: Device
) throws -> [EvaluationFigure] {
  let count = min(data.count, arguments.reconstruct)
  guard count > 0 else { return [] }
  let model = try session.trainedModel(
    ofJob: arguments.train, step: arguments.step, on: device
  ).model
  try session.fetch(images: 0..<count, of: data, ofJob: arguments.data)
  var ratio = PeakSignalToNoise()
  let batch = 64
  for first in stride(from: 0, to: count, by: batch) {
    try session.releaseIfAsked()
    let part = Array(first..<min(first + batch, count))
    let pixels = part.flatMap { data.pixels(of: $0).map { Float(Double($0) / 127.5 - 1) } }
    let patches = cutIntoPatches(pixels, batch: part.count, sizes: model.sizes, on: device)
    guard
      let rebuilt = model.reconstruction(of: patches, labels: part.map { data.labels[$0] })
    else { return [] }
    ratio.add(reconstruction: rebuilt, original: patches)
  }
  guard !ratio.decibels.isNaN else {
    throw PermanentFailure(
      "train: images rebuilt by the weights of job \(arguments.train) are not finite: they are broken"
    )
  }
  return [
    EvaluationFigure(
      metric: "reconstruction.psnr", scope: "overall", value: ratio.decibels, images: count)
  ]
}
