// Sampling (model.md section 5): one position after the other, with an integration at each, or all
// positions in one integration (section 9, `diffusion`).

import Autodiff
import Configuration
import NeuralNetwork
import PRAModel
import Tensor

/// Draws images. An image depends bit for bit on only the seed, its number and the weights: no
/// kernel's result for a row depends on other rows.
package struct Sampler {
  private enum Course {
    case states(StateIntegrator, FlowHead, PixelDecoder)
    case patches(StateIntegrator, FlowHead)
    case images(ImageIntegrator)
  }
  private let model: PRAModel
  private let configuration: SamplingConfiguration
  private let random: Philox
  private let tape: Tape
  private let course: Course
  private let caching: Bool

  /// Largest number of steps, as each has a counter for its noise (section 6).
  package static let mostSteps = ImageNoise.draws - 1

  /// - Parameters:
  ///   - model: has the weights to sample from; a float64 model serves as an oracle
  ///   - caching: false runs trunk and decoder over the whole sequence at each position; the result
  ///     is the same bit for bit, which tests the caches
  package init(
    _ model: PRAModel, _ configuration: SamplingConfiguration, caching: Bool = true
  ) {
    self.caching = caching
    precondition(configuration.steps <= Self.mostSteps, "sampling.steps: \(configuration.steps)")
    self.model = model
    self.configuration = configuration
    random = Philox(seed: configuration.seed)
    let tape = Tape(
      on: model.device, type: model.type, products: model.products, recording: false,
      packingWeights: true)
    self.tape = tape
    let integration = Integration(configuration)
    func integrator(_ head: FlowHead) -> StateIntegrator {
      StateIntegrator(
        head.packed(on: tape), integration,
        times: head.embedded(times: integration.times, on: tape).map(\.value),
        predictsX: model.configuration.method.predictsX)
    }
    course =
      switch model.generator {
      case .states(let parts): .states(integrator(parts.head), parts.head, parts.decoder)
      case .patches(let parts): .patches(integrator(parts.head), parts.head)
      case .image(let denoiser):
        .images(ImageIntegrator(model, denoiser, integration, scale: configuration.scale))
      }
  }

  /// Draws the images `numbers` of the sampling run, before clamping: patches [count, N, P].
  /// - Parameter progress: called with the number of positions done, which may be a fraction
  package func patches(
    _ numbers: [Int], labels: [Int], progress: (Double) throws -> Void = { _ in }
  ) throws -> Tensor {
    let labels =
      labels.map(Int32.init)
      + (isGuided ? [Int32](repeating: model.nullClass, count: numbers.count) : [])
    switch course {
    case .images(let integrator):
      return try integrator.patches(
        DeviceList(numbers.map(UInt32.init), on: model.device), labels, random, on: tape,
        progress: progress)
    case .states(let integrator, let head, let decoder):
      var decoding = Decoding(
        decoder, model, count: numbers.count, caching: caching, on: tape)
      return try autoregression(numbers, labels, integrator, head, progress) { z, hidden, i in
        decoding.patch(
          normalizedState(z, model.configuration.state.norm), hidden: hidden, position: i)
      }
    case .patches(let integrator, let head):
      return try autoregression(numbers, labels, integrator, head, progress) { z, _, _ in z }
    }
  }

  /// At scale 1 the null half cancels out of the velocity, as it does at a single position.
  private var isGuided: Bool { configuration.scale != 1 }

  private func autoregression(
    _ numbers: [Int], _ labels: [Int32], _ integrator: StateIntegrator, _ head: FlowHead,
    _ progress: (Double) throws -> Void,
    decode: (_ z: Variable, _ hidden: Variable, _ position: Int) -> Variable
  ) throws -> Tensor {
    let count = numbers.count
    let positions = model.sizes.positions
    let result = Tensor(
      repeating: 0, [count, positions, model.sizes.patchWidth], type: model.type,
      on: model.device)
    let images = DeviceList(numbers.map(UInt32.init), on: model.device)
    var reading = Reading(model, labels, caching: caching, on: tape)
    var hidden = reading.first()
    for i in 0..<positions {
      let scale = configuration.guidanceScale(at: i, of: positions)
      let condition = head.condition(hidden, position: i).value
      let z = integrator.states(
        condition: scale == 1 ? condition.slice(0..<count) : condition, scale: scale,
        noise: ImageNoise(random, images, position: i))
      let conditional = tape.constant(hidden.value.slice(0..<count))
      let patch = decode(tape.constant(z), conditional, i)
      result.copyTokens(i..<i + 1, from: patch.value, 0..<1)
      try progress(Double(i + 1))
      if i + 1 < positions {
        hidden = reading.next(patch.value, all: result, position: i + 1)
      }
    }
    return result
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
