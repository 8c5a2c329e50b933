// L_flow (model.md section 4, 6, and section 9 for predictions of x).

import Autodiff
import Configuration
import Tensor

extension PRAModel {
  /// L_flow of a head at R random points of every path from noise to `target`.
  /// - Parameters:
  ///   - target: the head's target, [batch, N, k]; no gradient flows into it
  ///   - hidden: h' [batch, N, d]
  /// - Returns: the loss, and the head's output [batch * R, N, k]
  func flowLoss(
    _ head: FlowHead, _ target: Tensor, _ hidden: Variable, _ batch: TrainingBatch
  ) -> (Scalar, Variable) {
    let (rows, count, k) = target.dimensions3
    let repeats = configuration.loss.flowRepeat
    let times = exact(
      .normal, batch, count: repeats * count, stream: TrainingStream.flowTime, map: .sigmoid)
    let noise = normals(batch, count: repeats * count * k, stream: TrainingStream.flowNoise)
      .reshaped([rows, repeats, count, k])
    let tape = hidden.tape
    func along(_ times: Tensor) -> Variable {
      interpolated(
        noise: noise, to: tape.constant(target), t: times.reshaped([rows, repeats, count]),
        repeats: repeats)
    }
    let points = along(times.converted(to: type)).reshaped([rows * repeats, count, k])
    let output = head(points, times: times, hidden: hidden, repeats: repeats)
    guard configuration.method.predictsX else {
      let velocity = straightVelocity(noise: noise, to: target, repeats: repeats)
      return (meanSquaredDifference(output, velocity), output)
    }
    // The end of every path: the target, repeated.
    let ends = along(Tensor(repeating: 1, times.shape, type: type, on: device)).value
    return (clampedVelocityLoss(output, ends, times: times), output)
  }

  /// The mean square of (x - target) / max(1 - r, 0.05): both velocities from the same point.
  /// - Parameter times: r, one per row of x, float64
  func clampedVelocityLoss(_ x: Variable, _ target: Tensor, times: Tensor) -> Scalar {
    let factors = times.reciprocalRest(least: leastRemainingTime).converted(to: type)
    return meanSquaredDifference(
      rowsScaled(x, by: factors), target.reshaped(x.shape).rowsScaled(by: factors))
  }
}

/// 1 - t, but not below 0.05, as a predicted x is divided by it (JiT, denoiser.py).
package func remainingTime(_ t: Double) -> Double { max(1 - t, leastRemainingTime) }
private let leastRemainingTime = 0.05
