// A linear classifier on frozen features, as representations are compared.

import Tensor

#if canImport(Glibc)
  import Glibc
#endif

/// B images of a batch · D features · K classes.
///
/// Batch normalisation without affine part (epsilon 1e-6) and a linear layer (weights 0.01 normal,
/// biases zero), cross-entropy, warm-up and half a cosine to zero an iteration: He et al. 2022 (MAE),
/// main_linprobe.py.
package struct LinearProbe {
  package struct Settings: Sendable {
    /// MAE's optimizer for batches of thousands (You et al. 2017), or one for small sets.
    package enum Optimizer: Sendable { case lars, adamw }

    package var optimizer = Optimizer.adamw
    /// The highest, as it is: of LARS MAE's is 0.1 batch / 256.
    package var learningRate = 1e-3
    package var weightDecay = 0.0
    package var epochs = 100
    package var warmUpEpochs = 10
    package var batch = 256
    package var seed: UInt64 = 0

    package init() {}
  }

  /// Labelled features, [count, width].
  package struct Examples {
    package let features: [Float]
    package let labels: [Int]
    package let width: Int

    package init(features: [Float], labels: [Int], width: Int) {
      precondition(features.count == labels.count * width, "Examples: \(labels.count) x \(width)")
      (self.features, self.labels, self.width) = (features, labels, width)
    }
  }

  /// Shares of held-out images whose class is the first, or among the first five, by score.
  package struct Accuracy: Sendable, Equatable {
    package let top1: Double
    package let top5: Double
  }

  private let settings: Settings
  private let classes: Int
  private let width: Int
  private let device: Device
  private let weight: Tensor
  private var bias: [Double]
  /// Running mean and variance, as torch.nn.BatchNorm1d keeps them.
  private var mean: [Double]
  private var variance: [Double]

  private static let epsilon = 1e-6
  /// Of the running statistics.
  private static let momentum = 0.1

  private init(classes: Int, width: Int, _ settings: Settings, on device: Device) {
    (self.classes, self.width, self.settings, self.device) = (classes, width, settings, device)
    let normals = Philox(seed: settings.seed).normals(classes * width, a: 0, b: 0, stream: 40)
    weight = Tensor(normals.map { 0.01 * $0 }, [classes, width], on: device)
    bias = [Double](repeating: 0, count: classes)
    mean = [Double](repeating: 0, count: width)
    variance = [Double](repeating: 1, count: width)
  }

  /// Trains on some examples, measures on others.
  /// - Parameters:
  ///   - train: two at least
  ///   - progress: called after every epoch; may throw to stop
  package static func accuracy(
    training train: Examples, heldOut: Examples, classes: Int, settings: Settings = Settings(),
    on device: Device, progress: (_ epoch: Int) throws -> Void = { _ in }
  ) rethrows -> Accuracy {
    precondition(train.width == heldOut.width && train.labels.count > 1, "LinearProbe: examples")
    var probe = LinearProbe(classes: classes, width: train.width, settings, on: device)
    try probe.fit(train, progress: progress)
    return probe.accuracy(heldOut)
  }

  // MARK: training

  private mutating func fit(_ examples: Examples, progress: (Int) throws -> Void) rethrows {
    let n = examples.labels.count
    let batch = min(settings.batch, n)
    // A last batch that is not full is left out, as in MAE's loader.
    let iterations = n / batch
    var optimizer = ProbeOptimizer(settings, weights: classes * width, biases: classes)
    for epoch in 0..<settings.epochs {
      let keys = Philox(seed: settings.seed).uniforms(
        n, a: UInt32(epoch), b: 0, stream: 41)
      let order = (0..<n).sorted { (keys[$0], $0) < (keys[$1], $1) }
      for iteration in 0..<iterations {
        let at = Double(epoch) + Double(iteration) / Double(iterations)
        let rows = order[iteration * batch..<(iteration + 1) * batch]
        step(examples, rows, learningRate: learningRate(at: at), &optimizer)
      }
      try progress(epoch + 1)
    }
  }

  /// - Parameter epoch: with its fraction
  private func learningRate(at epoch: Double) -> Double {
    let (warm, all) = (Double(settings.warmUpEpochs), Double(settings.epochs))
    if epoch < warm { return settings.learningRate * epoch / warm }
    return settings.learningRate * 0.5 * (1 + cos(.pi * (epoch - warm) / max(all - warm, 1)))
  }

  private mutating func step(
    _ examples: Examples, _ rows: ArraySlice<Int>, learningRate: Double,
    _ optimizer: inout ProbeOptimizer
  ) {
    let x = gathered(examples, rows)
    normalize(x)
    let scores = self.scores(x)
    let slope = scores.pointer.assumingMemoryBound(to: Float.self)
    var biasSlope = [Double](repeating: 0, count: classes)
    let share = 1 / Float(rows.count)
    for (row, example) in rows.enumerated() {
      let p = slope + row * classes
      softmax(p)
      p[examples.labels[example]] -= 1
      for k in 0..<classes {
        p[k] *= share
        biasSlope[k] += Double(p[k])
      }
    }
    // dW[K, D] = slope' x
    let gradient = Tensor(uninitialized: [classes, width], on: device)
    matrixProduct(
      into: Matrix(gradient), Matrix(scores).transposed, Matrix(x), m: classes, n: width,
      k: rows.count)
    optimizer.update(
      weight.pointer.assumingMemoryBound(to: Float.self),
      by: gradient.pointer.assumingMemoryBound(to: Float.self), &bias, by: biasSlope,
      learningRate: learningRate)
  }

  private func softmax(_ x: UnsafeMutablePointer<Float>) {
    var most = -Float.infinity
    for k in 0..<classes { most = max(most, x[k]) }
    var total = 0.0
    for k in 0..<classes { total += exp(Double(x[k] - most)) }
    for k in 0..<classes { x[k] = Float(exp(Double(x[k] - most)) / total) }
  }

  private func gathered(_ examples: Examples, _ rows: some Collection<Int>) -> Tensor {
    let x = Tensor(uninitialized: [rows.count, width], on: device)
    examples.features.withUnsafeBufferPointer { features in
      for (row, example) in rows.enumerated() {
        x.pointer(at: row * width).copyMemory(
          from: features.baseAddress! + example * width, byteCount: width * 4)
      }
    }
    return x
  }

  /// x = (x - mean) / sqrt(variance + epsilon) by the batch's own statistics, which are remembered.
  private mutating func normalize(_ x: Tensor) {
    let n = x.rows
    let values = x.pointer.assumingMemoryBound(to: Float.self)
    var (sums, squares) = (
      [Double](repeating: 0, count: width), [Double](repeating: 0, count: width)
    )
    for row in 0..<n {
      for i in 0..<width { sums[i] += Double(values[row * width + i]) }
    }
    for i in 0..<width { sums[i] /= Double(n) }
    for row in 0..<n {
      for i in 0..<width {
        let difference = Double(values[row * width + i]) - sums[i]
        squares[i] += difference * difference
      }
    }
    for i in 0..<width {
      squares[i] /= Double(n)
      mean[i] += Self.momentum * (sums[i] - mean[i])
      // The running one is unbiased.
      let unbiased = squares[i] * Double(n) / Double(max(n - 1, 1))
      variance[i] += Self.momentum * (unbiased - variance[i])
    }
    scale(x, sums, squares)
  }

  private func scale(_ x: Tensor, _ mean: [Double], _ variance: [Double]) {
    let factors = variance.map { 1 / ($0 + Self.epsilon).squareRoot() }
    let values = x.pointer.assumingMemoryBound(to: Float.self)
    for row in 0..<x.rows {
      for i in 0..<width {
        values[row * width + i] = Float((Double(values[row * width + i]) - mean[i]) * factors[i])
      }
    }
  }

  /// x W' + b, [B, K]
  private func scores(_ x: Tensor) -> Tensor {
    let y = Tensor(uninitialized: [x.rows, classes], on: device)
    matrixProduct(
      into: Matrix(y), Matrix(x), Matrix(weight).transposed, m: x.rows, n: classes, k: width,
      bias: Tensor(bias, [classes], on: device))
    return y
  }

  // MARK: measuring

  private func accuracy(_ examples: Examples) -> Accuracy {
    let n = examples.labels.count
    var (first, five) = (0, 0)
    for start in stride(from: 0, to: n, by: 1024) {
      let rows = start..<min(start + 1024, n)
      let x = gathered(examples, rows)
      scale(x, mean, variance)
      let y = scores(x).floats
      for (row, example) in rows.enumerated() {
        let scores = y[row * classes..<(row + 1) * classes]
        let own = scores[scores.startIndex + examples.labels[example]]
        // Of equal scores those of smaller classes come first, as in a stable sort.
        let before = scores.indices.count {
          let k = $0 - scores.startIndex
          return scores[$0] > own || scores[$0] == own && k < examples.labels[example]
        }
        first += before < 1 ? 1 : 0
        five += before < 5 ? 1 : 0
      }
    }
    return Accuracy(top1: Double(first) / Double(n), top5: Double(five) / Double(n))
  }
}

