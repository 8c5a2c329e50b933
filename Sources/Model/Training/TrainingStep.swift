// The passes of one step over a batch of one size, and its update of the weights.

import Autodiff
import Configuration
import NeuralNetwork
import PRAModel
import Tensor

/// The results of a step's operations, and the operations themselves if they are recorded.
final class TrainingStep {
  /// The batch that the operations read. In a recorded step its memory stays the same.
  let batch: TrainingBatch
  /// One per parameter of the optimizer; nil if no loss reached it.
  let gradients: [Tensor?]
  /// Activations of the last part of the batch.
  let activations: StepActivations
  /// Names of the losses.
  let names: [String]

  private let parts: [(share: Double, losses: StepLosses)]
  private let squares: [HostNumber]
  private let program: RecordedProgram?
  private var updates: RecordedProgram?

  /// Runs the passes once.
  /// - Parameter isKept: the batch is the trainer's own, whose memory stays
  init(
    _ model: PRAModel, _ optimizer: OptimizerState, _ perceptual: LPIPS?, _ given: TrainingBatch,
    isKept: Bool, recording: Bool
  ) {
    let passes = Passes(model: model, optimizer: optimizer, perceptual: perceptual)
    var done: (program: RecordedProgram?, result: Passes.Result)
    if recording {
      batch =
        isKept
        ? given
        : TrainingBatch(
          patches: given.patches.copied(), labels: given.labels, step: given.step,
          firstPlace: given.firstPlace)
      let batch = batch
      done = model.device.record { passes.run(batch) }
    } else {
      batch = given
      done = (nil, passes.run(given))
    }
    program = done.program
    (gradients, squares, parts, activations) = done.result
    names = parts[0].losses.names
  }

  var isRecorded: Bool { program != nil }

  /// The passes over another batch of the same size, or over what this one holds now.
  func repeatPasses(_ other: TrainingBatch) {
    if other !== batch { batch.load(other) }
    program!.run()
  }

  /// The norm of all gradients.
  var norm: Double {
    var sum = 0.0
    for square in squares { sum += square.value }
    return sum.squareRoot()
  }

  /// A loss of the whole batch.
  func value(_ series: Int) -> Double {
    var sum = 0.0
    for part in parts { sum += part.share * part.losses.value(series) }
    return sum
  }

  /// Moves the weights by these gradients.
  func update(_ optimizer: OptimizerState) {
    if let updates { return updates.run() }
    guard isRecorded else { return optimizer.update(gradients) }
    updates = batch.patches.device.record { optimizer.update(gradients) }.0
  }
}

/// Forward and backward passes over a batch, taken in parts of `training.micro_batch` images.
private struct Passes {
  let model: PRAModel
  let optimizer: OptimizerState
  let perceptual: LPIPS?

  typealias Result = (
    gradients: [Tensor?], squares: [HostNumber], parts: [(share: Double, losses: StepLosses)],
    activations: StepActivations
  )

  func run(_ batch: TrainingBatch) -> Result {
    let training = model.configuration.training
    let most = training.microBatch ?? batch.count
    var gradients: [Tensor?] = []
    var parts: [(share: Double, losses: StepLosses)] = []
    var activations: StepActivations = [:]
    for first in stride(from: 0, to: batch.count, by: most) {
      let rows = first..<min(first + most, batch.count)
      let share = Double(rows.count) / Double(batch.count)
      let tape = Tape(
        on: model.device, type: model.type, products: model.products,
        recomputing: training.recompute)
      let (losses, computed) = model.losses(
        rows.count == batch.count ? batch : batch.slice(rows), on: tape, perceptual: perceptual)
      losses.backward(on: tape, share: share)
      let found = optimizer.parameters.map { tape.gradient(of: $0) }
      gradients = first == 0 ? found : zip(gradients, found).map(added)
      parts.append((share, losses.settled))
      activations = computed
    }
    return (gradients, gradients.compactMap { $0.map(sumOfSquares) }, parts, activations)
  }
}

private func added(_ a: Tensor?, _ b: Tensor?) -> Tensor? {
  guard let a, let b else { return a ?? b }
  return a.combined(1, 1, b)
}
