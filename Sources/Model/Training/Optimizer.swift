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
  private let scalars: AdamWScalars

  /// - Parameter parameters: in bytewise order of names, which fixes the order in which norms are
  ///   summed
  init(_ parameters: [Parameter], _ configuration: TrainingConfiguration) {
    self.parameters = parameters
    self.configuration = configuration
    m = parameters.map(Self.nothing)
    v = parameters.map(Self.nothing)
    averages = configuration.ema.map { MovingAverage(decay: $0, of: parameters) }
    scalars = AdamWScalars(
      gradientScale: 1, learningRate: 0, beta1: configuration.betas[0],
      beta2: configuration.betas[1], epsilon: configuration.eps, step: 0)
  }

  /// Sets learning rate, clipping and decays for a step.
  /// - Parameter norm: norm of all gradients
  package func prepare(norm: Double, step: Int) {
    scalars.gradientScale = min(1, configuration.clip / (norm + 1e-6))
    scalars.learningRate = configuration.learningRate(at: step)
    scalars.step = step
    scalars.averageDecay = averages.first?.decay(at: step) ?? 0
  }

  /// Updates weights, moments and averages once, with the scalars that `prepare` set. A gradient is
  /// nil if no loss reached its parameter.
  /// - Parameter old: the state to start from, if it lies elsewhere; the result is the same bit for
  ///   bit
  package func update(_ gradients: [Tensor?], from old: SnapshotMemory? = nil) {
    for (i, parameter) in parameters.enumerated() {
      parameter.value.updateByAdamW(
        m: m[i], v: v[i], average: averages.first?.values[i],
        gradient: gradients[i] ?? Self.nothing(parameter), weightDecay: weightDecay(parameter),
        scalars, from: old.map { ($0.weights[i], $0.m[i], $0.v[i], $0.averages.first?[i]) })
    }
    for (k, average) in averages.enumerated().dropFirst() {
      if let old {
        for (value, before) in zip(average.values, old.averages[k]) { value.copy(from: before) }
      }
      average.update(scalars)
    }
  }

  /// The name of a tensor of weights, or of an average of them, with an element that is not finite.
  var firstNonFinite: String? {
    let weights = parameters.map { (name: $0.name, value: $0.value) }
    let averaged = averages.flatMap { average in
      zip(parameters, average.values).map {
        (name: "\(CheckpointFile.weights(average.decay)).\($0.name)", value: $1)
      }
    }
    return (weights + averaged).first { !$0.value.doubles.allSatisfy(\.isFinite) }?.name
  }

  private static func nothing(_ parameter: Parameter) -> Tensor {
    let value = parameter.value
    return Tensor(repeating: 0, value.shape, type: value.type, on: value.device)
  }

  /// Weight decay acts on matrices, but not on the two embeddings.
  private func weightDecay(_ parameter: Parameter) -> Double {
    parameter.value.shape.count == 2
      && !["trunk.class_embed.weight", "head.position"].contains(parameter.name)
      ? configuration.weightDecay : 0
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

  /// D at a step.
  func decay(at step: Int) -> Double { Self.decay(decay, at: step) }

  private static func decay(_ most: Double, at step: Int) -> Double {
    min(most, Double(1 + step) / Double(10 + step))
  }

  func update(_ scalars: AdamWScalars) {
    let decay = decay
    for (value, parameter) in zip(values, parameters) {
      value.average(decay: { Self.decay(decay, at: scalars.step) }, of: parameter.value)
    }
  }
}