/// LARS as in MAE's util/lars.py (momentum 0.9, trust 0.001; neither decay nor trust for biases), or
/// AdamW (0.9, 0.999, epsilon 1e-8), decay on weights alone.
private struct ProbeOptimizer {
  private let settings: LinearProbe.Settings
  private var weights: [(first: Double, second: Double)]
  private var biases: [(first: Double, second: Double)]
  private var steps = 0

  init(_ settings: LinearProbe.Settings, weights: Int, biases: Int) {
    self.settings = settings
    self.weights = Array(repeating: (0, 0), count: weights)
    self.biases = Array(repeating: (0, 0), count: biases)
  }

  mutating func update(
    _ weight: UnsafeMutablePointer<Float>, by gradient: UnsafePointer<Float>,
    _ bias: inout [Double], by biasGradient: [Double], learningRate: Double
  ) {
    steps += 1
    let decay = settings.weightDecay
    switch settings.optimizer {
    case .lars:
      func length(_ value: (Int) -> Double) -> Double {
        (0..<weights.count).reduce(0) { $0 + value($1) * value($1) }.squareRoot()
      }
      let size = length { Double(weight[$0]) }
      let slope = length { Double(gradient[$0]) + decay * Double(weight[$0]) }
      let trust = size > 0 && slope > 0 ? 0.001 * size / slope : 1
      for i in weights.indices {
        let change = trust * (Double(gradient[i]) + decay * Double(weight[i]))
        weights[i].first = 0.9 * weights[i].first + change
        weight[i] = Float(Double(weight[i]) - learningRate * weights[i].first)
      }
      for i in biases.indices {
        biases[i].first = 0.9 * biases[i].first + biasGradient[i]
        bias[i] -= learningRate * biases[i].first
      }
    case .adamw:
      let corrections = (1 - pow(0.9, Double(steps)), 1 - pow(0.999, Double(steps)))
      func change(_ moments: inout (first: Double, second: Double), _ slope: Double) -> Double {
        moments.first = 0.9 * moments.first + 0.1 * slope
        moments.second = 0.999 * moments.second + 0.001 * slope * slope
        return learningRate * (moments.first / corrections.0)
          / ((moments.second / corrections.1).squareRoot() + 1e-8)
      }
      for i in weights.indices {
        let kept = Double(weight[i]) * (1 - learningRate * decay)
        weight[i] = Float(kept - change(&weights[i], Double(gradient[i])))
      }
      for i in biases.indices { bias[i] -= change(&biases[i], biasGradient[i]) }
    }
  }
}
