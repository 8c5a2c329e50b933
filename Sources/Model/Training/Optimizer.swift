// Clipping, AdamW and moving averages of one step (model.md section 4, 8).

import Autodiff
import CKernels
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

/// Moments of every parameter and moving averages of the weights: all of them, or a rank's part.
package final class OptimizerState {
  package let parameters: [Parameter]
  /// The place of each parameter among these.
  let numbers: [ObjectIdentifier: Int]
  /// The elements of each parameter that are kept and moved here; nil for all.
  let own: [Range<Int>]?
  package let m: [Tensor]
  package let v: [Tensor]
  package let averages: [MovingAverage]
  /// Scalars of the present step, where its operations read and write them.
  package let scalars: DeviceList<StepScalars>
  private let configuration: TrainingConfiguration
  /// D of each average at the present step.
  private let decays: DeviceList<Double>

  /// - Parameters:
  ///   - parameters: in bytewise order of names, which fixes the order in which norms are summed
  ///   - own: the elements of each parameter that are kept and moved here; nil for all
  init(
    _ parameters: [Parameter], _ configuration: TrainingConfiguration, own: [Range<Int>]? = nil
  ) {
    self.parameters = parameters
    numbers = Dictionary(
      uniqueKeysWithValues: parameters.enumerated().map { (ObjectIdentifier($1), $0) })
    self.configuration = configuration
    self.own = own
    let weights = parameters.indices.map { Self.part($0, of: parameters[$0].value, own) }
    m = weights.map(Self.nothing)
    v = weights.map(Self.nothing)
    averages = configuration.ema.map { MovingAverage(decay: $0, of: weights) }
    let device = parameters[0].value.device
    scalars = DeviceList([StepScalars()], on: device)
    decays = DeviceList([Double](repeating: 0, count: max(averages.count, 1)), on: device)
  }

  /// Sends learning rate and decays of a step to the device. Its operations set the rest.
  package func prepare(step: Int) {
    let (beta1, beta2) = (configuration.betas[0], configuration.betas[1])
    var sent = StepScalars()
    sent.learning_rate = configuration.learningRate(at: step)
    (sent.beta1, sent.beta2, sent.epsilon) = (beta1, beta2, configuration.eps)
    sent.correction1 = 1 - power(beta1, step + 1)
    sent.correction2 = 1 - power(beta2, step + 1)
    sent.clip = configuration.clip
    scalars.upload { _ in sent }
    decays.upload { averages.isEmpty ? 0 : averages[$0].decay(at: step) }
  }

  /// The update of weights, moments and averages by gradients, of which one is nil if no loss
  /// reached its parameter. It reads the scalars of its step when it is run.
  /// - Parameter old: the state to start from, if it lies elsewhere; the result is the same bit for
  ///   bit
  package func update(_ gradients: [Tensor?], from old: SnapshotMemory? = nil) -> OptimizerUpdate {
    precondition(old == nil || own == nil, "OptimizerState: a part starts from elsewhere")
    let moved = parameters.indices.filter { m[$0].count > 0 }
    let tensors = moved.map { i in
      let new = AdamWTensors(
        w: part(i, of: parameters[i].value), m: m[i], v: v[i],
        average: averages.first?.values[i])
      let from = old.map {
        AdamWTensors(w: $0.weights[i], m: $0.m[i], v: $0.v[i], average: $0.averages.first?[i])
      }
      let gradient = gradients[i].map { part(i, of: $0) } ?? Self.nothing(new.w)
      return (new: new, old: from ?? new, gradient: gradient)
    }
    return OptimizerUpdate(
      weights: tensors.isEmpty
        ? nil
        : AdamWUpdate(
          tensors, weightDecays: moved.map { weightDecay(parameters[$0]) }, scalars,
          averageDecay: averages.isEmpty ? nil : DeviceNumber(decays, 0)),
      copies: old.map { old in
        averages.indices.dropFirst().flatMap { k in
          Array(zip(averages[k].values, old.averages[k]))
        }
      } ?? [],
      averages: moved.isEmpty
        ? []
        : averages.enumerated().dropFirst().map { k, average in
          AverageUpdate(
            moved.map { (average: average.values[$0], w: part($0, of: parameters[$0].value)) },
            decay: DeviceNumber(decays, k), scalars)
        })
  }

  /// Bytes of the moments and averages that are kept here.
  package var keptBytes: Int {
    (m + v + averages.flatMap(\.values)).reduce(0) { $0 + $1.byteCount }
  }

  /// The tensors of weights, and of averages of them as far as they are kept here, by name.
  private var movedTensors: [(name: String, value: Tensor)] {
    parameters.map { (name: $0.name, value: $0.value) }
      + averages.flatMap { average in
        zip(parameters, average.values).map {
          (name: "\(CheckpointFile.weights(average.decay)).\($0.name)", value: $1)
        }
      }
  }

  /// Number of the first tensor of weights, or of an average of them, with an element that is not finite.
  var firstNonFinite: Int? {
    movedTensors.firstIndex { !$0.value.download().floats.allSatisfy(\.isFinite) }
  }

  /// The name of such a tensor.
  func name(ofTensor number: Int) -> String { movedTensors[number].name }

  /// The elements that are kept and moved here, of a parameter or its gradient.
  func part(_ parameter: Int, of tensor: Tensor) -> Tensor { Self.part(parameter, of: tensor, own) }

  private static func part(_ parameter: Int, of tensor: Tensor, _ own: [Range<Int>]?) -> Tensor {
    own.map { tensor.part(of: $0[parameter]) } ?? tensor
  }

  private static func nothing(_ tensor: Tensor) -> Tensor {
    let nothing = Tensor(like: tensor)
    if nothing.count > 0 { nothing.fill(with: 0) }
    return nothing
  }

  /// Weight decay acts on matrices, but not on the two embeddings.
  private func weightDecay(_ parameter: Parameter) -> Double {
    parameter.value.shape.count == 2
      && !["trunk.class_embed.weight", "head.position"].contains(parameter.name)
      ? configuration.weightDecay : 0
  }
}

/// The operations that move weights, moments and averages by some gradients.
package struct OptimizerUpdate {
  /// Nil where no weight is moved.
  fileprivate let weights: AdamWUpdate?
  /// Averages to copy from elsewhere before they move.
  fileprivate let copies: [(Tensor, Tensor)]
  fileprivate let averages: [AverageUpdate]

  package func run() {
    weights?.run()
    for (value, before) in copies { value.copy(from: before) }
    for average in averages { average.run() }
  }
}

/// a = D a + (1 - D) w with D = min(decay, (1 + s)/(10 + s)). Polyak & Juditsky 1992.
package final class MovingAverage {
  package let decay: Double
  package let values: [Tensor]

  init(decay: Double, of weights: [Tensor]) {
    self.decay = decay
    values = weights.map { $0.count > 0 ? $0.copied() : Tensor(like: $0) }
  }

  /// D at a step.
  func decay(at step: Int) -> Double { min(decay, Double(1 + step) / Double(10 + step)) }
}

/// base^n by squaring.
private func power(_ base: Double, _ n: Int) -> Double {
  var (result, factor, n) = (1.0, base, n)
  while n > 0 {
    if n & 1 == 1 { result *= factor }
    factor *= factor
    n >>= 1
  }
  return result
}
