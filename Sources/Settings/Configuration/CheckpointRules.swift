// When checkpoints are written, and which of them stay.

import Files

/// Value of `training.checkpoint_every`: a number of steps, or a time such as `30min`.
package enum CheckpointInterval: Sendable, Equatable {
  case steps(Int)
  case time(seconds: Int)

  /// Units of a time, the largest first, with their seconds.
  private static let units = [("h", 3600), ("min", 60), ("s", 1)]
  private static let longest = 1_000_000_000

  /// - Throws: `ConfigurationError` that names the key
  init(_ value: SettingValue, at path: String) throws {
    switch value {
    case .integer(let text):
      if let steps = Int(text), (1...Self.longest).contains(steps) {
        self = .steps(steps)
        return
      }
    case .string(let text):
      let digits = text.prefix { $0.isASCII && $0.isNumber }
      let unit = text.dropFirst(digits.count).drop { $0 == " " }
      if let number = Int(digits), let seconds = Self.units.first(where: { $0.0 == unit })?.1,
        case (let product, let isOver) = number.multipliedReportingOverflow(by: seconds), !isOver,
        (1...Self.longest).contains(product)
      {
        self = .time(seconds: product)
        return
      }
    default: break
    }
    throw ConfigurationError(
      "\(path): found \(value.description), expected a number of steps from 1 on, or a time such as "
        + "30min, 2h or 90s")
  }

  var json: String {
    switch self {
    case .steps(let steps): return String(steps)
    case .time(let seconds):
      let unit = Self.units.first { seconds % $0.1 == 0 }!
      return JSONText.string("\(seconds / unit.1)\(unit.0)")
    }
  }

  /// Whether a checkpoint is due.
  /// - Parameters:
  ///   - step: steps made so far
  ///   - elapsed: seconds since the last one was due, or since the attempt began
  package func isDue(step: Int, elapsed: Double) -> Bool {
    switch self {
    case .steps(let steps): step % steps == 0
    case .time(let seconds): elapsed >= Double(seconds)
    }
  }
}

extension Field where Root: Section {
  static func interval(
    _ key: String, _ path: WritableKeyPath<Root, CheckpointInterval>, _ meaning: String
  ) -> Field {
    let values = Values(
      "steps, or a time such as 30min",
      rules: [
        Rule("type", #"["integer","string"]"#), Rule("minimum", "1"),
        Rule("pattern", #""^[0-9]+ *(h|min|s)$""#),
      ])
    return Field(key, values, meaning) { root, value, at, _ in
      root[keyPath: path] = try CheckpointInterval(value, at: at)
    } json: {
      $0[keyPath: path].json
    }
  }
}

extension TrainingConfiguration {
  /// Value of `training.keep`. The type's own value keeps every checkpoint, as jobs did that were enqueued
  /// before there was a rule; presets have another.
  package struct Keep: Section {
    package var last = 1
    package var every: Int? = 1
    package var best = 0
    package var metric = "loss"

    package init() {}

    package static let source: String? = "model.md section 8"

    package static var fields: [Field<Self>] {
      let many = 1_000_000_000
      return [
        .integer("last", \.last, 1...many, "Newest checkpoints that stay.").unit("checkpoints"),
        .optionalInteger(
          "every", \.every, 1...many,
          "Distance of checkpoints that stay for ever: the first one at or after each multiple; 1 keeps "
            + "all, null none."
        ).unit("steps"),
        .integer(
          "best", \.best, 0...many,
          "Best checkpoints that stay, by the mean of `training.keep.metric` since the one before."
        ).unit("checkpoints"),
        .text(
          "metric", \.metric,
          "Series by which checkpoints are compared: a loss such as `loss.flow` or `validation.loss`, or "
            + "`reconstruction.psnr`."),
      ]
    }

    /// The rule of every preset.
    package static var usual: Keep {
      var keep = Keep()
      (keep.last, keep.every, keep.best) = (2, 50_000, 1)
      return keep
    }
  }
}

extension MetricSeries {
  /// Series that trainings of any configuration have, by which checkpoints may be compared.
  package static let ofAnyTraining: [String] = {
    var found: [String] = []
    for method in Method.allCases {
      var configuration = ModelConfiguration()
      (configuration.method, configuration.loss.lpips) = (method, 1)
      found += stopping(configuration).filter { !found.contains($0) }
    }
    return found
  }()
}
