// The ways from noise (time 0) to a state (time 1): model.md section 5.

import Configuration

/// Where a velocity is asked for.
enum FlowPoint { case state, ahead }

/// A state on its way, with the velocity that was computed last.
protocol FlowPath {
  /// Computes the guided velocity v at a point and one of the integration's times, by its index.
  func velocity(at point: FlowPoint, time: Int)
  /// The point ahead = state + step * v.
  func lookAhead(_ step: Double)
  /// state = alpha * state + beta * v.
  func move(_ alpha: Double, _ beta: Double)
  /// state += factor * the noise of a step.
  func addNoise(_ factor: Double, step: Int)
}

/// One of the integration methods with its number of steps.
struct Integration {
  /// Times at which the velocity is asked for, in rising order.
  let times: [Double]
  private let method: SamplingMethod
  private let steps: Int
  /// The last step of `sde`, without noise (MAR / SphereAR).
  private static let lastStep = 0.04

  init(_ configuration: SamplingConfiguration) {
    method = configuration.method
    steps = configuration.steps
    let n = configuration.steps
    times =
      method == .sde
      ? (0...n).map { Double($0) * (1 - Self.lastStep) / Double(n) }
      : (0..<n).map { Double($0) / Double(n) }
  }

  func integrate(_ path: some FlowPath) {
    let dt = 1 / Double(steps)
    switch method {
    case .euler:
      for j in 0..<steps {
        path.velocity(at: .state, time: j)
        path.move(1, dt)
      }
    case .heun:
      for j in 0..<steps {
        path.velocity(at: .state, time: j)
        guard j + 1 < steps else {
          path.move(1, dt)
          break
        }
        path.lookAhead(dt)
        path.move(1, dt / 2)
        path.velocity(at: .ahead, time: j + 1)
        path.move(1, dt / 2)
      }
    case .sde:
      let dt = (1 - Self.lastStep) / Double(steps)
      for j in 0..<steps {
        let t = times[j]
        path.velocity(at: .state, time: j)
        path.move(1 - dt, (1 + t) * dt)
        path.addNoise((2 * (1 - t) * dt).squareRoot(), step: j)
      }
      path.velocity(at: .state, time: steps)
      path.move(1, Self.lastStep)
    }
  }
}
