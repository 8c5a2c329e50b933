// Integration methods from noise (time 0) to the drawn patch or state (time 1): model.md section 5.

import CKernels
import Configuration
import PRAModel

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

  /// The actions of one integration, in order.
  var actions: [FlowStep] {
    var actions: [FlowStep] = []
    func add(_ action: Int, time: Int = 0, _ alpha: Double = 0, _ beta: Double = 0) {
      let evaluates = [FLOW_VELOCITY, FLOW_AHEAD, FLOW_FINISH].contains(action)
      actions.append(
        FlowStep(
          action: Int32(action), time: Int32(time), alpha: alpha, beta: beta,
          rest: evaluates ? remainingTime(times[time]) : 1))
    }
    let dt = 1 / Double(steps)
    switch method {
    case .euler:
      for j in 0..<steps - 1 {
        add(FLOW_VELOCITY, time: j)
        add(FLOW_MOVE, 1, dt)
      }
      add(FLOW_FINISH, time: steps - 1, dt)
    case .heun:
      for j in 0..<steps - 1 {
        add(FLOW_VELOCITY, time: j)
        add(FLOW_LOOK, dt)
        add(FLOW_MOVE, 1, dt / 2)
        add(FLOW_AHEAD, time: j + 1)
        add(FLOW_MOVE, 1, dt / 2)
      }
      add(FLOW_FINISH, time: steps - 1, dt)
    case .sde:
      let dt = (1 - Self.lastStep) / Double(steps)
      for j in 0..<steps {
        let t = times[j]
        add(FLOW_VELOCITY, time: j)
        add(FLOW_MOVE, 1 - dt, (1 + t) * dt)
        add(FLOW_NOISE, time: j + 1, (2 * (1 - t) * dt).squareRoot())
      }
      add(FLOW_FINISH, time: steps, Self.lastStep)
    }
    return actions
  }
}
