// A linear classifier on frozen features, by which representations are compared.

import Tensor

#if canImport(Glibc)
  import Glibc
#endif

/// Measures how well a linear classifier of features tells the classes of images that it has not
/// seen.
package enum LinearProbe {
  package struct Settings: Sendable {
    package enum Optimizer: Sendable {
      /// MAE's for batches of thousands (You et al. 2017).
      case lars
      case adamw
      /// Finds the minimum of a convex function, as CLIP's probes do (Radford et al. 2021): only
      /// the weight decay needs tuning.
      case lbfgs
    }

    package var optimizer = Optimizer.lbfgs
    /// Highest learning rate, unscaled: MAE's for LARS is 0.1 batch / 256. L-BFGS has none.
    package var learningRate = 1e-3
    /// If there are several, the best is chosen for each source of features.
    package var weightDecays = [0.0]
    /// Passes over the examples; for L-BFGS an upper limit.
    package var epochs = 100
    package var warmUpEpochs = 10
    package var batch = 256
    package var seed: UInt64 = 0

    package init() {}
  }

  /// Some rows of labelled features [images, width].
  package struct Examples {
    private let features: [Float]
    private let labels: [Int]
    package let width: Int
    private let rows: [Int]

    package var count: Int { rows.count }

    package init(features: [Float], labels: [Int], width: Int) {
      precondition(features.count == labels.count * width, "Examples: \(labels.count) x \(width)")
      (self.features, self.labels, self.width) = (features, labels, width)
      rows = Array(labels.indices)
    }

    private init(_ all: Self, rows: [Int]) {
      (features, labels, width, self.rows) = (all.features, all.labels, all.width, rows)
    }

    /// The examples of these numbers, which share the features.
    package func only(_ numbers: [Int]) -> Self { Self(self, rows: numbers.map { rows[$0] }) }

    package func label(_ number: Int) -> Int { labels[rows[number]] }

    /// [numbers, width]
    func gathered(_ numbers: some Collection<Int>, on device: Device) -> Tensor {
      let x = Tensor(uninitialized: [numbers.count, width], on: device)
      x.withHostElements { to in
        features.withUnsafeBufferPointer { features in
          for (place, number) in numbers.enumerated() {
            (to.baseAddress! + place * width)
              .update(from: features.baseAddress! + rows[number] * width, count: width)
          }
        }
      }
      return x
    }
  }

  /// The results on held-out examples.
  package struct Outcome: Sendable {
    /// For each example, the number of classes that score above its own. Of equal scores, those of
    /// smaller classes come first, as in a stable sort.
    package let ranks: [Int]
    /// The weight decay that was chosen.
    package let weightDecay: Double

    /// Share of examples whose own class has the highest score, or one of the five highest.
    package var top1: Double { share(below: 1) }
    package var top5: Double { share(below: 5) }

    private func share(below limit: Int) -> Double {
      Double(ranks.count { $0 < limit }) / Double(ranks.count)
    }
  }

  /// Trains on some examples and measures on others.
  /// - Parameters:
  ///   - train: at least two
  ///   - progress: called after every pass over the examples; may throw to stop
  package static func outcome(
    training train: Examples, heldOut: Examples, classes: Int, settings: Settings = Settings(),
    on device: Device, progress: () throws -> Void = {}
  ) rethrows -> Outcome {
    precondition(train.width == heldOut.width && train.count > 1, "LinearProbe: examples")
    // From the strongest on, as each L-BFGS fit begins at the result of the one before.
    let decays = settings.weightDecays.sorted(by: >)
    let trial = Trial(classes: classes, settings: settings, device: device)
    var chosen = decays[0]
    if decays.count > 1 {
      let parts = split(train, seed: settings.seed)
      let found = try trial.scores(parts.learning, parts.judging, decays, progress)
      let losses = found.map { trial.crossEntropy($0, parts.judging) }
      chosen = decays[losses.indices.min { losses[$0] < losses[$1] }!]
    }
    let path = decays.filter { $0 >= chosen }
    let scores = try trial.scores(
      train, heldOut, settings.optimizer == .lbfgs ? path : [chosen], progress)
    return Outcome(ranks: trial.ranks(scores.last!, heldOut), weightDecay: chosen)
  }

  /// Splits off a fifth of each class to choose a weight decay by.
  private static func split(
    _ examples: Examples, seed: UInt64
  ) -> (learning: Examples, judging: Examples) {
    let keys = Philox(seed: seed).uniforms(examples.count, a: 0, b: 0, stream: 43)
    let labels = (0..<examples.count).map(examples.label)
    let judging = Set(heldOutParts(labels, share: 0.2, count: 1, keys: keys)[0])
    guard !judging.isEmpty, judging.count < examples.count - 1 else { return (examples, examples) }
    return (
      examples.only((0..<examples.count).filter { !judging.contains($0) }),
      examples.only(judging.sorted())
    )
  }

  /// Disjoint parts, each with a share of every class, drawn at random.
  /// - Parameters:
  ///   - count: number of parts, which together are at most the whole
  ///   - keys: one per example; examples are taken in the order of their keys
  package static func heldOutParts(
    _ labels: [Int], share: Double, count: Int, keys: [Double]
  ) -> [[Int]] {
    precondition(share * Double(count) < 1 + 1e-9, "heldOutParts: \(count) parts of \(share)")
    var parts = [[Int]](repeating: [], count: count)
    let members = Dictionary(grouping: labels.indices) { labels[$0] }
    for (_, numbers) in members.sorted(by: { $0.key < $1.key }) {
      let order = numbers.sorted { (keys[$0], $0) < (keys[$1], $1) }
      func end(_ part: Int) -> Int {
        min(order.count, Int((Double(part) * share * Double(order.count)).rounded()))
      }
      for part in 0..<count { parts[part] += order[end(part)..<end(part + 1)] }
    }
    return parts.map { $0.sorted() }
  }
}

