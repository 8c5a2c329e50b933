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
  try session.finish(
    outputs: [
      OutputName.features: session.storeArtifact(
        file: path, name: OutputName.features, mediaType: "application/x-npz"),
      OutputName.featureShard: session.storeArtifact(
        bytes: Array(shard.json.utf8), name: OutputName.featureShard,
        mediaType: "application/json"),
    ], result: JSONText.object([("images", String(shard.last - shard.first))]))
}
