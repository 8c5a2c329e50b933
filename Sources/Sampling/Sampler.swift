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
  private let integration: Integration
  /// The head's embeddings of the integration's times.
  private let times: [Variable]

  /// Steps whose noise has a counter of its own (section 6).
  package static let mostSteps = 4095
  private static let noiseStream: UInt32 = 1

  /// - Parameter model: with the weights to sample from; a float64 model serves as an oracle
  package init(_ model: PRAModel, _ configuration: SamplingConfiguration) {
    precondition(configuration.steps <= Self.mostSteps, "sampling.steps: \(configuration.steps)")
    self.model = model
    self.configuration = configuration
    random = Philox(seed: configuration.seed)
    tape = Tape(on: model.device, type: model.type, products: model.products, recording: false)
    integration = Integration(configuration)
    times = model.head.embedded(times: integration.times, on: tape)
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
    let both = scale != 1
    let read = both ? hidden : tape.constant(hidden.value.slice(0..<count))
    let condition = model.head.condition(read, position: i)
    func noise(_ draw: Int) -> Tensor {
      Tensor.normals(
        [count, 1, model.sizes.stateWidth], random: random, stream: Self.noiseStream,
        type: model.type, on: model.device
      ) { (a: UInt32(i * 4096 + draw), b: UInt32(numbers[$0])) }
    }
    func velocity(_ z: Tensor, _ time: Int) -> Tensor {
      let x = both ? Tensor.stacked([z, z]) : z
      let v = model.head.velocity(tape.constant(x), time: times[time], condition: condition).value
      guard both else { return v }
      return v.slice(0..<count).combined(scale, 1 - scale, v.slice(count..<2 * count))
    }
    let z = integration.integrate(from: noise(0), velocity: velocity) { noise($0 + 1) }
    return normalizedState(tape.constant(z), model.configuration.state.norm)
  }
}

/// A way from noise (time 0) to a state (time 1).
struct Integration {
  /// Times at which the velocity is asked for, in rising order; `integrate` names them by index.
  let times: [Double]
  private let method: SamplingMethod
  private let steps: Int
  /// The last step of `sde`, without noise (MAR / SphereAR).
  private static let lastStep = 0.04

  init(_ configuration: SamplingConfiguration) {
    method = configuration.method
    steps = configuration.steps
    let n = configuration.steps
    times =
      method == .sde
      ? (0...n).map { Double($0) * (1 - Self.lastStep) / Double(n) }
      : (0..<n).map { Double($0) / Double(n) }
  }

  /// - Parameters:
  ///   - velocity: at a point and the index of a time
  ///   - noise: of step j, for `sde`
  func integrate(
    from start: Tensor, velocity: (Tensor, Int) -> Tensor, noise: (Int) -> Tensor
  ) -> Tensor {
    var z = start
    let dt = 1 / Double(steps)
    switch method {
    case .euler:
      for j in 0..<steps { z = z.combined(1, dt, velocity(z, j)) }
    case .heun:
      for j in 0..<steps {
        let v = velocity(z, j)
        guard j + 1 < steps else {
          z = z.combined(1, dt, v)
          break
        }
        let ahead = velocity(z.combined(1, dt, v), j + 1)
        z = z.combined(1, dt / 2, v).combined(1, dt / 2, ahead)
      }
    case .sde:
      let dt = (1 - Self.lastStep) / Double(steps)
      for j in 0..<steps {
        let t = times[j]
        let drifted = z.combined(1 - dt, (1 + t) * dt, velocity(z, j))
        z = drifted.combined(1, (2 * (1 - t) * dt).squareRoot(), noise(j))
      }
      z = z.combined(1, Self.lastStep, velocity(z, steps))
    }
    return z
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
