// The patches that sampling would feed back, to compare with those of training's perturbation.

import Autodiff
import Configuration
import NeuralNetwork
import Tensor

extension PRAModel {
  /// Patches D(Norm(z)) of states z that the head draws at every position, given the hidden states
  /// of a training step: `rollout.steps` Euler steps of the flow, from the step's own noise e_i at
  /// t = 0 to 1, without guidance. Sampling would feed these back after a prefix of training data;
  /// here all positions are computed at once, and the decoder sees only the drawn states. Nil for a
  /// method without states.
  /// - Parameters:
  ///   - batch: the step's images
  ///   - hidden: h' of the AR pass, [batch, N, d]
  /// - Returns: [batch, N, P], not clamped
  package func sampledDecoding(_ batch: TrainingBatch, hidden: Tensor) -> Tensor? {
    guard case .states(let parts) = generator else { return nil }
    let (rows, count) = (batch.count, sizes.positions)
    let tape = Tape(on: device, type: type, products: products, recording: false)
    let hidden = tape.constant(hidden)
    let noise = normals(
      batch, count: count * sizes.stateWidth, stream: TrainingStream.perturbationNoise)
    var z = tape.constant(noise.reshaped([rows, count, sizes.stateWidth]))
    let steps = configuration.rollout.steps
    let length = Tensor(
      [Double](repeating: 1 / Double(steps), count: rows * count), [rows * count], type: type,
      on: device)
    for j in 0..<steps {
      let times = Tensor(
        [Double](repeating: Double(j) / Double(steps), count: rows * count), [rows * count],
        type: .float64, on: device)
      z = add(z, rowsScaled(parts.head(z, times: times, hidden: hidden, repeats: 1), by: length))
    }
    return parts.decoder(normalizedState(z, configuration.state.norm), hidden: hidden).value
  }
}
