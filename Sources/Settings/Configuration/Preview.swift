// Key `preview` of a run file: images that a training has drawn while it goes on.

import Files

/// The distance of two previews.
package enum PreviewInterval: Sendable, Equatable {
  case checkpoint
  /// The first checkpoint at or after each multiple.
  case steps(Int)

  fileprivate static let longest = 1_000_000_000
  private static let word = "checkpoint"

  /// - Throws: `ConfigurationError` that names the key
  fileprivate init(_ value: SettingValue, at path: String) throws {
    switch value {
    case .string(Self.word): self = .checkpoint
    case .integer(let text):
      guard let steps = Int(text), (1...Self.longest).contains(steps) else { fallthrough }
      self = .steps(steps)
    default:
      throw ConfigurationError(
        "\(path): found \(value.description), expected \(Self.word), or a number of steps from 1 on"
      )
    }
  }

  fileprivate var json: String {
    switch self {
    case .checkpoint: JSONText.string(Self.word)
    case .steps(let steps): String(steps)
    }
  }
}

extension Field where Root: Section {
  fileprivate static func interval(
    _ key: String, _ path: WritableKeyPath<Root, PreviewInterval>, _ meaning: String
  ) -> Field {
    let values = Values(
      "checkpoint, or a number of steps",
      rules: [
        Rule("type", #"["integer","string"]"#), Rule("minimum", "1"),
        Rule("maximum", String(PreviewInterval.longest)), Rule("pattern", #""^checkpoint$""#),
      ])
    return Field(key, values, meaning) { root, value, at, _ in
      root[keyPath: path] = try PreviewInterval(value, at: at)
    } json: {
      $0[keyPath: path].json
    }
  }
}

/// Images drawn at checkpoints, always the same numbers and so of the same noise.
package struct Preview: Section {
  package var every = PreviewInterval.checkpoint
  package var count = 36
  /// Empty for those of `sampling.weights`.
  package var weights = ""

  package init() {}

  /// A training without previews.
  package static var none: Preview {
    var none = Preview()
    none.count = 0
    return none
  }

  package static var fields: [Field<Self>] {
    [
      .interval(
        "every", \.every,
        "When images are drawn: at each `checkpoint`, or at the first one at or after each multiple of so many steps."
      ),
      .integer(
        "count", \.count, 0...100_000,
        "Images of a preview, always numbers 0 and up with `sampling.seed`; 0 for none."
      ).unit("images"),
      .optionalText(
        "weights", \.weights,
        "Weights that draw: `model`, or `ema-` with one of `training.ema`; null for `sampling.weights`."
      ),
    ]
  }

  /// - Throws: `ConfigurationError` unless a training of the configuration has the weights
  package func validate(for configuration: ModelConfiguration) throws {
    let known =
      ["model"] + configuration.training.ema.map { "ema-\(shortestDecimal($0))" }
    guard weights.isEmpty || known.contains(weights) else {
      throw ConfigurationError(
        "preview.weights: found '\(weights)', expected one of \(known.joined(separator: ", ")) (the averages "
          + "are those of training.ema)")
    }
  }
}
