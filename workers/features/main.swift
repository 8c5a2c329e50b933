// Stage `features`: reads images of any source, writes a row of Inception features for each.

import Files
import Inception
import JobKinds
import StageInputs
import StageKit
import Tensor
import TensorFiles

/// Images per batch: enough for long products. An image's features do not depend on it.
private let batch = 16

Stage.run { session in
  let arguments = try refusingBadInput { try FeaturesArguments(json: session.arguments) }
  // Features of a data set are computed once; a part that is there needs neither images nor weights.
  let dataSet = try arguments.data > 0 ? session.digest(ofDataSet: arguments.data) : nil
  let what =
    "Inception features, part \(arguments.part + 1) of \(arguments.parts), weights \(arguments.weights)"
  if let dataSet,
    let kept = try session.keptOutputs(
      [OutputName.features, OutputName.featureShard], what: what, of: dataSet)
  {
    let json = try session.fetchArtifact(sha256: kept[OutputName.featureShard]!.sha256)
    let shard = try refusingBadInput {
      try FeatureShard(
        json: String(decoding: json, as: UTF8.self), source: OutputName.featureShard)
    }
    say("features of images \(shard.first) to \(shard.last - 1) were computed before")
    try session.finish(
      outputs: kept, result: JSONText.object([("images", String(shard.last - shard.first))]))
    return
  }
  let source = try session.imageSource(arguments)
  var shard = source.description
  let count = shard.images
  shard.first = arguments.part * count / arguments.parts
  shard.last = (arguments.part + 1) * count / arguments.parts
  let weights = try session.fetch(
    "weights", sha256: arguments.weights, named: arguments.weightsName, otherwise: "weights")
  let device = try session.device()
  let network = try refusingBadInput {
    try InceptionNetwork(WeightFiles.open(weights), on: device)
  }
  (shard.weights, shard.narrowing) = (arguments.weights, network.narrowing)
  say("features of images \(shard.first) to \(shard.last - 1) of \(count), \(shard.name)")
  if network.narrowing > 1 {
    say("the network has 1/\(network.narrowing) of the channels: its figures are no FID")
  }

  let path = "\(session.scratch)/\(OutputName.features)"
  let writer = try NPZWriter(path)
  try writer.begin(
    "features", type: "<f4", width: 4, shape: [shard.last - shard.first, network.layout.width])
  var held: [LoadedImage] = []
  var done = 0
  func compute() throws {
    guard let one = held.first else { return }
    try session.releaseIfAsked()
    let pixels = held.flatMap(\.pixels)
    let rows = pixels.withUnsafeBytes { bytes in
      network.features(
        of: held.indices.map {
          UnsafeRawBufferPointer(
            rebasing: bytes[$0 * one.pixels.count..<($0 + 1) * one.pixels.count])
        }, height: one.height, width: one.width, channels: one.channels)
    }
    try rows.readOnHost { try writer.append(Array(UnsafeRawBufferPointer($0))) }
    done += held.count
    held = []
    session.progress(
      done: Int64(done), total: Int64(shard.last - shard.first), unit: "images")
  }
  for number in shard.first..<shard.last {
    let image = try source.image(number)
    if held.count == batch || held.first.map({ !$0.hasShape(of: image) }) == true { try compute() }
    held.append(image)
  }
  try compute()
  try writer.commit()
  let outputs = [
    OutputName.features: try session.storeArtifact(
      givenAway: path, name: OutputName.features, mediaType: "application/x-npz"),
    OutputName.featureShard: try session.storeArtifact(
      bytes: Array(shard.json.utf8), name: OutputName.featureShard, mediaType: "application/json"),
  ]
  if let dataSet { try session.keep(outputs: outputs, what: what, of: dataSet) }
  try session.finish(
    outputs: outputs, result: JSONText.object([("images", String(shard.last - shard.first))]))
}
