// What a training step is made of and what it reports.

import Autodiff
import Configuration
import Tensor

/// One step's images and labels.
package struct TrainingBatch {
  /// y, [batch, N, P].
  package let patches: Tensor
  /// Classes before the drop.
  package let labels: [Int]
  package let step: Int
  /// Place of row 0 in the global batch.
  package let firstPlace: Int

  package init(patches: Tensor, labels: [Int], step: Int, firstPlace: Int = 0) {
    precondition(patches.shape[0] == labels.count, "TrainingBatch: labels")
    self.patches = patches
    self.labels = labels
    self.step = step
    self.firstPlace = firstPlace
  }

  /// Rows of the batch as a batch of their own: their random numbers are the same.
  package func slice(_ rows: Range<Int>) -> TrainingBatch {
    TrainingBatch(
      patches: patches.slice(rows), labels: Array(labels[rows]), step: step,
      firstPlace: firstPlace + rows.lowerBound)
  }
}

/// One of the losses of a step, before its weight.
package struct LossTerm {
  /// Its series, as `loss.flow`.
  package let name: String
  package let weight: Double
  package let scalar: Scalar
}

/// Losses of a step (section 4).
package struct StepLosses {
  /// In the order in which they are reported.
  package let terms: [LossTerm]

  /// Series whose weighted sum is L_rec.
  private static let reconstruction: Set<String> = ["loss.l1", "loss.l2", "loss.lpips"]

  /// L_rec, the weighted sum; 0 for a method without states.
  package var reconstruction: Double {
    sum { Self.reconstruction.contains($0.name) }
  }
  /// L.
  package var total: Double { sum { _ in true } }

  private func sum(where included: (LossTerm) -> Bool) -> Double {
    // A loss of weight 0 is reported and may be infinite: it is no part of L.
    terms.reduce(0) { $1.weight != 0 && included($1) ? $0 + $1.weight * $1.scalar.value : $0 }
  }

  /// - Parameter share: of these images in the batch, by which gradients are multiplied
  package func backward(on tape: Tape, share: Double = 1) {
    tape.backward(
      terms.filter { $0.weight != 0 }.map { (weight: share * $0.weight, of: $0.scalar) })
  }

  /// Every series and its value: L, L_rec, and each loss before its weight.
  package var values: [(name: String, value: Double)] {
    [("loss", total), ("loss.rec", reconstruction)] + terms.map { ($0.name, $0.scalar.value) }
  }
}

/// What the passes compute, by name, for tests against an independent implementation.
package typealias StepActivations = [String: Variable]

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
  func droppedLabels(_ batch: TrainingBatch) -> [Int32] {
    perPlace(batch) {
      random.uniforms(1, a: $0, b: $1, stream: TrainingStream.labelDrop)
    }.enumerated().map { row, u in
      u < configuration.training.labelDrop ? nullClass : Int32(batch.labels[row])
    }
  }

  /// Numbers of every image of the batch, one image after the other.
  func perPlace(
    _ batch: TrainingBatch, _ numbers: (_ a: UInt32, _ b: UInt32) -> [Double]
  ) -> [Double] {
    batch.labels.indices.flatMap { row in
      numbers(UInt32(batch.step), UInt32(batch.firstPlace + row))
    }
  }

  /// Standard normals of a stream, `count` an image: [batch, count].
  func normals(_ batch: TrainingBatch, count: Int, stream: UInt32) -> Tensor {
    Tensor.normals(
      [batch.labels.count, count], random: random, stream: stream, type: type, on: device
    ) { (a: UInt32(batch.step), b: UInt32(batch.firstPlace + $0)) }
  }
}
