// Losses on images that are held out, and the end of training by a series.

import Autodiff
import Configuration
import PRAModel

extension Trainer {
  /// Measures the losses of images that are not trained on, under the names of their series:
  /// `validation.loss` and its parts. No weight moves. The random numbers depend on an image's place alone, so
  /// that values of several steps compare.
  /// - Parameter batches: one or more, each of at most as many images as one pass holds
  package func heldOutLosses(
    _ batches: some Sequence<TrainingBatch>
  ) -> [(name: String, value: Double)] {
    var sums: [(name: String, value: Double)] = []
    var count = 0
    for batch in batches {
      let tape = Tape(
        on: model.device, type: model.type, products: model.products, recording: false)
      let losses = model.losses(batch, on: tape, perceptual: perceptual).0
      let values = [losses.total, losses.reconstruction] + losses.terms.map(\.scalar.value)
      if sums.isEmpty {
        sums = losses.names.map { (name: MetricSeries.validation($0), value: 0) }
      }
      for (i, value) in values.enumerated() { sums[i].value += value * Double(batch.count) }
      count += batch.count
    }
    return sums.map { (name: $0.name, value: $0.value / Double(count)) }
  }

  /// Tells the rule of `training.stop` the values of a step.
  /// - Returns: why training is over; nil while it goes on
  package func reasonToStop(
    after values: [(name: String, value: Double)], step: Int
  ) -> String? {
    let rule = model.configuration.training.stop
    guard let value = values.first(where: { $0.name == rule.metric })?.value else { return nil }
    stop.add(value, step: step, rule: rule)
    return stop.reason(rule)
  }
}
