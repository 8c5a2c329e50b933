// Losses on held-out images, and the end of a training that gets no better.

import Files

extension TrainingConfiguration {
  /// Value of `training.validation`.
  package struct ValidationLosses: Section {
    package var every = 100
    package var images = 256

    package init() {}

    package static let source: String? = "model.md section 4"

    package static var fields: [Field<Self>] {
      [
        .integer(
          "every", \.every, 1...1_000_000_000,
          "Distance of two measurements, series `validation.loss` and its parts, always with the same noise."
        ).unit("steps"),
        .integer(
          "images", \.images, 1...1_000_000,
          "Held-out images that are measured, evenly spread over all; at most as many as there are."
        ).unit("images"),
      ]
    }
  }

  /// Value of `training.stop`.
  package struct EarlyStop: Section {
    /// Empty for none.
    package var metric = ""
    package var patience = 1000
    package var threshold = 0.0

    package init() {}

    package static let source: String? = "Prechelt 1998, Early stopping - but when?"

    package static var fields: [Field<Self>] {
      [
        .optionalText(
          "metric", \.metric,
          "Series that has to fall, a loss such as `validation.loss.flow`, or `reconstruction.psnr`, which has to "
            + "rise; null trains to the last step."),
        .integer(
          "patience", \.patience, 1...1_000_000_000,
          "Steps without a better value after which training ends, well and with a checkpoint."
        ).unit("steps"),
        .number(
          "threshold", \.threshold, .zeroOrMore,
          "Least improvement: a value is better that differs from the best by more than this."),
      ]
    }

    /// Whether larger values of the series are better.
    fileprivate var isRising: Bool { metric == MetricSeries.quality }
  }
}

extension TrainingConfiguration {
  /// The first key that names a series of held-out images, and the series.
  package var validationMetric: (key: String, series: String)? {
    let named =
      [("stop.metric", stop.metric)] + (keep.best > 0 ? [("keep.metric", keep.metric)] : [])
    return named.first { MetricSeries.isValidation($0.1) }.map { (key: $0.0, series: $0.1) }
  }
}

/// Names of the series of a training (model.md section 4).
package enum MetricSeries {
  /// Quality of the reconstruction in decibels.
  static let quality = "reconstruction.psnr"
  private static let validation = "validation."

  /// The series of a loss on held-out images.
  package static func validation(_ loss: String) -> String { validation + loss }

  package static func isValidation(_ name: String) -> Bool { name.hasPrefix(validation) }

  /// Losses of every step.
  package static func losses(of configuration: ModelConfiguration) -> [String] {
    let method = configuration.method
    let lpips = configuration.loss.lpips > 0 ? ["loss.lpips"] : []
    return ["loss", "loss.rec", "loss.flow"]
      + (method.hasStates ? ["loss.l1", "loss.l2"] + lpips : [])
      + (method == .diffusion ? [] : ["loss.norm_pix"])
  }

  /// Series by which a training may be ended, and its checkpoints be compared.
  static func stopping(_ configuration: ModelConfiguration) -> [String] {
    let losses = losses(of: configuration)
    return losses + losses.map(validation) + (configuration.method.hasStates ? [quality] : [])
  }

  /// Refuses a series that a training does not have, with the nearest one that it has.
  /// - Throws: `ConfigurationError`
  static func check(
    _ name: String, at key: String, of configuration: ModelConfiguration
  ) throws {
    let series = stopping(configuration)
    guard !series.contains(name) else { return }
    throw ConfigurationError(
      "\(key): found '\(name)', expected one of \(series.joined(separator: ", "))"
        + (nearest(to: name, among: series).map { "; did you mean '\($0)'?" } ?? ""))
  }
}

/// How far the series of `training.stop` has come: its best value, and when that was.
package struct StopState: Section {
  /// Nil before the first value.
  package private(set) var best: Double?
  /// Step of the best value.
  package private(set) var step = 0
  package private(set) var isOver = false

  package init() {}

  package static var fields: [Field<Self>] {
    [
      .optionalNumber("best", \.best, .finite), .integer("step", \.step, 0...Int(UInt32.max)),
      .flag("over", \.isOver),
    ]
  }

  /// Takes in a value of the series; one that is not finite is no better than any other.
  /// - Parameter step: the step that has it
  package mutating func add(
    _ value: Double, step: Int, rule: TrainingConfiguration.EarlyStop
  ) {
    guard !isOver else { return }
    let sign: Double = rule.isRising ? -1 : 1
    let isBetter = best.map { sign * value < sign * $0 - rule.threshold } ?? true
    if value.isFinite, isBetter {
      (best, self.step) = (value, step)
    } else if best != nil, step - self.step >= rule.patience {
      isOver = true
    }
  }

  /// The end of training in words, with the number of steps done at its best, as checkpoints count; nil while it goes on.
  package func reason(_ rule: TrainingConfiguration.EarlyStop) -> String? {
    guard isOver, let best else { return nil }
    let by = rule.threshold > 0 ? "by more than \(shortestDecimal(rule.threshold)) " : ""
    return
      "\(rule.metric) got no better \(by)for \(rule.patience) steps; its best is \(best) at step \(step + 1)"
  }
}
