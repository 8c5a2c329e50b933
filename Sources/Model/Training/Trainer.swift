// The training loop's state and its step.

import Autodiff
import CKernels
import Configuration
import Files
import NeuralNetwork
import PRAModel
import Tensor

/// The results of a step, under the series names of model.md section 4.
package struct StepReport: Sendable {
  package let step: Int
  /// Names and values in a fixed order.
  package let values: [(name: String, value: Double)]
  /// Whether the loss or the gradient norm was not finite, so that the weights did not change.
  package let skipped: Bool
}

/// `training.max_bad_steps` steps in a row had a loss or gradient norm that is not finite.
package struct TrainingDiverged: BadInput, CustomStringConvertible {
  package let step: Int
  package let badSteps: Int
  package var description: String {
    "training diverged: \(badSteps) steps in a row up to step \(step) were not finite "
      + "(training.max_bad_steps); lower training.lr or raise training.warmup"
  }
}

/// Training has ended with weights from which no image can be drawn.
package struct BrokenWeights: BadInput, CustomStringConvertible {
  let what: String
  package var description: String {
    "training has diverged: \(what); lower training.lr or raise training.warmup"
  }
}

/// A step whose operations the device has been given, and whose figures are on their way.
private final class BegunStep {
  let scalars = HostCopy<StepScalars>()
  let series = HostCopy<Double>()
  fileprivate(set) var step = 0
  /// Names of the losses.
  fileprivate(set) var names: [String] = []
  /// Series beside those of every step.
  fileprivate(set) var diagnostics: [(name: String, value: Double)] = []
}

