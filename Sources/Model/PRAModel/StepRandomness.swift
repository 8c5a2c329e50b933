// The random numbers of a training step (model.md section 6): functions of seed, step and place alone.

import Configuration
import Tensor

/// Random streams of section 6 that a training step reads.
enum TrainingStream {
  static let labelDrop: UInt32 = 2
  static let perturbationTime: UInt32 = 3
  static let perturbationNoise: UInt32 = 4
  static let flowTime: UInt32 = 5
  static let flowNoise: UInt32 = 6
}

extension PRAModel {
  var random: Philox { Philox(seed: configuration.seed) }

  /// Labels after the drop.
  func droppedLabels(_ batch: TrainingBatch) -> Indices {
    batch.labels.dropped(
      configuration.training.labelDrop, to: nullClass, random, stream: TrainingStream.labelDrop,
      step: batch.stepOnDevice, first: UInt32(batch.firstPlace))
  }

  /// Standard normals of a stream, `count` an image: [batch, count].
  func normals(_ batch: TrainingBatch, count: Int, stream: UInt32) -> Tensor {
    .random(
      .normal, [batch.count, count], random, stream: stream, batch.counters, type: type, on: device)
  }

  /// Numbers of a stream in float64, `count` an image: [batch, count].
  func exact(
    _ kind: Distribution, _ batch: TrainingBatch, count: Int, stream: UInt32, map: NumberMap
  ) -> Tensor {
    .random(
      kind, [batch.count, count], random, stream: stream, batch.counters, map: map, type: .float64,
      on: device)
  }
}
