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

  /// Values of the losses of the whole batch.
  let series: DeviceList<Double>
  private let program: RecordedProgram?
  /// The rows of the batch whose passes run here.
  let rows: Range<Int>
  /// The sum over ranks and the decision by it, which follow passes that are shared.
  private var shared: (sum: RankedSum, decision: RecordedProgram?)?
  private var updates: (program: RecordedProgram, update: OptimizerUpdate)?

  /// Runs the passes once.
  /// - Parameters:
  ///   - isKept: the batch is the trainer's own, whose memory stays
  ///   - team: nil where all passes run here
  init(
    _ model: PRAModel, _ optimizer: OptimizerState, _ perceptual: LPIPS?, _ given: TrainingBatch,
    isKept: Bool, recording: Bool, team: RankTeam? = nil
  ) throws {
    let passes = Passes(model: model, optimizer: optimizer, perceptual: perceptual)
    let rows = passes.rows(of: given, for: team)
    self.rows = rows
    // Made before a program is recorded: what stands between the gradients stays zero.
    let buckets = team?.buckets(optimizer.parameters, on: model.device)
    func run(_ batch: TrainingBatch) -> Passes.Result {
      let result = passes.run(batch, rows, into: buckets)
      if team == nil { passes.decide(result.sum) }
      return result
    }
    let done: Passes.Result
    if recording {
      let batch = isKept ? given : TrainingBatch(copying: given)
      self.batch = batch
      let recorded = model.device.record { run(batch) }
      (program, done) = (recorded.0, recorded.1)
    } else {
      batch = given
      (program, done) = (nil, run(given))
    }
    if let team, let buckets {
      let sum = team.sum(buckets, done.sum.series)
      model.device.wait()
      try team.run(sum) { isComplete in try buckets.ranges.indices.forEach(isComplete) }
      let decision = recording ? model.device.record { passes.decide(done.sum) }.0 : nil
      if !recording { passes.decide(done.sum) }
      shared = (sum, decision)
    }
    (gradients, series, names, activations) = (
      done.sum.gradients, done.sum.series, done.names, done.activations
    )
  }

  var isRecorded: Bool { program != nil }

  /// The passes over another batch of the same size, or over what this one holds now.
  func repeatPasses(_ other: TrainingBatch, team: RankTeam?) throws {
    if other !== batch { batch.load(other) }
    guard let shared, let team else { return program!.run() }
    try team.run(shared.sum) { try program!.run($0) }
    shared.decision!.run()
  }

  /// Moves the weights by these gradients.
  func update(_ optimizer: OptimizerState) {
    if let updates { return updates.program.run() }
    let update = optimizer.update(gradients)
    guard isRecorded else { return update.run() }
    updates = (batch.patches.device.record { update.run() }.0, update)
  }
}

/// Gradients and losses of some parts of a batch, summed with their shares of it.
private struct PartialSum {
  /// Number of parts.
  var parts: Int
  /// One per parameter; nil if no loss reached it.
  var gradients: [Tensor?]
  /// The losses' values in the order of their names.
  var series: DeviceList<Double>

  static func + (a: PartialSum, b: PartialSum) -> PartialSum {
    PartialSum(
      parts: a.parts + b.parts, gradients: zip(a.gradients, b.gradients).map(added),
      series: added(a.series, b.series))
  }
}

/// The sum of a batch's parts by halves, from partial sums of one, two, four and more parts: whoever
/// computes an aligned half of the parts has a term of it, so that shares of a batch give the same
/// bits on one machine and on several.
private struct SumByHalves {
  /// Sums of falling numbers of parts.
  private var sums: [PartialSum] = []

  /// Adds one part.
  mutating func add(_ part: PartialSum) {
    var sum = part
    while let last = sums.last, last.parts == sum.parts { sum = sums.removeLast() + sum }
    sums.append(sum)
  }

  /// The gradient of a parameter from all parts, of which the last one is not in these sums.
  func total(_ parameter: Int, last: Tensor?) -> Tensor? {
    sums.reversed().reduce(last) { added($1.gradients[parameter], $0) }
  }

  /// The losses' values of all parts, likewise.
  func total(series last: DeviceList<Double>) -> DeviceList<Double> {
    sums.reversed().reduce(last) { added($1.series, $0) }
  }
}

