// From noise to whole images: the method `diffusion` (model.md section 9).

import Autodiff
import CKernels
import PRAModel
import Tensor

/// Integrates all patches of a batch of images together.
struct ImageIntegrator {
  private let model: PRAModel
  private let denoiser: ImageDenoiser
  private let integration: Integration
  /// Constant over positions, whatever the schedule, since positions have no order here.
  private let scale: Double

  init(
    _ model: PRAModel, _ denoiser: ImageDenoiser, _ integration: Integration, scale: Double
  ) {
    self.model = model
    self.denoiser = denoiser
    self.integration = integration
    self.scale = scale
  }

  /// - Parameters:
  ///   - labels: one per image, followed by as many null classes if there is guidance
  ///   - progress: called with the number of positions times the share of evaluations done
  /// - Returns: [count, N, P]
  func patches(
    _ numbers: DeviceList<UInt32>, _ labels: [Int32], _ random: Philox, on tape: Tape,
    progress: (Double) throws -> Void
  ) throws -> Tensor {
    var path = ImagePath(self, numbers, labels, random, on: tape)
    var evaluations = 0
    for action in integration.actions where path.take(action) {
      evaluations += 1
      let share = Double(evaluations) / Double(integration.evaluations)
      try progress(share * Double(model.sizes.positions))
    }
    return path.z
  }

  /// The images on their way, with the output that was computed last.
  private struct ImagePath {
    private let integrator: ImageIntegrator
    private let numbers: DeviceList<UInt32>
    private let labels: Indices
    private let random: Philox
    private let tape: Tape
    private(set) var z: Tensor
    private var ahead: Tensor
    private var output: Tensor

    init(
      _ integrator: ImageIntegrator, _ numbers: DeviceList<UInt32>, _ labels: [Int32],
      _ random: Philox, on tape: Tape
    ) {
      self.integrator = integrator
      (self.numbers, self.random, self.tape) = (numbers, random, tape)
      self.labels = Indices(labels, on: tape.device)
      let sizes = integrator.model.sizes
      z = Tensor(
        uninitialized: [numbers.count, sizes.positions, sizes.patchWidth], type: tape.type,
        on: tape.device)
      (ahead, output) = (z, z)
      draw(0, to: z)
    }

    /// Takes one action of an integration.
    /// - Returns: whether the network was evaluated
    mutating func take(_ action: FlowStep) -> Bool {
      switch Int(action.action) {
      case FLOW_VELOCITY, FLOW_AHEAD:
        let from = Int(action.action) == FLOW_VELOCITY ? z : ahead
        evaluate(at: from, time: Int(action.time))
        output = output.combined(1 / action.rest, -(1 / action.rest), from)
        return true
      case FLOW_LOOK: ahead = z.combined(1, action.alpha, output)
      case FLOW_MOVE: z = z.combined(action.alpha, action.beta, output)
      case FLOW_NOISE:
        let drawn = Tensor(like: z)
        draw(Int(action.time), to: drawn)
        z = z.combined(1, action.alpha, drawn)
      default:
        evaluate(at: z, time: Int(action.time))
        z = output
        return true
      }
      return false
    }

    private func draw(_ number: Int, to target: Tensor) {
      let (count, positions, _) = target.dimensions3
      target.draw(
        .normal, random, stream: ImageNoise.stream,
        RandomCounters(
          firstA: UInt32(number), strideA: UInt32(ImageNoise.draws), numbers: numbers,
          together: positions), rows: count * positions)
    }

    private mutating func evaluate(at point: Tensor, time: Int) {
      let count = point.shape[0]
      let halves = labels.count / count
      let t = integrator.integration.times[time]
      let x = integrator.denoiser(
        integrator.model.trunk, labels,
        tape.constant(.stacked([Tensor](repeating: point, count: halves))),
        times: Tensor(repeating: t, [labels.count], type: .float64, on: tape.device)
      ).value
      let scale = integrator.scale
      output =
        halves == 1
        ? x : x.slice(0..<count).combined(scale, 1 - scale, x.slice(count..<2 * count))
    }
  }
}
