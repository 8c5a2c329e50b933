// Integration from noise to states: the evaluations of the head, which are most of the work of
// sampling.

import NeuralNetwork
import PRAModel
import Tensor

/// Integrates the flow head's velocity for a batch of images at one position (model.md section 5).
struct StateIntegrator {
  private let head: PackedResidualMLP
  private let integration: Integration
  /// [1, w] for each time of the integration.
  private let times: [Tensor]
  private let predictsX: Bool

  /// Images that a thread integrates together: their activations fit in its L2 cache.
  private static let round = 32
  /// Number of rows from which a thread reads all weights by itself.
  private static let rowsForAll = 24
  /// Number of weights that fit in an L2 cache beside the activations.
  private static let fewWeights = 512 * 1024
  /// Rows, of several times, whose modulations are computed together if threads share the weights,
  /// so that these are read once. A thread that integrates by itself has enough rows.
  private static let modulatedRows = 128

  /// - Parameter predictsX: whether the head's output is the end of the path, not its velocity
  init(
    _ head: PackedResidualMLP, _ integration: Integration, times: [Tensor], predictsX: Bool
  ) {
    self.predictsX = predictsX
    self.head = head
    self.integration = integration
    self.times = times
  }

  /// Writes a draw of an image's noise: draw 0 is its start, j + 1 the noise of step j.
  typealias Noise = (_ image: Int, _ draw: Int, _ target: UnsafeMutableRawPointer) -> Void

  /// - Parameters:
  ///   - condition: [count or 2 count, 1, w]; the null half follows the conditional one
  ///   - scale: guidance scale; 1 if there is no null half
  /// - Returns: states before their norm, [count, 1, k]
  func states(
    count: Int, condition: Tensor, scale: Double, noise: @escaping Noise
  ) -> Tensor {
    let (device, type) = (condition.device, condition.type)
    let halves = condition.rows / max(count, 1)
    let z = Tensor(uninitialized: [count, 1, head.inputs], type: type, on: device)
    let perThread = (count + device.threads - 1) / device.threads
    let shared =
      count < device.threads || device.threads == 1
      || (halves * perThread < Self.rowsForAll && head.weightCount > Self.fewWeights)
    let round = shared ? count : min(perThread, Self.round)
    let together =
      shared ? min(max(Self.modulatedRows / max(halves * round, 1), 1), times.count) : 1
    let workspace = Workspace(
      head, rows: halves * round, times: together, images: round,
      threads: shared ? 1 : device.threads, type: type, on: device)
    func integrate(_ first: Int, _ last: Int, _ thread: Int) {
      let chunk = Chunk(
        integrator: self, images: first..<last, of: count, halves: halves, scale: scale,
        condition: condition, z: z, noise: noise, memory: workspace.memory(of: thread),
        together: together, shared: shared)
      chunk.integrate()
    }
    if shared {
      integrate(0, count, 0)
    } else {
      device.parallel(count, cost: head.weightCount * times.count) { begin, end, thread in
        for first in stride(from: Int(begin), to: Int(end), by: round) {
          integrate(first, min(first + round, Int(end)), thread)
        }
      }
    }
    return z
  }

  /// Memory of one position's integration, for each thread.
  private struct Workspace {
    private let tensor: Tensor

    init(
      _ head: PackedResidualMLP, rows: Int, times: Int, images: Int, threads: Int,
      type: ElementType, on device: Device
    ) {
      let perRow = head.workspacePerRow + head.width + head.inputs + head.outputs
      let perTime = head.width + head.modulationWidth
      let each = rows * (perRow + times * perTime) + 2 * images * head.inputs
      tensor = Tensor(
        uninitialized: [threads, (each + 15) / 16 * 16], type: type, on: device)
    }

    func memory(of thread: Int) -> UnsafeMutableRawPointer {
      tensor.pointer(at: thread * tensor.width)
    }
  }

  /// The images of one round, integrated together.
  private final class Chunk: FlowPath {
    typealias Failure = Never