/// Forward and backward passes over a batch, taken in parts of `training.micro_batch` images.
private struct Passes {
  let model: PRAModel
  let optimizer: OptimizerState
  let perceptual: LPIPS?

  typealias Result = (sum: PartialSum, names: [String], activations: StepActivations)

  /// The rows of a batch whose passes run here: whole parts, an aligned half of all or of a half.
  func rows(of batch: TrainingBatch, for team: RankTeam?) -> Range<Int> {
    guard let communicator = team?.communicator else { return 0..<batch.count }
    let training = model.configuration.training
    precondition(
      batch.count == training.batch, "TrainingStep: \(batch.count) images of \(training.batch)")
    guard let share = TrainingConfiguration.share(of: training.parts, among: communicator.size)
    else {
      preconditionFailure("TrainingStep: \(training.parts) parts among \(communicator.size) ranks")
    }
    let most = training.partSize
    let first = communicator.rank * share * most
    return first..<min(first + share * most, batch.count)
  }

  /// Runs both passes over the parts of some rows, and sums them.
  /// - Parameter buckets: where the sums are put as soon as the last part's pass completes them
  func run(_ batch: TrainingBatch, _ all: Range<Int>, into buckets: GradientBuckets?) -> Result {
    let training = model.configuration.training
    let most = training.microBatch ?? batch.count
    var sum = SumByHalves()
    func run(_ rows: Range<Int>, _ take: (Int, Tensor) -> Tensor) -> Result {
      self.run(
        rows.count == batch.count ? batch : batch.slice(rows),
        share: Double(rows.count) / Double(batch.count), take)
    }
    let last = all.lowerBound + (all.count - 1) / most * most
    for first in stride(from: all.lowerBound, to: last, by: most) {
      sum.add(run(first..<first + most) { $1 }.sum)
    }
    func total(_ parameter: Int, _ gradient: Tensor?) -> Tensor? {
      sum.total(parameter, last: gradient).map { buckets?.add($0) ?? $0 }
    }
    var result = run(last..<all.upperBound) { total($0, $1)! }
    for (i, gradient) in result.sum.gradients.enumerated() where gradient == nil {
      result.sum.gradients[i] = total(i, nil)
    }
    buckets?.finish()
    result.sum.series = sum.total(series: result.sum.series)
    return result
  }

  /// Decides by the sums over the whole batch how the weights will move.
  func decide(_ total: PartialSum) {
    let found = total.gradients.compactMap { $0 }
    let squares = DeviceList<Double>(uninitialized: found.count, on: model.device)
    for (i, gradient) in found.enumerated() {
      DeviceNumber(squares, i).setToSumOfSquares(gradient)
    }
    optimizer.scalars.clip(squares, loss: DeviceNumber(total.series, 0))
  }

  /// - Parameters:
  ///   - share: that of these images in the batch
  ///   - take: is given each parameter's gradient when it is complete, and returns what is kept of it
  private func run(
    _ part: TrainingBatch, share: Double, _ take: (_ parameter: Int, Tensor) -> Tensor
  ) -> Result {
    let tape = Tape(
      on: model.device, type: model.type, products: model.products,
      recomputing: model.configuration.training.recompute)
    let (losses, computed) = model.losses(part, on: tape, perceptual: perceptual)
    var gradients = [Tensor?](repeating: nil, count: optimizer.parameters.count)
    losses.backward(on: tape, share: share) { parameter, gradient in
      guard let number = optimizer.numbers[ObjectIdentifier(parameter)] else { return }
      gradients[number] = take(number, gradient)
    }
    let series = DeviceList<Double>(uninitialized: losses.names.count, on: model.device)
    losses.settled.write(to: series, share: share)
    return (PartialSum(parts: 1, gradients: gradients, series: series), losses.names, computed)
  }
}

private func added(_ a: Tensor?, _ b: Tensor?) -> Tensor? {
  guard let a, let b else { return a ?? b }
  return a.combined(1, 1, b)
}

private func added(_ a: DeviceList<Double>, _ b: DeviceList<Double>) -> DeviceList<Double> {
  let sum = DeviceList<Double>(uninitialized: a.count, on: a.device)
  for i in 0..<sum.count {
    DeviceNumber(sum, i).setToSum(
      [(weight: 1, of: DeviceNumber(a, i)), (weight: 1, of: DeviceNumber(b, i))])
  }
  return sum
}
