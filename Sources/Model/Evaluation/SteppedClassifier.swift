// A linear classifier trained batch by batch, as MAE does it.

import Tensor

#if canImport(Glibc)
  import Glibc
#endif

/// Batch normalization without affine part (epsilon 1e-6), a linear layer (weights 0.01 normal,
/// biases zero), cross-entropy; the learning rate warms up and falls along half a cosine to zero,
/// iteration by iteration: He et al. 2022 (MAE), main_linprobe.py. D features · K classes.
struct SteppedClassifier {
  private let settings: LinearProbe.Settings
  private let decay: Double
  private let classes: Int
  private let width: Int
  private let device: Device
  private let weight: Tensor
  private var bias: [Double]
  /// Running mean and variance, as in torch.nn.BatchNorm1d.
  private var mean: [Double]
  private var variance: [Double]

  private static let epsilon = 1e-6
  /// Momentum of the running statistics.
  private static let momentum = 0.1

  /// - Parameter decay: weight decay, which does not act on biases
  init(
    classes: Int, width: Int, decay: Double, _ settings: LinearProbe.Settings, on device: Device
  ) {
    (self.classes, self.width, self.settings, self.device) = (classes, width, settings, device)
    self.decay = decay
    let normals = Philox(seed: settings.seed).normals(classes * width, a: 0, b: 0, stream: 40)
    weight = Tensor(normals.map { 0.01 * $0 }, [classes, width], on: device)
    bias = [Double](repeating: 0, count: classes)
    mean = [Double](repeating: 0, count: width)
    variance = [Double](repeating: 1, count: width)
  }

  /// - Parameter progress: called after every epoch; may throw to stop
  mutating func fit(_ examples: LinearProbe.Examples, progress: () throws -> Void) rethrows {
    let n = examples.count
    let batch = min(settings.batch, n)
    // An incomplete last batch is left out, as in MAE's loader.
    let iterations = n / batch
    var optimizer = ProbeOptimizer(
      settings.optimizer, decay: decay, weights: classes * width, biases: classes)
    for epoch in 0..<settings.epochs {
      let keys = Philox(seed: settings.seed).uniforms(
        n, a: UInt32(epoch), b: 0, stream: 41)
      let order = (0..<n).sorted { (keys[$0], $0) < (keys[$1], $1) }
      for iteration in 0..<iterations {
        let at = Double(epoch) + Double(iteration) / Double(iterations)
        let rows = order[iteration * batch..<(iteration + 1) * batch]
        step(examples, rows, learningRate: learningRate(at: at), &optimizer)
      }
      try progress()
    }
  }

  /// - Parameter epoch: may be a fraction
  private func learningRate(at epoch: Double) -> Double {
    let (warm, all) = (Double(settings.warmUpEpochs), Double(settings.epochs))
    if epoch < warm { return settings.learningRate * epoch / warm }
    return settings.learningRate * 0.5 * (1 + cos(.pi * (epoch - warm) / max(all - warm, 1)))
  }

  private mutating func step(
    _ examples: LinearProbe.Examples, _ rows: ArraySlice<Int>, learningRate: Double,
    _ optimizer: inout ProbeOptimizer
  ) {
    let x = examples.gathered(rows, on: device)
    normalize(x)
    let scores = self.scores(x)
    var biasSlope = [Double](repeating: 0, count: classes)
    let share = 1 / Float(rows.count)
    scores.withHostElements { slope in
      for (row, example) in rows.enumerated() {
        let p = slope.baseAddress! + row * classes
        _ = softmax(p, classes)
        p[examples.label(example)] -= 1
        for k in 0..<classes {
          p[k] *= share
          biasSlope[k] += Double(p[k])
        }
      }
    }
    // dW[K, D] = slope' x
    let gradient = Tensor(uninitialized: [classes, width], on: device)
    matrixProduct(
      into: Matrix(gradient), Matrix(scores).transposed, Matrix(x), m: classes, n: width,
      k: rows.count)
    weight.withHostElements { weight in
      gradient.withHostElements { gradient in
        optimizer.update(
          weight.baseAddress!, by: gradient.baseAddress!, &bias, by: biasSlope,
          learningRate: learningRate)
      }
    }
  }

  /// x = (x - mean) / sqrt(variance + epsilon) by the batch's own statistics, which update the
  /// running ones.
  private mutating func normalize(_ x: Tensor) {
    let n = x.rows
    let (means, variances) = columnMoments(x)
    for i in 0..<width {
      mean[i] += Self.momentum * (means[i] - mean[i])
      // The running variance is unbiased.
      let unbiased = variances[i] * Double(n) / Double(max(n - 1, 1))
      variance[i] += Self.momentum * (unbiased - variance[i])
    }
    scale(x, means, variances)
  }

  private func scale(_ x: Tensor, _ mean: [Double], _ variance: [Double]) {
    let factors = variance.map { 1 / ($0 + Self.epsilon).squareRoot() }
    x.withHostElements { values in
      for row in 0..<x.rows {
        for i in 0..<width {
          values[row * width + i] = Float((Double(values[row * width + i]) - mean[i]) * factors[i])
        }
      }
    }
  }

  /// Scores of examples by the running statistics, [rows, K].
  func scores(_ examples: LinearProbe.Examples, _ rows: Range<Int>) -> Tensor {
    let x = examples.gathered(rows, on: device)
    scale(x, mean, variance)
    return scores(x)
  }

  /// x W' + b, [B, K]
  private func scores(_ x: Tensor) -> Tensor {
    let y = Tensor(uninitialized: [x.rows, classes], on: device)
    matrixProduct(
      into: Matrix(y), Matrix(x), Matrix(weight).transposed, m: x.rows, n: classes, k: width,
      bias: Tensor(bias, [classes], on: device))
    return y
  }
}

/// LARS as in MAE's util/lars.py (momentum 0.9, trust 0.001; biases have neither decay nor trust),
/// or AdamW (0.9, 0.999, epsilon 1e-8) with decay on weights only.
private struct ProbeOptimizer {
  private let kind: LinearProbe.Settings.Optimizer
  private let decay: Double
  private var weights: [(first: Double, second: Double)]
  private var biases: [(first: Double, second: Double)]
  private var steps = 0

  init(_ kind: LinearProbe.Settings.Optimizer, decay: Double, weights: Int, biases: Int) {
    (self.kind, self.decay) = (kind, decay)
    self.weights = Array(repeating: (0, 0), count: weights)
    self.biases = Array(repeating: (0, 0), count: biases)
  }

  mutating func update(
    _ weight: UnsafeMutablePointer<Float>, by gradient: UnsafePointer<Float>,
    _ bias: inout [Double], by biasGradient: [Double], learningRate: Double
  ) {
    steps += 1
    switch kind {
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
    case .adamw, .lbfgs:
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
