// Stage `sample`: draws a range of a sampling run's images from a trained model.

import Configuration
import Digest
import Files
import Images
import JobKinds
import PRAModel
import Sampling
import StageInputs
import StageKit
import Tensor

#if canImport(Glibc)
  import Glibc
#endif

Stage.run { session in
  let arguments = try refusingBadInput { try SampleArguments(json: session.arguments) }
  let sampling = arguments.sampling
  let trained =
    try arguments.weightsFile.isEmpty
    ? session.trainedModel(
      ofJob: arguments.train, weights: sampling.weights, step: arguments.step)
    : session.model(
      fromFile: arguments.weightsFile, named: arguments.weightsName, weights: sampling.weights)
  let (model, step) = (trained.model, trained.step)
  let table = try trained.classes ?? unnamedClasses(session, arguments, model)
  guard model.sizes.classes == table.names.count else {
    throw PermanentFailure(
      "data: has \(counted(table.names.count, "class", "classes")), the model was trained on \(model.sizes.classes)"
    )
  }
  // A class without an image was never trained.
  let classes =
    try arguments.classes.isEmpty
    ? table.trained
    : refusingBadInput { try table.numbers(of: arguments.classes, key: "classes") }
  if arguments.classes.isEmpty, classes.count < table.names.count {
    say(
      "draws \(classes.count) of \(table.names.count) classes: the others have no image in the data set"
    )
  }
  let image = model.configuration.image
  let count = arguments.last - arguments.first
  say("drawing images \(arguments.first) to \(arguments.last - 1) with step \(step)'s weights")

  let packed = "\(session.scratch)/\(OutputName.images)"
  let writer = try PackedDataSetWriter(packed, size: image.size, channels: image.channels)
  var images: [(label: Int, className: String, digest: Int64)] = []
  func draw(_ each: (SampledImage) throws -> Void) throws {
    do {
      try Sampler.images(
        arguments.first..<arguments.last, model: model, configuration: sampling,
        batch: imagesAtOnce(model), among: classes,
        caching: getenv("PRA_KV_CACHE").map { String(cString: $0) } != "off"
      ) { done in
        try session.releaseIfAsked()
        session.progress(done: Int64(done), total: Int64(count), unit: "images")
      } each: {
        try each($0)
      }
    } catch let broken as NonFiniteImage {
      let source = arguments.train > 0 ? "job \(arguments.train)" : arguments.weightsName
      throw PermanentFailure("\(broken) (step \(step) of \(source))")
    }
  }
  try draw { drawn in
    try writer.append(drawn.pixels, label: drawn.label)
    images.append(
      (drawn.label, table.names[drawn.label], SHA256.leading64(of: drawn.pixels)))
  }
  _ = try writer.commit(classes: table.names)
  // One object for all images: whoever wants a picture cuts it out.
  let artifact = try session.storeArtifact(
    givenAway: packed, name: OutputName.images, mediaType: "application/octet-stream")
  try session.finish(
    outputs: [OutputName.images: artifact],
    images: ImageSet(
      first: Int64(arguments.first), seed: sampling.seed, artifact: artifact,
      place: PackedDataSetWriter.pixelStart, side: image.size, channels: image.channels,
      images: images),
    result: JSONText.object([("images", String(count)), ("step", String(step))]))
}

/// Classes that the weights do not name: a checkpoint of the version before leaves that to the data set, a file
/// of another program to nobody.
func unnamedClasses(
  _ session: StageSession, _ arguments: SampleArguments, _ model: PRAModel
) throws -> ClassTable {
  if arguments.data > 0 {
    return ClassTable(try session.openDataSet(ofJob: arguments.data, output: OutputName.dataSet))
  }
  let numbers = 0..<model.sizes.classes
  return ClassTable(names: numbers.map(String.init), images: numbers.map { _ in 1 })
}

/// Images drawn at once: enough for long products, few enough that 256 tokens of a large model fit
/// in memory. An image does not depend on it: `PRA_SAMPLE_BATCH` may choose another number.
func imagesAtOnce(_ model: PRAModel) throws -> Int {
  if let text = getenv("PRA_SAMPLE_BATCH") {
    guard let count = Int(String(cString: text)), (1...4096).contains(count) else {
      throw PermanentFailure(
        "PRA_SAMPLE_BATCH: found '\(String(cString: text))', expected a number from 1 to 4096")
    }
    return count
  }
  let tokens = model.sizes.positions + model.configuration.trunk.classTokens
  let bytes = tokens * model.configuration.trunk.width * model.configuration.trunk.layers * 16
  return max(1, min(64, (1 << 30) / bytes))
}
