// Stage `sample`: draws a range of a sampling run's images from a trained model.

import Configuration
import Files
import Images
import JobKinds
import PRAModel
import Raster
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
  let data = try session.dataSet(ofJob: arguments.data, output: OutputName.dataSet)
  let device = try session.device()
  let (model, step) = try session.trainedModel(
    ofJob: arguments.train, weights: sampling.weights, on: device)
  guard model.sizes.classes == data.classes.count else {
    throw PermanentFailure(
      "data: has \(data.classes.count) classes, the model was trained on \(model.sizes.classes)")
  }
  // A class without an image was never trained.
  let classes = Set(data.labels).sorted()
  if classes.count < data.classes.count {
    say(
      "draws \(classes.count) of \(data.classes.count) classes: the others have no image in the data set"
    )
  }
  let image = model.configuration.image
  let count = arguments.last - arguments.first
  say("drawing images \(arguments.first) to \(arguments.last - 1) with step \(step)'s weights")

  let packed = "\(session.scratch)/\(OutputName.images)"
  let writer = try PackedDataSetWriter(packed, size: image.size, channels: image.channels)
  var records: [ImageRecord] = []
  var pictures: [Picture] = []
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
      throw PermanentFailure("\(broken) (step \(step) of job \(arguments.train))")
    }
  }
  try draw { drawn in
    let picture = Picture(
      width: image.size, height: image.size, channels: image.channels, pixels: drawn.pixels)
    let artifact = try session.storeArtifact(
      bytes: picture.png(), name: fileName(drawn.number), mediaType: "image/png")
    records.append(
      ImageRecord(
        index: Int64(drawn.number), label: drawn.label, className: data.classes[drawn.label],
        seed: sampling.seed, artifact: artifact))
    try writer.append(drawn.pixels, label: drawn.label)
    // So many that people can still look at the grid.
    if pictures.count < 256 { pictures.append(picture) }
  }
  _ = try writer.commit(classes: data.classes)
  let grid = Picture.grid(pictures, columns: 16, gap: 1, scale: 1)
  try session.finish(
    outputs: [
      OutputName.images: session.storeArtifact(
        file: packed, name: OutputName.images, mediaType: "application/octet-stream"),
      OutputName.grid: session.storeArtifact(
        bytes: grid.png(), name: OutputName.grid, mediaType: "image/png"),
    ], images: records,
    result: JSONText.object([("images", String(count)), ("step", String(step))]))
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

/// A name such as 000007.png (model.md section 6).
func fileName(_ number: Int) -> String {
  let digits = String(number)
  return String(repeating: "0", count: max(0, 6 - digits.count)) + digits + ".png"
}
