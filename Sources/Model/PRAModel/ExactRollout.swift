// The sequential rollout that `pra` approximates (model.md section 9, `exact-rollout`).

import Autodiff
import Configuration
import NeuralNetwork
import Tensor

extension PRAModel {
  /// The patches that the model itself would draw, one after the other, from perturbed states or
  /// from noise; without gradient and guidance.
  /// - Parameters:
  ///   - mixed: z^ before any norm, [batch, N, k]
  ///   - perturbation: the times t of those states on their paths, and their noise
  /// - Returns: [batch, N, P]
  func rollout(
    _ parts: StateGenerator, _ labels: Indices, from mixed: Tensor, _ perturbation: Perturbation
  ) -> Tensor {
    let (batch, positions) = (labels.count, sizes.positions)
    let fromNoise = configuration.rollout.start == .noise
    let start = fromNoise ? perturbation.noise : mixed
    let tape = Tape(
      on: device, type: type, products: products, recording: false, packingWeights: true)
    let (trunkCaches, decoderCaches) = (
      trunk.decoding(batch: batch, on: tape), parts.decoder.caches(batch: batch, on: tape)
    )
    let patches = Tensor(
      uninitialized: [batch, positions, sizes.patchWidth], type: type, on: device)
    let starts = perturbation.times.download()
    var hidden = trunk.first(labels, on: tape, caches: trunkCaches)
    for i in 0..<positions {
      let z = Tensor(uninitialized: [batch, 1, sizes.stateWidth], type: type, on: device)
      z.copyTokens(0..<1, from: start, i..<i + 1)
      let times = (0..<batch).map { fromNoise ? 0 : starts[$0 * positions + i] }
      let end = integrated(parts.head, tape.constant(z), from: times, hidden, position: i)
      let state = normalizedState(end, configuration.state.norm)
      let patch = parts.decoder(state, hidden: hidden, caches: decoderCaches)
      patches.copyTokens(i..<i + 1, from: patch.value, 0..<1)
      if i + 1 < positions { hidden = trunk.next(patch, caches: trunkCaches) }
    }
    return patches
  }

  /// Euler steps of the flow from each row's own time to 1.
  private func integrated(
    _ head: FlowHead, _ start: Variable, from times: [Double], _ hidden: Variable, position: Int
  ) -> Variable {
    let steps = configuration.rollout.steps
    let condition = head.condition(hidden, position: position)
    let lengths = times.map { (1 - $0) / Double(steps) }
    let factors = Tensor(lengths, [times.count], type: type, on: device)
    var z = start
    for j in 0..<steps {
      let now = zip(times, lengths).map { $0 + Double(j) * $1 }
      z = add(z, rowsScaled(head(z, times: now, condition: condition), by: factors))
    }
    return z
  }
}