/// A model in training. Its state after n steps depends on configuration and data alone.
///
/// The host waits for no step before it begins the next: a step decides on the device whether its
/// weights move, and its figures are read while the next one runs.
package final class Trainer {
  package let model: PRAModel
  package let optimizer: OptimizerState
  /// Steps begun, which is also the number of the next one.
  package internal(set) var step = 0
  package internal(set) var badSteps = 0
  package internal(set) var badStepsInRow = 0

  /// The series of `training.stop` up to the last step that was reported.
  package internal(set) var stop = StopState()

  /// A checkpoint's state that the next step shall keep, the snapshot kept last, and its memory.
  var wanted: CheckpointState?
  var kept: TrainerSnapshot?
  var memory: SnapshotMemory?

  let perceptual: LPIPS?
  /// The ranks that share each batch; nil where this trainer works alone.
  package let team: RankTeam?
  /// Makes weights and state whole where each rank keeps a part of the optimizer; nil where all of it is here.
  let gathering: OptimizerGathering?
  private var ownBatch: TrainingBatch?
  private var diagnostics = Diagnostics()
  private var recorded: TrainingStep?
  private var values: [(name: String, value: Double)] = []
  /// Two in turns: one that has begun, and the one before it, which is not reported yet.
  private let begun = [BegunStep(), BegunStep()]
  /// Number of steps that have begun and are not reported.
  package private(set) var unreported = 0
  private var configuration: TrainingConfiguration { model.configuration.training }

  /// - Parameters:
  ///   - perceptual: the network of `loss.lpips`, if its weight is above 0
  ///   - team: the ranks that share each batch, all with this model and its configuration
  package init(_ model: PRAModel, perceptual: LPIPS? = nil, team: RankTeam? = nil) {
    self.model = model
    self.perceptual = perceptual
    self.team = team
    let (parameters, training) = (model.parameters.sorted, model.configuration.training)
    let others =
      training.shardOptimizer ? team.flatMap { $0.communicator.size > 1 ? $0 : nil } : nil
    gathering = others?.gathering(parameters)
    optimizer = OptimizerState(parameters, training, own: gathering?.own)
  }

  /// Memory of `training.batch` images, made at its first use. Where a loader writes each step's patches
  /// there, the operations read them there: `run` copies any other batch.
  package var batch: TrainingBatch {
    if let ownBatch { return ownBatch }
    let sizes = model.sizes
    let made = TrainingBatch(
      uninitialized: [configuration.batch, sizes.positions, sizes.patchWidth], type: model.type,
      on: model.device)
    ownBatch = made
    return made
  }

  /// One step on a batch, begun and reported.
  /// - Throws: `TrainingDiverged`
  package func run(
    _ batch: TrainingBatch,
    observe: ((_ gradients: [String: Tensor], StepActivations) -> Void)? = nil
  ) throws -> StepReport {
    try begin(batch, observe: observe)
    return try report()!
  }

  /// Begins a step on a batch, while the step before may run and wait for its report. The first step
  /// of a size is recorded; those after it repeat its operations and take no memory from the heap.
  /// - Parameter observe: sees the gradients before they are clipped, for tests; the activations are
  ///   those of the last part of the batch
  /// - Throws: the error of the communicator where other ranks share the batch; the weights are those before the step
  package func begin(
    _ batch: TrainingBatch,
    observe: ((_ gradients: [String: Tensor], StepActivations) -> Void)? = nil
  ) throws {
    precondition(batch.step == step, "Trainer: batch of step \(batch.step) at step \(step)")
    precondition(unreported < begun.count, "Trainer: \(unreported) steps are not reported")
    optimizer.prepare(step: step)
    team?.asksToKeep = gathering != nil && wanted != nil
    let work = try passes(batch)
    if let observe {
      let named = zip(optimizer.parameters, work.gradients).compactMap { p, g in
        g.map { (p.name, $0) }
      }
      observe(Dictionary(uniqueKeysWithValues: named), work.activations)
    }
    if let gathering, let team {
      if team.keeps {
        kept = try gatherSnapshot(wanted, gathering)
        wanted = nil
      }
      work.update(optimizer)
      try gathering.gatherWeights()
    } else if let wanted {
      keepWanted(wanted, update: work.gradients)
    } else {
      work.update(optimizer)
    }
    let begun = begun[step % begun.count]
    (begun.step, begun.names) = (step, work.names)
    begun.scalars.begin(optimizer.scalars)
    begun.series.begin(work.series)
    // The next step overwrites the activations.
    begun.diagnostics = step % Diagnostics.interval == 0 ? try diagnosis(work) : []
    (step, unreported) = (step + 1, unreported + 1)
  }

  /// Waits for the earliest step that is not reported.
  /// - Returns: nil if there is none
  /// - Throws: `TrainingDiverged`
  package func report() throws -> StepReport? {
    guard unreported > 0 else { return nil }
    let begun = begun[(step - unreported) % begun.count]
    let scalars = begun.scalars[0]
    let finite = scalars.finite != 0
    if finite {
      badStepsInRow = 0
    } else {
      badSteps += 1
      badStepsInRow += 1
    }
    collect(begun, norm: scalars.norm, loss: scalars.loss)
    let report = StepReport(step: begun.step, values: values, skipped: !finite)
    unreported -= 1
    if badStepsInRow >= configuration.maxBadSteps {
      throw TrainingDiverged(step: report.step, badSteps: badStepsInRow)
    }
    return report
  }

  /// Looks at what training has come to, with one more batch that moves no weight.
  /// - Throws: `BrokenWeights` if the last steps, their weights or the loss of these weights are not
  ///   finite
  package func checkResult(_ batch: TrainingBatch) throws {
    precondition(unreported == 0, "Trainer: \(unreported) steps are not reported")
    func broken(_ what: String) -> BrokenWeights { BrokenWeights(what: what) }
    // One step may fail by chance in the products of bf16; its weights are those of the step before.
    if badStepsInRow > 1 {
      throw broken("the last \(badStepsInRow) steps up to step \(step) were not finite")
    }
    var number = optimizer.firstNonFinite
    // Each rank sees its own part of the averages.
    if let gathering { number = try gathering.least(number) }
    if let number {
      let name = optimizer.name(ofTensor: number)
      throw broken("the weights \(name) of step \(step) are not finite")
    }
    optimizer.prepare(step: step)
    _ = try passes(batch)
    guard optimizer.scalars.read().finite != 0 else {
      throw broken("the loss of the weights of step \(step) is not finite")
    }
  }

  /// The passes over a batch. They are recorded, except for a rollout whose operations depend on
  /// its own numbers.
  private func passes(_ batch: TrainingBatch) throws -> TrainingStep {
    if let recorded, recorded.batch.count == batch.count {
      try recorded.repeatPasses(batch, team: team)
      return recorded
    }
    recorded = nil
    let step = try TrainingStep(
      model, optimizer, perceptual, batch, isKept: batch === ownBatch,
      recording: model.configuration.method != .exactRollout, team: team)
    if step.isRecorded { recorded = step }
    return step
  }

  /// Puts the step's figures into `values`, in place unless somebody still holds the last report.
  private func collect(_ begun: BegunStep, norm: Double, loss: Double) {
    let count = begun.names.count
    let names = Self.names
    if values.count < count + names.count {
      values = (begun.names + names).map { (name: $0, value: 0) }
    } else if values.count > count + names.count {
      values.removeLast(values.count - count - names.count)
    }
    for i in 0..<count { values[i].value = begun.series[i] }
    values[count].value = norm
    values[count + 1].value = configuration.learningRate(at: begun.step)
    values[count + 2].value = Double(badSteps)
    values[count + 3].value = diagnostics.spikes(after: loss)
    if !begun.diagnostics.isEmpty { values += begun.diagnostics }
  }

  /// Measurements of the states of a step that has run.
  private func diagnosis(_ work: TrainingStep) throws -> [(name: String, value: Double)] {
    func measured() -> [(name: String, value: Double)] {
      let rows = work.activations["states"]?.shape[0] ?? 0
      let last = work.batch.slice(work.rows.upperBound - rows..<work.rows.upperBound)
      return Diagnostics.states(work.activations, patches: last.patches)
        + Diagnostics.feedback(work.activations, of: last, model)
    }
    return try team?.ofLast(measured) ?? measured()
  }

  /// Names of the series that follow the losses.
  private static let names = ["grad_norm", "lr", "bad_steps", "loss.spikes"]
}
