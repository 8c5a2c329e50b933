// The two passes of a training step and their losses (model.md section 4, 1 to 7).

import Autodiff
import Configuration
import NeuralNetwork
import Tensor

#if canImport(Glibc)
  import Glibc
#endif

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
}

/// Losses of a step, each before its weight, and the weights.
package struct StepLosses {
  package let flow: Scalar
  package let l1: Scalar
  package let l2: Scalar
  package let normPix: Scalar
  private let weights: LossConfiguration

  init(flow: Scalar, l1: Scalar, l2: Scalar, normPix: Scalar, weights: LossConfiguration) {
    (self.flow, self.l1, self.l2, self.normPix) = (flow, l1, l2, normPix)
    self.weights = weights
  }

  /// L_rec, the weighted sum.
  package var reconstruction: Double { weights.l1 * l1.value + weights.l2 * l2.value }
  /// L.
  package var total: Double { flow.value + reconstruction + weights.normPix * normPix.value }

  package func backward(on tape: Tape) {
    let terms = [(1, flow), (weights.l1, l1), (weights.l2, l2), (weights.normPix, normPix)]
    tape.backward(terms.filter { $0.0 != 0 }.map { (weight: $0.0, of: $0.1) })
  }
}

/// What the passes compute, for tests against an independent implementation.
package struct StepActivations {
  package let clean: Variable?
  package let states: Variable
  package let perturbed: Variable
  package let decoded: Variable
  package let hidden: Variable
  package let velocity: Variable
}

/// Random streams of section 6 that a training step reads.
private enum Stream {
  static let labelDrop: UInt32 = 2
  static let perturbationTime: UInt32 = 3
  static let perturbationNoise: UInt32 = 4
  static let flowTime: UInt32 = 5
  static let flowNoise: UInt32 = 6
}

extension PRAModel {
  /// Runs both passes on a tape.
  package func losses(_ batch: TrainingBatch, on tape: Tape) -> (StepLosses, StepActivations) {
    let labels = droppedLabels(batch)
    let target = tape.constant(batch.patches)

    // 1. Hidden states of clean patches. Where clean patches also feed the AR pass, one pass
    // serves both.
    let cleanInput = configuration.method == .cleanInput
    var clean: Variable?
    if cleanInput {
      clean = trunk(labels, target)
    } else if readsHiddenBeforeDecoding {
      let silent = Tape(on: device, type: type, products: products, recording: false)
      clean = tape.constant(trunk(labels, silent.constant(batch.patches)).value)
    }

    // 2-4. States, perturbed, decoded.
    let states = normalizedState(encoder(target, hidden: clean), configuration.state.norm)
    let perturbed = perturbed(states, batch)
    let decoded = decoder(perturbed, hidden: clean)

    // 5. The AR pass reads what inference would feed back.
    let hidden = cleanInput ? clean! : trunk(labels, decoded.detached)

    // 6-7. Losses.
    let (velocity, flowTarget) = flow(states.value, hidden, batch)
    let losses = StepLosses(
      flow: meanSquaredDifference(velocity, flowTarget),
      l1: meanAbsoluteDifference(decoded, batch.patches),
      l2: meanSquaredDifference(decoded, batch.patches),
      normPix: meanSquaredDifference(patchPrediction(hidden), patchNormalized(batch.patches)),
      weights: configuration.loss)
    return (
      losses,
      StepActivations(
        clean: clean, states: states, perturbed: perturbed, decoded: decoded, hidden: hidden,
        velocity: velocity)
    )
  }

  private var random: Philox { Philox(seed: configuration.seed) }

  private func droppedLabels(_ batch: TrainingBatch) -> [Int32] {
    batch.labels.enumerated().map { row, label in
      let u = random.uniforms(
        1, a: UInt32(batch.step), b: UInt32(batch.firstPlace + row), stream: Stream.labelDrop)[0]
      return u < configuration.training.labelDrop ? nullClass : Int32(label)
    }
  }

  /// z^ = t z + (1 - t) e.
  private func perturbed(_ states: Variable, _ batch: TrainingBatch) -> Variable {
    let (rows, count, k) = states.value.dimensions3
    let least = configuration.perturb.tMin
    let times = perPlace(batch, count, Stream.perturbationTime) { least + (1 - least) * $0 }
    let noise = Tensor.normals(
      [rows, count * k], random: random, stream: Stream.perturbationNoise, type: type, on: device,
      counter: counter(batch))
    let mixed = interpolated(
      noise: noise.reshaped([rows, 1, count, k]), to: states,
      t: Tensor(times, [rows, 1, count], type: type, on: device), repeats: 1
    ).reshaped([rows, count, k])
    return configuration.perturb.renormalize
      ? normalizedState(mixed, configuration.state.norm) : mixed
  }

  private func perPlace(
    _ batch: TrainingBatch, _ count: Int, _ stream: UInt32, _ map: (Double) -> Double
  ) -> [Double] {
    batch.labels.indices.flatMap { row in
      random.uniforms(
        count, a: UInt32(batch.step), b: UInt32(batch.firstPlace + row), stream: stream
      ).map(map)
    }
  }

  private func counter(_ batch: TrainingBatch) -> (Int) -> (a: UInt32, b: UInt32) {
    { (a: UInt32(batch.step), b: UInt32(batch.firstPlace + $0)) }
  }

  /// The head's velocity at R random points of every path, and the target z - e.
  private func flow(
    _ states: Tensor, _ hidden: Variable, _ batch: TrainingBatch
  ) -> (Variable, Tensor) {
    let (rows, count, k) = states.dimensions3
    let repeats = configuration.loss.flowRepeat
    let times = batch.labels.indices.flatMap { row in
      random.normals(
        repeats * count, a: UInt32(batch.step), b: UInt32(batch.firstPlace + row),
        stream: Stream.flowTime
      ).map { 1 / (1 + exp(-$0)) }
    }
    let noise = Tensor.normals(
      [rows, repeats * count * k], random: random, stream: Stream.flowNoise, type: type,
      on: device, counter: counter(batch)
    ).reshaped([rows, repeats, count, k])
    let tape = hidden.tape
    let points = interpolated(
      noise: noise, to: tape.constant(states),
      t: Tensor(times, [rows, repeats, count], type: type, on: device), repeats: repeats
    ).reshaped([rows * repeats, count, k])
    let velocity = head(points, times: times, hidden: hidden, repeats: repeats)
    return (velocity, straightVelocity(noise: noise, to: states, repeats: repeats))
  }
}
