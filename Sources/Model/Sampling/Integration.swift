// Integration methods from noise (time 0) to the drawn patch or state (time 1): model.md section 5.

import Configuration

/// The point at which a velocity is wanted.
enum FlowPoint { case state, ahead }

/// A point on its path, with the velocity that was computed last.
protocol FlowPath {
  /// The error with which an evaluation may stop the integration.
  associatedtype Failure: Error
  /// Computes the guided velocity v at a point; `time` is an index into the integration's times.
  func velocity(at point: FlowPoint, time: Int) throws(Failure)
  /// The point ahead = state + step * v.
  func lookAhead(_ step: Double)
  /// state = alpha * state + beta * v.
  func move(_ alpha: Double, _ beta: Double)
  /// state += factor * the noise of a step.
  func addNoise(_ factor: Double, step: Int)
  /// Takes the last step, of length `step` from one of the integration's times: state += step * v,
  /// or state = the prediction if the network predicts x (section 9).
  func finish(time: Int, step: Double) throws(Failure)
}

/// One of the integration methods with its number of steps.
struct Integration {
  /// Times at which velocities are needed, rising.
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

  /// Number of evaluations of the network.
  var evaluations: Int { method == .heun ? 2 * steps - 1 : times.count }

  func integrate<Path: FlowPath>(_ path: Path) throws(Path.Failure) {
    let dt = 1 / Double(steps)
    switch method {
    case .euler:
      for j in 0..<steps - 1 {
        try path.velocity(at: .state, time: j)
        path.move(1, dt)
      }
      try path.finish(time: steps - 1, step: dt)
    case .heun:
      for j in 0..<steps - 1 {
        try path.velocity(at: .state, time: j)
        path.lookAhead(dt)
        path.move(1, dt / 2)
        try path.velocity(at: .ahead, time: j + 1)
        path.move(1, dt / 2)
      }
      try path.finish(time: steps - 1, step: dt)
    case .sde:
      let dt = (1 - Self.lastStep) / Double(steps)
      for j in 0..<steps {
        let t = times[j]
        try path.velocity(at: .state, time: j)
        path.move(1 - dt, (1 + t) * dt)
        path.addNoise((2 * (1 - t) * dt).squareRoot(), step: j)
      }
      try path.finish(time: steps, step: Self.lastStep)
    }
  }
}
