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

  private var configuration: TrainingConfiguration { model.configuration.training }

  package init(_ model: PRAModel) {
    self.model = model
    optimizer = OptimizerState(model.parameters.sorted, model.configuration.training)
  }

  /// One step on a batch.
  /// - Parameter observe: sees the gradients before they are clipped, for tests
  /// - Throws: `TrainingDiverged`
  package func run(
    _ batch: TrainingBatch,
    observe: (_ gradients: [String: Tensor], StepActivations) -> Void = { _, _ in }
  ) throws -> StepReport {
    precondition(batch.step == step, "Trainer: batch of step \(batch.step) at step \(step)")
    let tape = Tape(on: model.device, type: model.type, products: model.products)
    let (losses, activations) = model.losses(batch, on: tape)
    losses.backward(on: tape)
    let gradients = optimizer.parameters.map { tape.gradient(of: $0) }
    let norm = OptimizerState.norm(gradients)
    let named = zip(optimizer.parameters, gradients).compactMap { p, g in g.map { (p.name, $0) } }
    observe(Dictionary(uniqueKeysWithValues: named), activations)
    let finite = losses.total.isFinite && norm.isFinite
    if finite {
      optimizer.update(gradients, norm: norm, step: step)
      badStepsInRow = 0
    } else {
      badSteps += 1
      badStepsInRow += 1
    }
    let report = StepReport(
      step: step,
      values: losses.values + [
        ("grad_norm", norm), ("lr", configuration.learningRate(at: step)),
        ("bad_steps", Double(badSteps)),
      ], skipped: !finite)
    step += 1
    if badStepsInRow >= configuration.maxBadSteps {
      throw TrainingDiverged(step: report.step, badSteps: badStepsInRow)
    }
    return report
  }
}
