// The rule of `training.stop`, and losses of held-out images, which move nothing.

import Configuration
import PRAModel
import Tensor
import Testing
import Training

@Suite struct StopTests {
  /// - Returns: the step at which training is over, of values of every tenth step
  private func end(
    _ values: [Double], patience: Int = 20, threshold: Double = 0,
    metric: String = "validation.loss"
  ) -> Int? {
    var rule = TrainingConfiguration.EarlyStop()
    (rule.metric, rule.patience, rule.threshold) = (metric, patience, threshold)
    var state = StopState()
    for (i, value) in values.enumerated() {
      state.add(value, step: 10 * i, rule: rule)
      if state.isOver { return 10 * i }
    }
    return nil
  }

  @Test func patienceIsCountedInSteps() {
    #expect(end([5, 4, 3, 2, 1]) == nil)
    #expect(end([5, 4, 4.5, 4.2, 9]) == 30)
    #expect(end([5, 4, 4.5, 3.9, 9, 9]) == 50)
    #expect(end([5, 5, 5], patience: 10) == 10)
    #expect(end([5, 4.9, 4.8, 4.7], threshold: 0.5) == 20)
  }

  @Test func whatIsNoNumberIsNoBetter() {
    #expect(end([.nan, .infinity, 5, 4]) == nil)
    #expect(end([5, .nan, -.infinity, 4]) == 20)
  }

  @Test func aRatioOfSignalToNoiseRises() {
    #expect(end([5, 6, 7, 8], metric: "reconstruction.psnr") == nil)
    #expect(end([5, 4, 4, 4], metric: "reconstruction.psnr") == 20)
  }

  @Test func theReasonNamesSeriesStepAndValue() {
    var rule = TrainingConfiguration.EarlyStop()
    (rule.metric, rule.patience, rule.threshold) = ("loss", 10, 0.5)
    var state = StopState()
    state.add(3.25, step: 100, rule: rule)
    #expect(state.reason(rule) == nil)
    state.add(3, step: 110, rule: rule)
    #expect(
      state.reason(rule)
        == "loss got no better by more than 0.5 for 10 steps; its best is 3.25 at step 101")
  }

  @Test(arguments: tinyVariants.map(\.name))
  func validationMovesNothingAndRepeatsItself(_ name: String) throws {
    let configuration = try #require(tinyVariants.first { $0.name == name }).configuration
    let trainer = Trainer(try PRAModel(configuration, classes: 3, on: Device(threads: 1)))
    let before = trainer.model.parameters.all.map { $0.value.download().doubles }
    let batch = tinyBatch(trainer.model, count: 4)
    let whole = trainer.heldOutLosses([batch])
    #expect(
      whole.map(\.name) == MetricSeries.losses(of: configuration).map(MetricSeries.validation))
    #expect(trainer.heldOutLosses([batch]).map(\.value) == whole.map(\.value))
    // By parts it is the same but for the order of additions.
    let parts = trainer.heldOutLosses([batch.slice(0..<1), batch.slice(1..<4)])
    for (a, b) in zip(whole, parts) {
      #expect(abs(a.value - b.value) <= 1e-4 * max(1, abs(a.value)), "\(a.name)")
    }
    #expect(trainer.model.parameters.all.map { $0.value.download().doubles } == before)
  }

  @Test func heldOutLossesAreThoseOfTrainingOnTheSameBatch() throws {
    let trainer = Trainer(try PRAModel(tiny(), classes: 3, on: Device(threads: 1)))
    let batch = tinyBatch(trainer.model)
    let held = trainer.heldOutLosses([batch])
    let trained = try trainer.run(batch).values
    for (a, b) in zip(held, trained) {
      #expect(a.name == MetricSeries.validation(b.name))
      #expect(abs(a.value - b.value) <= 1e-6 * abs(b.value), "\(a.name)")
    }
  }
}
