// Sampling (model.md section 5): one position after the other, an integration at each.

import Autodiff
import Configuration
import NeuralNetwork
import PRAModel
import Tensor

/// Draws images. An image depends on the seed, its number and the weights alone, to the bit: no
/// kernel's result for a row depends on the other rows.
package struct Sampler {
  private let model: PRAModel
  private let configuration: SamplingConfiguration
  private let random: Philox
  private let tape: Tape
  private let integrator: StateIntegrator

  /// Steps whose noise has a counter of its own (section 6).
  package static let mostSteps = 4095
  private static let noiseStream: UInt32 = 1

  /// - Parameter model: with the weights to sample from; a float64 model serves as an oracle
  package init(_ model: PRAModel, _ configuration: SamplingConfiguration) {
    precondition(configuration.steps <= Self.mostSteps, "sampling.steps: \(configuration.steps)")
    self.model = model
    self.configuration = configuration
    random = Philox(seed: configuration.seed)
    tape = Tape(
      on: model.device, type: model.type, products: model.products, recording: false,
      packingWeights: true)
    let integration = Integration(configuration)
    integrator = StateIntegrator(
      model.head.packed(on: tape), integration,
      times: model.head.embedded(times: integration.times, on: tape).map(\.value))
  }

  /// Image `numbers` of the sampling run, before clamping: patches [count, N, P].
  /// - Parameter progress: called after each position with the number of positions done
  package func patches(
    _ numbers: [Int], labels: [Int], progress: (Int) throws -> Void = { _ in }
  ) rethrows -> Tensor {
    let count = numbers.count
    let guided = configuration.scale != 1
    let halves = guided ? 2 : 1
    let labels =
      labels.map(Int32.init)
      + (guided ? [Int32](repeating: model.nullClass, count: count) : [])
    let trunkCaches = model.trunk.decoding(batch: halves * count)
    let decoderCaches = model.decoder.caches(batch: count)
    let positions = model.sizes.positions
    let result = Tensor(
      uninitialized: [count, positions, model.sizes.patchWidth], type: model.type,
      on: model.device)
    var hidden = model.trunk.first(labels, on: tape, caches: trunkCaches)
    for i in 0..<positions {
      let scale = configuration.guidanceScale(at: i, of: positions)
      let z = state(numbers, position: i, hidden: hidden, scale: scale)
      let conditional = tape.constant(hidden.value.slice(0..<count))
      let patch = model.decoder(z, hidden: conditional, caches: decoderCaches)
      result.copyTokens(i..<i + 1, from: patch.value, 0..<1)
      try progress(i + 1)
      if i + 1 < positions {
        let fedBack = [Tensor](repeating: patch.value, count: halves)
        hidden = model.trunk.next(tape.constant(.stacked(fedBack)), caches: trunkCaches)
      }
    }
    return result
  }

  /// The normalised state of one position, [count, 1, k].
  private func state(
    _ numbers: [Int], position i: Int, hidden: Variable, scale: Double
  ) -> Variable {
    let count = numbers.count
    // At scale 1 the null half cancels out of the velocity.
    let read = scale != 1 ? hidden : tape.constant(hidden.value.slice(0..<count))
    let condition = model.head.condition(read, position: i)
    let z = integrator.states(count: count, condition: condition.value, scale: scale) {
      image, draw, target in
      random.writeNormals(
        to: target, model.sizes.stateWidth, type: model.type, a: UInt32(i * 4096 + draw),
        b: UInt32(numbers[image]), stream: Self.noiseStream)
    }
    return normalizedState(tape.constant(z), model.configuration.state.norm)
  }
}

extension SamplingConfiguration {
  /// s_i of position i: 1 + (scale - 1) i / N, or the scale itself.
  func guidanceScale(at i: Int, of positions: Int) -> Double {
    switch guidance {
    case .linear: 1 + (scale - 1) * Double(i) / Double(positions)
    case .constant: scale
    }
  }
}
