// Integration from noise to states: the evaluations of the head, which are most of the work of
// sampling.

import CKernels
import NeuralNetwork
import Tensor

/// Integrates the flow head's velocity for a batch of images at one position (model.md section 5),
/// in one operation.
struct StateIntegrator {
  private let head: PackedResidualMLP
  private let actions: DeviceList<FlowStep>
  /// Embedded times of the integration, [times, w].
  private let times: Tensor
  private let predictsX: Bool
  private let evaluations: Int

  /// - Parameter predictsX: whether the head's output is the end of the path, not its velocity
  init(
    _ head: PackedResidualMLP, _ integration: Integration, times: [Tensor], predictsX: Bool
  ) {
    self.predictsX = predictsX
    self.head = head
    evaluations = integration.evaluations
    self.times = .stacked(times)
    actions = DeviceList(integration.actions, on: self.times.device)
  }

  /// - Parameters:
  ///   - condition: [count or 2 count, 1, w]; the null half follows the conditional one
  ///   - scale: guidance scale; 1 if there is no null half
  ///   - noise: draw 0 of an image is its start, j + 1 the noise of step j
  /// - Returns: states before their norm, [count, 1, k]
  func states(condition: Tensor, scale: Double, noise: ImageNoise) -> Tensor {
    let count = noise.numbers.count
    let z = Tensor(uninitialized: [count, 1, head.inputs], type: condition.type, on: times.device)
    z.run(
      .integrateStates(
        .init(
          z: z.address, condition: condition.address, times: times.address,
          steps: actions.address, numbers: noise.numbers.address, count: count,
          halves: condition.rows / max(count, 1), time_count: times.rows,
          step_count: actions.count, scale: scale, predicts_x: predictsX, key: noise.random.key,
          stream: ImageNoise.stream, first_a: noise.first, head: head.weights.address,
          weights: head.weightCount, evaluations: evaluations, rounded: head.isRounded)))
    return z
  }
}

/// The noise of some images at one position: draws of counters (.., first + draw, number) (model.md
/// section 6).
struct ImageNoise {
  /// Most draws of a position.
  static let draws = 4096
  static let stream: UInt32 = 1

  let random: Philox
  let numbers: DeviceList<UInt32>
  let first: UInt32

  init(_ random: Philox, _ numbers: DeviceList<UInt32>, position: Int) {
    (self.random, self.numbers) = (random, numbers)
    first = UInt32(position * Self.draws)
  }
}
