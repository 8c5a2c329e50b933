// Metrics that show when training goes wrong.

import Autodiff
import Configuration
import PRAModel
import Tensor

#if canImport(Glibc)
  import Glibc
#endif

/// Counts spikes of the loss, and measures states that collapse and errors that are fed back.
struct Diagnostics {
  /// Steps between two measurements of the states.
  static let interval = 50
  /// A loss above this many times its running mean is a spike.
  private static let spikeFactor = 2.0
  /// Decay of the running mean.
  private static let decay = 0.98
  /// Number of losses after which the mean is trusted.
  private static let patience = 50

  private var mean = 0.0
  private var seen = 0
  private var spikes = 0

  /// `loss.spikes`: steps of this attempt whose loss was above twice its running mean.
  mutating func spikes(after loss: Double) -> Double {
    if seen >= Self.patience, loss > Self.spikeFactor * mean { spikes += 1 }
    if loss.isFinite {
      // A plain mean of the first losses, until the decay takes over.
      let keep = min(Self.decay, Double(seen) / Double(seen + 1))
      mean = keep * mean + (1 - keep) * loss
      seen += 1
    }
    return Double(spikes)
  }

  /// Measures the states of a step's images by its reconstruction pass.
  /// - `state.norm`: root mean square of |z|
  /// - `state.rank`: (tr C)^2 / tr C^2 of the states' covariance, from 1 (collapsed) to k
  /// - `reconstruction.psnr`: quality of the decoding from perturbed states, in decibels
  static func states(
    _ activations: StepActivations, patches: Tensor
  ) -> [(name: String, value: Double)] {
    guard let states = activations["states"], let decoded = activations["decoded"]
    else { return [] }
    let (norm, rank) = spread(states)
    return [
      ("state.norm", norm), ("state.rank", rank),
      ("reconstruction.psnr", decibels(meanSquare(decoded, patches))),
    ]
  }

  /// Errors of the patches that are fed back, as root mean squares over pixels in [-1, 1].
  /// - `feedback.perturbed`: training's input to the AR pass of `pra`, decoded from perturbed
  ///   states
  /// - `feedback.sampled`: sampling's input, decoded from states that the head draws
  /// - `feedback.ratio`: the first over the second; it guides the choice of `perturb.t_min`
  static func feedback(
    _ activations: StepActivations, of batch: TrainingBatch, _ model: PRAModel
  ) -> [(name: String, value: Double)] {
    guard let decoded = activations["decoded"], let hidden = activations["hidden"] else {
      return []
    }
    var sums = (perturbed: 0.0, sampled: 0.0)
    // In small parts: a measurement must not need as much memory as a step.
    for first in stride(from: 0, to: batch.count, by: 8) {
      let rows = first..<min(first + 8, batch.count)
      let part = batch.slice(rows)
      guard let sampled = model.sampledDecoding(part, hidden: hidden.slice(rows)) else {
        return []
      }
      sums.perturbed += Double(rows.count) * meanSquare(decoded.slice(rows), part.patches)
      sums.sampled += Double(rows.count) * meanSquare(sampled, part.patches)
    }
    let errors = [sums.perturbed, sums.sampled].map { ($0 / Double(batch.count)).squareRoot() }
    return [
      ("feedback.perturbed", errors[0]), ("feedback.sampled", errors[1]),
      ("feedback.ratio", errors[0] / errors[1]),
    ]
  }

  /// 10 log10(4 / error) for pixels in [-1, 1].
  static func decibels(_ error: Double) -> Double { 10 * log10(4 / error) }

  static func meanSquare(_ a: Tensor, _ b: Tensor) -> Double {
    let (a, b) = (a.download(), b.download())
    var sum = 0.0
    for i in 0..<a.count {
      let difference = a[i] - b[i]
      sum += difference * difference
    }
    return sum / Double(max(a.count, 1))
  }

  /// Root mean square of |z| and effective rank of the covariance over rows.
  private static func spread(_ states: Tensor) -> (norm: Double, rank: Double) {
    let (rows, k) = (states.rows, states.width)
    let numbers = states.download()
    var mean = [Double](repeating: 0, count: k)
    var products = [Double](repeating: 0, count: k * k)
    for r in 0..<rows {
      for i in 0..<k {
        let z = numbers[r * k + i]
        mean[i] += z / Double(rows)
        for j in 0...i { products[i * k + j] += z * numbers[r * k + j] / Double(rows) }
      }
    }
    let square = (0..<k).reduce(0) { $0 + products[$1 * k + $1] }
    var (trace, squares) = (0.0, 0.0)
    for i in 0..<k {
      for j in 0...i {
        let covariance = products[i * k + j] - mean[i] * mean[j]
        squares += (i == j ? 1 : 2) * covariance * covariance
        if i == j { trace += covariance }
      }
    }
    return (square.squareRoot(), squares > 0 ? trace * trace / squares : 0)
  }
}
