// What a training step is made of and what it reports.

import Autodiff
import Configuration
import Tensor

/// One step's images and labels. A recorded step reads each batch from where the first one lay.
package final class TrainingBatch {
  /// y, [batch, N, P].
  package let patches: Tensor
  package let count: Int
  /// Place of row 0 in the global batch.
  package let firstPlace: Int
  /// The batch that this one is rows of: its labels and step count.
  private let whole: TrainingBatch?
  /// Classes before the drop; empty where it is rows of another.
  package private(set) var labels: [Int]
  private var ownStep: Int

  /// - Parameter labels: classes before the drop
  package init(patches: Tensor, labels: [Int], step: Int, firstPlace: Int = 0) {
    precondition(patches.shape[0] == labels.count, "TrainingBatch: labels")
    self.patches = patches
    self.labels = labels
    self.firstPlace = firstPlace
    count = labels.count
    ownStep = step
    whole = nil
  }

  /// Memory for the batches of a training, written in place before each step.
  /// - Parameter shape: [batch, N, P]
  package init(uninitialized shape: [Int], type: ElementType, on device: Device) {
    patches = Tensor(uninitialized: shape, type: type, on: device)
    count = shape[0]
    firstPlace = 0
    whole = nil
    (labels, ownStep) = ([], -1)
  }

  private init(_ rows: Range<Int>, of whole: TrainingBatch) {
    patches = whole.patches.slice(rows)
    count = rows.count
    firstPlace = whole.firstPlace + rows.lowerBound
    self.whole = whole
    (labels, ownStep) = ([], 0)
  }

  /// The number of the step that it is for.
  package var step: Int { whole?.step ?? ownStep }

  /// A row's class before the drop.
  package func label(_ row: Int) -> Int {
    guard let whole else { return labels[row] }
    return whole.label(row + firstPlace - whole.firstPlace)
  }

  /// Rows of the batch as a batch of their own: their random numbers are the same.
  package func slice(_ rows: Range<Int>) -> TrainingBatch { TrainingBatch(rows, of: self) }

  /// Names the images whose patches have been written in place.
  /// - Parameter labels: classes before the drop
  package func begin(step: Int, labels: [Int]) {
    precondition(labels.count == count && whole == nil, "TrainingBatch: \(labels.count) labels")
    (self.labels, ownStep) = (labels, step)
  }

  /// Takes over another batch of the same size.
  package func load(_ other: TrainingBatch) {
    precondition(other.count == count && other.whole == nil, "TrainingBatch: another size")
    patches.copy(from: other.patches)
    (labels, ownStep) = (other.labels, other.step)
  }

  /// The counter words of a row's random numbers.
  func counter(_ row: Int) -> (a: UInt32, b: UInt32) {
    (a: UInt32(step), b: UInt32(firstPlace + row))
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

  /// The same losses without their derivatives, which hold what the passes computed.
  package var settled: StepLosses {
    StepLosses(
      terms: terms.map { LossTerm(name: $0.name, weight: $0.weight, scalar: $0.scalar.settled) })
  }

  /// - Parameter share: of these images in the batch, by which gradients are multiplied
  package func backward(on tape: Tape, share: Double = 1) {
    tape.backward(
      terms.filter { $0.weight != 0 }.map { (weight: share * $0.weight, of: $0.scalar) })
  }

  /// Names of the series: L, L_rec, and each loss before its weight.
  package var names: [String] { ["loss", "loss.rec"] + terms.map(\.name) }

  /// The value of a series as the last run of its operations left it.
  package func value(_ series: Int) -> Double {
    switch series {
    case 0: total
    case 1: reconstruction
    default: terms[series - 2].scalar.value
    }
  }
}

/// What the passes compute, by name, for diagnostics and for tests against an independent
/// implementation.
package typealias StepActivations = [String: Tensor]

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