/// Trains classifiers of one kind.
private struct Trial {
  let classes: Int
  let settings: LinearProbe.Settings
  let device: Device

  /// Scores of the classifier for each decay, [examples, classes].
  func scores(
    _ train: LinearProbe.Examples, _ others: LinearProbe.Examples, _ decays: [Double],
    _ progress: () throws -> Void
  ) rethrows -> [[Float]] {
    func all(_ scores: (Range<Int>) -> Tensor) -> [Float] {
      stride(from: 0, to: others.count, by: 1024).flatMap {
        scores($0..<min($0 + 1024, others.count)).download().floats
      }
    }
    guard settings.optimizer == .lbfgs else {
      return try decays.map { decay in
        var classifier = SteppedClassifier(
          classes: classes, width: train.width, decay: decay, settings, on: device)
        try classifier.fit(train, progress: progress)
        return all { classifier.scores(others, $0) }
      }
    }
    var regression = LogisticRegression(train, classes: classes, on: device)
    return try decays.map { decay in
      try regression.fit(decay: decay, most: settings.epochs, progress: progress)
      return all { regression.scores(others, $0) }
    }
  }

  func ranks(_ scores: [Float], _ examples: LinearProbe.Examples) -> [Int] {
    (0..<examples.count).map { number in
      let (row, label) = (number * classes, examples.label(number))
      let own = scores[row + label]
      return (0..<classes).count {
        scores[row + $0] > own || scores[row + $0] == own && $0 < label
      }
    }
  }

  /// Mean cross-entropy over examples.
  func crossEntropy(_ scores: [Float], _ examples: LinearProbe.Examples) -> Double {
    var (total, row) = (0.0, scores)
    for number in 0..<examples.count {
      row.withUnsafeMutableBufferPointer {
        total += softmax(
          $0.baseAddress! + number * classes, classes, own: examples.label(number))
      }
    }
    return total / Double(examples.count)
  }
}

/// Turns scores into probabilities (softmax).
/// - Returns: -log of the probability of class `own`
@discardableResult
func softmax(_ x: UnsafeMutablePointer<Float>, _ classes: Int, own: Int = 0) -> Double {
  var most = -Float.infinity
  for k in 0..<classes { most = max(most, x[k]) }
  var total = 0.0
  for k in 0..<classes { total += exp(Double(x[k] - most)) }
  let loss = log(total) - Double(x[own] - most)
  for k in 0..<classes { x[k] = Float(exp(Double(x[k] - most)) / total) }
  return loss
}
