// Clipping, AdamW and moving averages of one step (model.md section 4, 8).

import Autodiff
import Configuration
import NeuralNetwork
import Tensor

#if canImport(Glibc)
  import Glibc
#endif

extension TrainingConfiguration {
  /// lr(s): linear warm-up, then half a cosine down to lr_min at `total`. Loshchilov & Hutter 2017.
  package func learningRate(at step: Int) -> Double {
    if step < warmup { return lr * min(1, Double(step + 1) / Double(warmup)) }
    if step >= total { return lrMin }
    let turned = Double(step - warmup) / Double(total - warmup)
    return lrMin + (lr - lrMin) / 2 * (1 + cos(.pi * turned))
  }
}

/// Moments of every parameter and moving averages of the weights.
package final class OptimizerState {
  package let parameters: [Parameter]
  package let m: [Tensor]
  package let v: [Tensor]
  package let averages: [MovingAverage]
  private let configuration: TrainingConfiguration

  /// - Parameter parameters: in bytewise order of names, in which norms are summed
  init(_ parameters: [Parameter], _ configuration: TrainingConfiguration) {
    self.parameters = parameters
    self.configuration = configuration
    func zeros(_ like: Parameter) -> Tensor {
      Tensor(repeating: 0, like.value.shape, type: like.value.type, on: like.value.device)
    }
    m = parameters.map(zeros)
    v = parameters.map(zeros)
    averages = configuration.ema.map { MovingAverage(decay: $0, of: parameters) }
  }

  /// The norm of all gradients, one a parameter: nil where no loss reached it.
  static func norm(_ gradients: [Tensor?]) -> Double {
    gradients.reduce(0) { $0 + ($1.map(sumOfSquares) ?? 0) }.squareRoot()
  }

  /// One update of weights, moments and averages at step s.
  func update(_ gradients: [Tensor?], norm: Double, step: Int) {
    let scalars = AdamWScalars(
      gradientScale: min(1, configuration.clip / (norm + 1e-6)),
      learningRate: configuration.learningRate(at: step), beta1: configuration.betas[0],
      beta2: configuration.betas[1], epsilon: configuration.eps, step: step,
      averageDecay: averages.first?.decay(at: step) ?? 0)
    for (i, parameter) in parameters.enumerated() {
      let gradient =
        gradients[i]
        ?? Tensor(
          repeating: 0, parameter.value.shape, type: parameter.value.type,
          on: parameter.value.device)
      parameter.value.updateByAdamW(
        m: m[i], v: v[i], average: averages.first?.values[i], gradient: gradient,
        weightDecay: Self.decays(parameter) ? configuration.weightDecay : 0, scalars)
    }
    for average in averages.dropFirst() { average.update(step: step) }
  }

  /// Weight decay acts on matrices, but not on the two embeddings.
  private static func decays(_ parameter: Parameter) -> Bool {
    parameter.value.shape.count == 2
      && !["trunk.class_embed.weight", "head.position"].contains(parameter.name)
  }
}

/// a = D a + (1 - D) w with D = min(decay, (1 + s)/(10 + s)). Polyak & Juditsky 1992.
package final class MovingAverage {
  package let decay: Double
  private let parameters: [Parameter]
  package let values: [Tensor]

  init(decay: Double, of parameters: [Parameter]) {
    self.decay = decay
    self.parameters = parameters
    values = parameters.map { $0.value.copied() }
  }

  /// D of step s.
  func decay(at step: Int) -> Double { min(decay, Double(1 + step) / Double(10 + step)) }

  func update(step: Int) {
    let d = decay(at: step)
    for (value, parameter) in zip(values, parameters) {
      value.combine(d, value, 1 - d, parameter.value)
    }
  }
}
