// From noise to whole images: the method `diffusion` (model.md section 9).

import Autodiff
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

  /// Writes a draw, by its number, of one patch's noise.
  typealias Noise = (
    _ image: Int, _ position: Int, _ draw: Int, _ target: UnsafeMutableRawPointer
  ) -> Void

  /// - Parameters:
  ///   - labels: one per image, followed by as many null classes if there is guidance
  ///   - progress: called with the number of positions times the share of evaluations done
  /// - Returns: [count, N, P]
  func patches(
    _ numbers: [Int], _ labels: [Int32], on tape: Tape, progress: (Double) throws -> Void,
    noise: @escaping Noise
  ) throws -> Tensor {
    try withoutActuallyEscaping(progress) { progress in
      let path = ImagePath(
        self, count: numbers.count, labels, on: tape, progress: progress, noise: noise)
      try integration.integrate(path)
      return path.z
    }
  }

  private final class ImagePath: FlowPath {
    private let integrator: ImageIntegrator
    private let labels: Indices
    private let tape: Tape
    private let progress: (Double) throws -> Void
    private let noise: Noise
    private(set) var z: Tensor
    private var ahead: Tensor
    private var output: Tensor
    private var evaluations = 0

    init(
      _ integrator: ImageIntegrator, count: Int, _ labels: [Int32], on tape: Tape,
      progress: @escaping (Double) throws -> Void, noise: @escaping Noise
    ) {
      self.integrator = integrator
      self.labels = Indices(labels, on: tape.device)
      self.tape = tape
      self.progress = progress
      self.noise = noise
      let sizes = integrator.model.sizes
      z = Tensor(
        uninitialized: [count, sizes.positions, sizes.patchWidth], type: tape.type,
        on: tape.device)
      (ahead, output) = (z, z)
      draw(0, to: z)
    }

    private func draw(_ number: Int, to target: Tensor) {
      let (count, positions, width) = target.dimensions3
      target.device.parallel(count * positions, cost: 40 * width) { [noise] begin, end, _ in
        for row in Int(begin)..<Int(end) {
          noise(row / positions, row % positions, number, target.pointer(at: row * width))
        }
      }
    }

    private func evaluate(at point: Tensor, time: Int) throws {
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
      evaluations += 1
      let share = Double(evaluations) / Double(integrator.integration.evaluations)
      try progress(share * Double(point.shape[1]))
    }

    // MARK: FlowPath

    func velocity(at point: FlowPoint, time: Int) throws {
      let from = point == .state ? z : ahead
      try evaluate(at: from, time: time)
      let factor = 1 / remainingTime(integrator.integration.times[time])
      output = output.combined(factor, -factor, from)
    }

    func lookAhead(_ step: Double) { ahead = z.combined(1, step, output) }

    func move(_ alpha: Double, _ beta: Double) { z = z.combined(alpha, beta, output) }

    func addNoise(_ factor: Double, step: Int) {
      let drawn = Tensor(uninitialized: z.shape, type: z.type, on: z.device)
      draw(step + 1, to: drawn)
      z = z.combined(1, factor, drawn)
    }

    func finish(time: Int, step: Double) throws {
      try evaluate(at: z, time: time)
      z = output
    }
  }
}
