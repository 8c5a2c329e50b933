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
    let (random, null, drop) = (random, nullClass, configuration.training.labelDrop)
    return Indices(batch.count, on: device) { target in
      for row in 0..<batch.count {
        let (a, b) = batch.counter(row)
        let u = random.uniform(a: a, b: b, stream: TrainingStream.labelDrop)
        target[row] = u < drop ? null : Int32(batch.label(row))
      }
    }
  }

  /// Standard normals of a stream, `count` an image: [batch, count].
  func normals(_ batch: TrainingBatch, count: Int, stream: UInt32) -> Tensor {
    Tensor.normals(
      [batch.count, count], random: random, stream: stream, type: type, on: device,
      counter: batch.counter)
  }

  /// Numbers of a stream in float64, `count` an image: [batch, count].
  func exact(
    _ kind: Distribution, _ batch: TrainingBatch, count: Int, stream: UInt32,
    map: @escaping (Double) -> Double
  ) -> Tensor {
    Tensor.exact(
      kind, [batch.count, count], random: random, stream: stream, on: device,
      counter: batch.counter, map: map)
  }
}
