// Signs that training goes wrong, as metrics.

import Autodiff
import Configuration
import PRAModel
import Tensor

#if canImport(Glibc)
  import Glibc
#endif

/// Whether losses jump and states collapse.
struct Diagnostics {
  /// Steps between two looks at the states.
  static let interval = 50
  /// A loss above this many times its running mean is a spike.
  private static let spikeFactor = 2.0
  /// Of the running mean.
  private static let decay = 0.98
  /// Losses after which the mean is trusted.
  private static let patience = 50

  private var mean = 0.0
  private var seen = 0
  private var spikes = 0

  /// `loss.spikes`: steps since this attempt began whose loss was above twice its running mean.
  mutating func spikes(after loss: Double) -> Double {
    if seen >= Self.patience, loss > Self.spikeFactor * mean { spikes += 1 }
    if loss.isFinite {
      // From the first loss on, the mean of what was seen until the decay takes over.
      let keep = min(Self.decay, Double(seen) / Double(seen + 1))
      mean = keep * mean + (1 - keep) * loss
      seen += 1
    }
    return Double(spikes)
  }

  /// What the reconstruction pass says about the states of a step's images.
  /// - `state.norm`: root mean square of |z|
  /// - `state.rank`: (tr C)^2 / tr C^2 of the states' covariance, from 1 (collapsed) to k
  /// - `reconstruction.psnr`: of the perturbed decoding, in decibels
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

  /// How wrong fed patches are, as root mean squares over pixels in [-1, 1].
  /// - `feedback.perturbed`: what the AR pass of `pra` reads, decoded from perturbed states
  /// - `feedback.sampled`: what sampling reads, decoded from states that the head draws
  /// - `feedback.ratio`: the first over the second; `perturb.t_min` is chosen by it
  static func feedback(
    _ activations: StepActivations, of batch: TrainingBatch, _ model: PRAModel
  ) -> [(name: String, value: Double)] {
    guard let decoded = activations["decoded"], let hidden = activations["hidden"] else {
      return []
    }
    var sums = (perturbed: 0.0, sampled: 0.0)
    // A few images at once: a look at the states must not take the memory of a step.
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
    var mean = [Double](repeating: 0, count: k)
    var products = [Double](repeating: 0, count: k * k)
    for r in 0..<rows {
      for i in 0..<k {
        let z = states[r * k + i]
        mean[i] += z / Double(rows)
        for j in 0...i { products[i * k + j] += z * states[r * k + j] / Double(rows) }
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