    let integrator: StateIntegrator
    let images: Range<Int>
    let halves: Int
    let scale: Double
    let noise: Noise
    let loops: RowLoops
    /// The chunk's rows of the result, [images, k].
    let z: UnsafeMutableRawPointer
    let conditions, modulations, inputs, outputs, ahead, drawn: UnsafeMutableRawPointer
    let workspace: UnsafeMutableRawPointer
    /// Number of times whose modulations are computed together.
    let together: Int
    /// The times whose modulations are there.
    var modulated = 0..<0

    private var k: Int { integrator.head.inputs }

    init(
      integrator: StateIntegrator, images: Range<Int>, of count: Int, halves: Int, scale: Double,
      condition: Tensor, z: Tensor, noise: @escaping Noise, memory: UnsafeMutableRawPointer,
      together: Int, shared: Bool
    ) {
      self.integrator = integrator
      self.images = images
      self.halves = halves
      self.scale = scale
      self.noise = noise
      let head = integrator.head
      let size = z.type.size
      let rows = halves * images.count
      loops = RowLoops(rows: rows, type: z.type, on: z.device, shared: shared)
      self.z = z.pointer(at: images.lowerBound * head.inputs)
      workspace = memory
      conditions = workspace + rows * head.workspacePerRow * size
      modulations = conditions + rows * head.width * size
      self.together = together
      inputs = modulations + together * rows * (head.width + head.modulationWidth) * size
      outputs = inputs + rows * head.inputs * size
      ahead = outputs + rows * head.outputs * size
      drawn = ahead + images.count * head.inputs * size
      // Both halves of these images follow each other.
      let bytes = images.count * head.width * size
      for half in 0..<halves {
        (conditions + half * bytes).copyMemory(
          from: condition.pointer(at: (half * count + images.lowerBound) * head.width),
          byteCount: bytes)
      }
    }

    func integrate() {
      draw(0, to: z)
      integrator.integration.integrate(self)
    }

    private func draw(_ number: Int, to target: UnsafeMutableRawPointer) {
      for (row, image) in images.enumerated() {
        noise(image, number, target + row * k * loops.type.size)
      }
    }

    // MARK: FlowPath

    func velocity(at point: FlowPoint, time: Int) {
      let from = point == .state ? z : ahead
      evaluate(at: from, time: time)
      guard integrator.predictsX else { return }
      let factor = 1 / remainingTime(integrator.integration.times[time])
      loops.combine(outputs, factor, outputs, -factor, from, width: k, count: images.count)
    }

    /// The guided output of the head.
    private func evaluate(at from: UnsafeMutableRawPointer, time: Int) {
      let bytes = images.count * k * loops.type.size
      for half in 0..<halves {
        (inputs + half * bytes).copyMemory(from: from, byteCount: bytes)
      }
      integrator.head.evaluate(
        loops, into: outputs, inputs, modulations: modulations(at: time), workspace: workspace)
      guard halves == 2 else { return }
      loops.combine(
        outputs, scale, outputs, 1 - scale, outputs + bytes, width: k, count: images.count)
    }

    /// Modulations [rows, modulationWidth]. Times come in rising order, so several are computed
    /// together.
    private func modulations(at time: Int) -> UnsafeRawPointer {
      let (head, size) = (integrator.head, loops.type.size)
      if !modulated.contains(time) {
        modulated = time..<min(time + together, integrator.times.count)
        head.modulations(
          loops, into: modulations, condition: conditions,
          times: modulated.map { UnsafeRawPointer(integrator.times[$0].pointer) },
          workspace: modulations + together * loops.rows * head.modulationWidth * size)
      }
      return UnsafeRawPointer(
        modulations + (time - modulated.lowerBound) * loops.rows * head.modulationWidth * size)
    }

    func lookAhead(_ step: Double) {
      loops.combine(ahead, 1, z, step, outputs, width: k, count: images.count)
    }

    func move(_ alpha: Double, _ beta: Double) {
      loops.combine(z, alpha, z, beta, outputs, width: k, count: images.count)
    }

    func finish(time: Int, step: Double) {
      evaluate(at: z, time: time)
      if integrator.predictsX {
        z.copyMemory(from: outputs, byteCount: images.count * k * loops.type.size)
      } else {
        move(1, step)
      }
    }

    func addNoise(_ factor: Double, step: Int) {
      draw(step + 1, to: drawn)
      loops.combine(z, 1, z, factor, drawn, width: k, count: images.count)
    }
  }
}
