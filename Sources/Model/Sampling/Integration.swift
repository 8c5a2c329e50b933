// The ways from noise (time 0) to what is drawn (time 1): model.md section 5.

import Configuration

/// Where a velocity is asked for.
enum FlowPoint { case state, ahead }

/// A point on its way, with the velocity that was computed last.
protocol FlowPath {
  /// What an evaluation may end with: a caller who wants no more.
  associatedtype Failure: Error
  /// Computes the guided velocity v at a point and one of the integration's times, by its index.
  func velocity(at point: FlowPoint, time: Int) throws(Failure)
  /// The point ahead = state + step * v.
  func lookAhead(_ step: Double)
  /// state = alpha * state + beta * v.
  func move(_ alpha: Double, _ beta: Double)
  /// state += factor * the noise of a step.
  func addNoise(_ factor: Double, step: Int)
  /// The last step, of length `step` from one of the integration's times: state += step * v, or
  /// the prediction itself where the network predicts x (section 9).
  func finish(time: Int, step: Double) throws(Failure)
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

  /// Evaluations of the network from start to end.
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
