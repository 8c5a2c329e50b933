// How many ranks share the batches of a training.

import Files

/// Value of `training.ranks`: a number, or the least and the greatest one.
package struct RankRange: Sendable, Equatable {
  package let least: Int
  package let most: Int
  package static let one = RankRange(1...1)
  private static let bound = 1024

  package init(_ range: ClosedRange<Int>) { (least, most) = (range.lowerBound, range.upperBound) }

  /// - Throws: `ConfigurationError` that names the key
  init(_ value: SettingValue, at path: String) throws {
    let text: String? =
      switch value {
      case .integer(let text), .string(let text): text
      default: nil
      }
    if let match = text?.wholeMatch(of: /([0-9]{1,4})(?:\.\.([0-9]{1,4}))?/) {
      let first = Int(match.1)!
      let last = match.2.map { Int($0)! } ?? first
      if first >= 1, first <= last, last <= Self.bound {
        self.init(first...last)
        return
      }
    }
    throw ConfigurationError(
      "\(path): found \(value.description), expected a number from 1 to \(Self.bound), or the least and the "
        + "greatest one, as in 2..8")
  }

  var json: String { least == most ? String(least) : JSONText.string("\(least)..\(most)") }
}

extension TrainingConfiguration {
  /// Number of parts of a batch, each of at most `training.micro_batch` images.
  package var parts: Int { (batch + partSize - 1) / partSize }

  /// Images of a part; the last one may have fewer.
  package var partSize: Int { microBatch ?? batch }

  /// Numbers of ranks within `training.ranks` that give the bits of one: each takes as many parts, a power of two,
  /// whose sum is a term of the sum by halves.
  package var rankCounts: [Int] {
    (ranks.least...ranks.most).filter { Self.share(of: parts, among: $0) != nil }
  }

  /// Parts that each rank takes; nil where they cannot be shared so that the bits stay.
  package static func share(of parts: Int, among ranks: Int) -> Int? {
    guard parts % ranks == 0 else { return nil }
    let share = parts / ranks
    return ranks == 1 || share & (share - 1) == 0 ? share : nil
  }
}

extension ModelConfiguration {
  /// - Throws: `ConfigurationError`
  func validateRanks() throws {
    let (training, ranks) = (training, training.ranks)
    guard ranks != .one else {
      guard !training.shardOptimizer else {
        throw ConfigurationError(
          "training.shard_optimizer: has no effect while training.ranks is 1; give training.ranks more than 1, or set "
            + "training.shard_optimizer to false")
      }
      return
    }
    let text = ranks.least == ranks.most ? "\(ranks.most)" : "\(ranks.least)..\(ranks.most)"
    let parts = training.parts
    let batch =
      "training.batch \(training.batch)"
      + (training.microBatch.map { ", training.micro_batch \($0)" } ?? ", training.micro_batch null")
    let good = (1...max(parts, 1)).filter {
      TrainingConfiguration.share(of: parts, among: $0) != nil
    }
    let isRight =
      ranks.least == ranks.most ? good.contains(ranks.most) : !training.rankCounts.isEmpty
    guard !isRight else { return }
    let remedy =
      training.batch >= ranks.most && parts < ranks.most
      ? "; training.micro_batch \(training.batch / ranks.most) gives each rank one"
      : ""
    throw ConfigurationError(
      "training.ranks: \(text) ranks cannot share the \(parts) parts of a batch (\(batch)): each takes as many, 1, 2, 4 "
        + "or another power of two; expected \(good.map(String.init).joined(separator: ", "))\(remedy)"
    )
  }
}

extension Field where Root: Section {
  static func ranks(
    _ key: String, _ path: WritableKeyPath<Root, RankRange>, _ meaning: String
  ) -> Field {
    let values = Values(
      "number, or least and greatest as in 2..8",
      rules: [
        Rule("type", #"["integer","string"]"#), Rule("minimum", "1"), Rule("maximum", "1024"),
        Rule("pattern", #""^[0-9]{1,4}(\\.\\.[0-9]{1,4})?$""#),
      ])
    return Field(key, values, meaning) { root, value, at, _ in
      root[keyPath: path] = try RankRange(value, at: at)
    } json: {
      $0[keyPath: path].json
    }
  }
}
