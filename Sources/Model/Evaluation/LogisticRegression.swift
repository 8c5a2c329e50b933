// The linear classifier of least loss, for probes on sets of some thousand images.

import Tensor

#if canImport(Glibc)
  import Glibc
#endif

/// Multinomial logistic regression on standardised features:
///
///     min over W, b of mean(-log softmax(W x + b)[class]) + decay/2 |W|^2
///
/// by L-BFGS with ten pairs and steps that are halved until they descend (Nocedal and Wright 2006,
/// algorithm 7.5). n examples · D features · K classes.
struct LogisticRegression {
  private let examples: LinearProbe.Examples
  private let classes: Int
  private let device: Device
  /// Standardised, [n, D].
  private let x: Tensor
  private let mean: [Double]
  private let factor: [Double]
  /// W by rows, then b.
  private var weights: [Double]

  private static let pairs = 10
  /// Rows per product; the gradients of products are added in float64.
  private static let rows = 4096
  /// Relative descent, and largest slope (scikit-learn's), below which the fit ends.
  private static let (leastDescent, leastSlope) = (1e-7, 1e-4)

  init(_ examples: LinearProbe.Examples, classes: Int, on device: Device) {
    (self.examples, self.classes, self.device) = (examples, classes, device)
    x = examples.gathered(0..<examples.count, on: device)
    let (mean, variance) = columnMoments(x)
    self.mean = mean
    factor = variance.map { 1 / ($0 + 1e-6).squareRoot() }
    weights = [Double](repeating: 0, count: classes * (examples.width + 1))
    Self.standardize(x, mean, factor)
  }

  private static func standardize(_ x: Tensor, _ mean: [Double], _ factor: [Double]) {
    x.withHostElements { values in
      for row in 0..<x.rows {
        for i in 0..<x.width {
          values[row * x.width + i] = Float(
            (Double(values[row * x.width + i]) - mean[i]) * factor[i])
        }
      }
    }
  }

  /// Continues from the weights of the last fit.
  /// - Parameters:
  ///   - most: largest number of steps
  ///   - progress: called after every step; may throw to stop
  mutating func fit(decay: Double, most: Int, progress: () throws -> Void) rethrows {
    var (value, slope) = loss(weights, decay)
    var pairs: [(step: [Double], change: [Double])] = []
    for _ in 0..<most {
      guard slope.contains(where: { abs($0) > Self.leastSlope }) else { return }
      let direction = Self.direction(slope, pairs)
      let descent = product(direction, slope)
      var length = pairs.isEmpty ? min(1, 1 / product(slope, slope).squareRoot()) : 1
      var next = weights
      var found = (value: value, slope: slope)
      var halvings = 0
      repeat {
        for i in next.indices { next[i] = weights[i] + length * direction[i] }
        found = loss(next, decay)
        length /= 2
        halvings += 1
      } while !(found.value <= value + 2e-4 * length * descent) && halvings < 20
      // Any further descent would be rounding.
      guard found.value < value else { return }
      let pair = (
        step: zip(next, weights).map { $0 - $1 }, change: zip(found.slope, slope).map { $0 - $1 }
      )
      if product(pair.step, pair.change) > 1e-12 * product(pair.change, pair.change) {
        pairs.append(pair)
        if pairs.count > Self.pairs { pairs.removeFirst() }
      }
      let gain = value - found.value
      weights = next
      (value, slope) = found
      try progress()
      if gain <= Self.leastDescent * max(value, 1) { return }
    }
  }

  /// -H slope, with H from the last pairs.
  private static func direction(
    _ slope: [Double], _ pairs: [(step: [Double], change: [Double])]
  ) -> [Double] {
    var q = slope.map { -$0 }
    var shares: [Double] = []
    for pair in pairs.reversed() {
      let share = product(pair.step, q) / product(pair.step, pair.change)
      add(-share, pair.change, to: &q)
      shares.append(share)
    }
    if let last = pairs.last {
      let scale = product(last.step, last.change) / product(last.change, last.change)
      for i in q.indices { q[i] *= scale }
    }
    for (pair, share) in zip(pairs, shares.reversed()) {
      let other = product(pair.change, q) / product(pair.step, pair.change)
      add(share - other, pair.step, to: &q)
    }
    return q
  }

  /// The function and its gradient at weights.
  private func loss(_ w: [Double], _ decay: Double) -> (value: Double, slope: [Double]) {
    let (n, width) = (examples.count, examples.width)
    let (weight, bias) = tensors(w)
    var slope = [Double](repeating: 0, count: w.count)
    var total = 0.0
    for first in stride(from: 0, to: n, by: Self.rows) {
      let count = min(Self.rows, n - first)
      let part = Matrix(x, first: first * width, row: width)
      let scores = self.scores(part, count, weight, bias)
      scores.withHostElements { p in
        for row in 0..<count {
          let label = examples.label(first + row)
          total += softmax(p.baseAddress! + row * classes, classes, own: label)
          p[row * classes + label] -= 1
          for k in 0..<classes { slope[classes * width + k] += Double(p[row * classes + k]) }
        }
      }
      // dW[K, D] = scores' x
      let gradient = Tensor(uninitialized: [classes, width], on: device)
      matrixProduct(
        into: Matrix(gradient), Matrix(scores).transposed, part, m: classes, n: width, k: count)
      gradient.readOnHost { g in
        for i in 0..<classes * width { slope[i] += Double(g[i]) }
      }
    }
    var squares = 0.0
    for i in slope.indices {
      slope[i] /= Double(n)
      guard i < classes * width else { continue }
      slope[i] += decay * w[i]
      squares += w[i] * w[i]
    }
    return (total / Double(n) + decay / 2 * squares, slope)
  }

  private func tensors(_ w: [Double]) -> (weight: Tensor, bias: Tensor) {
    let split = classes * examples.width
    return (
      Tensor(w[..<split], [classes, examples.width], on: device),
      Tensor(w[split...], [classes], on: device)
    )
  }

  /// x W' + b, [rows, K]
  private func scores(_ x: Matrix, _ rows: Int, _ weight: Tensor, _ bias: Tensor) -> Tensor {
    let y = Tensor(uninitialized: [rows, classes], on: device)
    matrixProduct(
      into: Matrix(y), x, Matrix(weight).transposed, m: rows, n: classes, k: examples.width,
      bias: bias)
    return y
  }

  /// Scores of other examples, [rows, K].
  func scores(_ others: LinearProbe.Examples, _ rows: Range<Int>) -> Tensor {
    let x = others.gathered(rows, on: device)
    Self.standardize(x, mean, factor)
    let (weight, bias) = tensors(weights)
    return scores(Matrix(x), rows.count, weight, bias)
  }
}

private func product(_ a: [Double], _ b: [Double]) -> Double {
  var sum = 0.0
  for i in a.indices { sum += a[i] * b[i] }
  return sum
}

private func add(_ factor: Double, _ x: [Double], to y: inout [Double]) {
  for i in y.indices { y[i] += factor * x[i] }
}
