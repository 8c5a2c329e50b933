// The models that are trained and drawn from, and the pictures that they see.

import Autodiff
import Configuration
import NeuralNetwork
import PRAModel
import Sampling
import Tensor
import Training

/// A model under check.
struct Subject {
  let name: String
  var configuration: ModelConfiguration
  let classes: Int

  /// - Parameter name: a preset, or tiny: 8-pixel images in four patches, every width as small as it may be
  init?(_ name: String) {
    self.name = name
    if name == "tiny" {
      (configuration, classes) = (Self.tiny, 3)
    } else {
      guard let preset = Preset(rawValue: name) else { return nil }
      configuration = preset.configuration
      classes = configuration.image.size == 256 ? 1000 : 9
      configuration.loss.lpips = 0
    }
  }

  static let names = (["tiny"] + Preset.allCases.map(\.rawValue)).joined(separator: ", ")

  private static var tiny: ModelConfiguration {
    var c = ModelConfiguration()
    (c.image.size, c.image.patch) = (8, 4)
    (c.trunk.width, c.trunk.layers, c.trunk.classTokens, c.trunk.mlpMultiple) = (16, 2, 2, 8)
    c.state.dim = 4
    (c.head.width, c.head.blocks) = (8, 2)
    (c.encoder.width, c.encoder.headDim) = (8, 4)
    (c.decoder.width, c.decoder.headDim) = (8, 4)
    (c.loss.flowRepeat, c.loss.lpips) = (2, 0)
    (c.training.batch, c.training.total) = (3, 40)
    c.rollout.steps = 3
    c.sampling.weights = "model"
    c.sampling.steps = 3
    return c
  }

  /// A trainer at its first step.
  func trainer(on device: Device, type: ElementType = .float32) throws -> Trainer {
    Trainer(
      try PRAModel(configuration, classes: classes, type: type, on: device),
      perceptual: configuration.loss.lpips > 0 ? try perceptual(on: device) : nil)
  }

  /// LPIPS with random weights, which need as much time and memory as trained ones.
  private func perceptual(on device: Device) throws -> LPIPS {
    try LPIPS(
      { name, shape in
        let fan = Double(shape.dropFirst().reduce(1, *))
        let number = name.utf8.reduce(UInt32(7)) { ($0 &* 31) &+ UInt32($1) }
        return Philox(seed: 3).uniforms(shape.reduce(1, *), a: number, b: 0, stream: 78)
          .map { Float((2 * $0 - 1) * (6 / fan).squareRoot()) }
      }, precision: configuration.training.precision.products, on: device)
  }

  /// The batch of a step: pictures of two random colours, of which the class says where they meet.
  func batch(_ step: Int, for trainer: Trainer) -> TrainingBatch {
    let (side, count) = (configuration.image.size, configuration.training.batch)
    let labels = (0..<count).map { (step * count + $0) % classes }
    let colours = Philox(seed: 5).uniforms(6 * count, a: UInt32(step), b: 0, stream: 77)
    var pixels: [Float] = []
    for image in 0..<count {
      let border = side * (labels[image] % 7 + 1) / 8
      for place in 0..<side * side {
        let first = place % side < border ? 0 : 3
        for channel in 0..<3 { pixels.append(Float(2 * colours[6 * image + first + channel] - 1)) }
      }
    }
    return TrainingBatch(
      patches: cutIntoPatches(
        pixels, batch: count, sizes: trainer.model.sizes, type: trainer.model.type,
        on: trainer.model.device), labels: labels, step: step)
  }
}
