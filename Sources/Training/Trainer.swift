// The training loop's state and its step.

import Autodiff
import Configuration
import NeuralNetwork
import PRAModel
import Tensor

/// What a step reports, under the series names of model.md section 4.
package struct StepReport: Sendable {
  package let step: Int
  /// Names and values in a fixed order.
  package let values: [(name: String, value: Double)]
  /// Whether the loss or the gradient norm was not finite, so that nothing changed.
  package let skipped: Bool
}

/// `training.max_bad_steps` steps in a row had a loss or gradient norm that is not finite.
package struct TrainingDiverged: Error, CustomStringConvertible {
  package let step: Int
  package let badSteps: Int
  package var description: String {
    "training diverged: \(badSteps) steps in a row up to step \(step) were not finite "
      + "(training.max_bad_steps); lower training.lr or raise training.warmup"
  }
}

/// A model in training. Its state after n steps depends on configuration and data alone.
package final class Trainer {
  package let model: PRAModel
  package let optimizer: OptimizerState
  /// Steps made: the number of the next one.
  package internal(set) var step = 0
  package internal(set) var badSteps = 0
  package internal(set) var badStepsInRow = 0

  private let perceptual: LPIPS?
  private var diagnostics = Diagnostics()
  private var configuration: TrainingConfiguration { model.configuration.training }

  /// - Parameter perceptual: the network of `loss.lpips`, where that is above 0
  package init(_ model: PRAModel, perceptual: LPIPS? = nil) {
    self.model = model
    self.perceptual = perceptual
    optimizer = OptimizerState(model.parameters.sorted, model.configuration.training)
  }

  /// One step on a batch.
  /// - Parameter observe: sees the gradients before they are clipped, for tests; the activations are
  ///   those of the last part of the batch
  /// - Throws: `TrainingDiverged`
  package func run(
    _ batch: TrainingBatch,
    observe: (_ gradients: [String: Tensor], StepActivations) -> Void = { _, _ in }
  ) throws -> StepReport {
    precondition(batch.step == step, "Trainer: batch of step \(batch.step) at step \(step)")
    var (gradients, losses, activations) = passes(batch)
    let norm = OptimizerState.norm(gradients)
    let named = zip(optimizer.parameters, gradients).compactMap { p, g in g.map { (p.name, $0) } }
    observe(Dictionary(uniqueKeysWithValues: named), activations)
    let finite = losses[0].value.isFinite && norm.isFinite
    if finite {
      optimizer.update(gradients, norm: norm, step: step)
      badStepsInRow = 0
    } else {
      badSteps += 1
      badStepsInRow += 1
    }
    losses += [
      ("grad_norm", norm), ("lr", configuration.learningRate(at: step)),
      ("bad_steps", Double(badSteps)), ("loss.spikes", diagnostics.spikes(after: losses[0].value)),
    ]
    if step % Diagnostics.interval == 0 {
      let rows = activations["states"]?.shape[0] ?? 0
      let last = batch.slice(batch.labels.count - rows..<batch.labels.count)
      losses += Diagnostics.states(activations, patches: last.patches)
      losses += Diagnostics.feedback(activations, of: last, model)
    }
    let report = StepReport(step: step, values: losses, skipped: !finite)
    step += 1
    if badStepsInRow >= configuration.maxBadSteps {
      throw TrainingDiverged(step: report.step, badSteps: badStepsInRow)
    }
    return report
  }

  /// Gradients and losses of a batch, taken in parts of `training.micro_batch` images.
  private func passes(
    _ batch: TrainingBatch
  ) -> (gradients: [Tensor?], losses: [(name: String, value: Double)], StepActivations) {
    let count = batch.labels.count
    let most = configuration.microBatch ?? count
    var gradients: [Tensor?] = []
    var sums: [(name: String, value: Double)] = []
    var activations: StepActivations = [:]
    for first in stride(from: 0, to: count, by: most) {
      let rows = first..<min(first + most, count)
      let share = Double(rows.count) / Double(count)
      let tape = Tape(
        on: model.device, type: model.type, products: model.products,
        recomputing: configuration.recompute)
      let (losses, computed) = model.losses(
        rows.count == count ? batch : batch.slice(rows), on: tape, perceptual: perceptual)
      losses.backward(on: tape, share: share)
      let found = optimizer.parameters.map { tape.gradient(of: $0) }
      gradients = first == 0 ? found : zip(gradients, found).map(added)
      let values = losses.values.map { (name: $0.name, value: share * $0.value) }
      sums =
        first == 0
        ? values : zip(sums, values).map { (name: $0.name, value: $0.value + $1.value) }
      activations = computed
    }
    return (gradients, sums, activations)
  }
}

private func added(_ a: Tensor?, _ b: Tensor?) -> Tensor? {
  guard let a, let b else { return a ?? b }
  return a.combined(1, 1, b)
}
