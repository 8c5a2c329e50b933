// Training on random images, to measure its steps.

import Configuration
import NeuralNetwork
import PRAModel
import Tensor

/// A training whose steps all see one batch of random images. It needs neither a data set nor the
/// weights of LPIPS, and takes as long as one with both.
package struct SyntheticTraining {
  package let trainer: Trainer
  private let patches: Tensor
  private let labels: [Int]

  /// - Throws: `ConfigurationError` for settings that do not fit each other
  package init(_ configuration: ModelConfiguration, classes: Int, on device: Device) throws {
    let (batch, image) = (configuration.training.batch, configuration.image)
    trainer = Trainer(
      try PRAModel(configuration, classes: classes, on: device),
      perceptual: configuration.loss.lpips > 0
        ? try Self.randomPerceptual(configuration.training.precision.products, on: device)
        : nil)
    let pixels = Philox(seed: 5)
      .uniforms(batch * image.size * image.size * image.channels, a: 0, b: 0, stream: 77)
    patches = cutIntoPatches(
      pixels.map { Float(2 * $0 - 1) }, batch: batch, sizes: trainer.model.sizes, on: device)
    labels = (0..<batch).map { $0 % classes }
  }

  /// The batch of the next step.
  package func nextBatch() -> TrainingBatch {
    TrainingBatch(patches: patches, labels: labels, step: trainer.step)
  }

  /// LPIPS with random weights, which need as much time and memory as trained ones.
  private static func randomPerceptual(
    _ precision: ProductPrecision, on device: Device
  ) throws -> LPIPS {
    try LPIPS(
      { name, shape in
        let fan = Double(shape.dropFirst().reduce(1, *))
        return Philox(seed: 3).uniforms(
          shape.reduce(1, *), a: crc32(Array(name.utf8)), b: 0, stream: 78
        ).map { Float((2 * $0 - 1) * (6 / fan).squareRoot()) }
      }, precision: precision, on: device)
  }

  /// The operations of some steps after those that record and warm up, as a table beside the
  /// machine's limits.
  package func profile(steps: Int, warm: Int = 2) throws -> String {
    for _ in 0..<warm { _ = try trainer.run(nextBatch()) }
    let device = trainer.model.device
    var spent = 0.0
    let rows = try device.profiled {
      spent = try seconds { for _ in 0..<steps { _ = try trainer.run(nextBatch()) } }
    }
    return MachineLimits(of: device, trainer.model.products)
      .table(rows, rounds: steps, seconds: spent / Double(steps))
  }
}
