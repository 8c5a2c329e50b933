// Reads the batches of the next steps ahead of training.

import Tensor
import Threads

/// Loads batches on a thread of its own: reading, crop and flip of the next images go on beside the step.
/// The numbers are those that a loader without a thread gives. Sendable because its state is behind a monitor.
package final class BatchReader: Sendable {
  /// Batches that are ready before they are asked for: one that is read while another is used, and one
  /// to even out the disk.
  private static let ahead = 2

  private struct Loaded {
    let step: Int
    let batch: ImageBatch
    let numbers: [Float]
  }

  private struct State {
    var ready: [Loaded] = []
    /// Memory of batches that were taken.
    var free: [[Float]] = []
    var failure: (any Error)?
    var isOver = false
  }

  private let state = Monitor(State())

  /// - Parameters:
  ///   - steps: the steps whose batches are taken, in this order
  ///   - require: called on the thread before the images of a batch are read; waits until they are there
  /// - Throws: `ThreadError`
  package init(
    _ loader: ImageLoader, steps: ClosedRange<Int>,
    require: @escaping @Sendable (_ images: [Int]) throws -> Void = { _ in }
  ) throws {
    let state = state
    try DedicatedThread("loader") {
      var loader = loader
      for step in steps {
        let memory: [Float]?? = state.wait { state in
          if state.isOver { return .some(nil) }
          guard state.ready.count < Self.ahead else { return nil }
          return .some(state.free.popLast() ?? [])
        }
        guard case .some(.some(var numbers)) = memory else { return }
        let batch = loader.batch(step: step)
        do {
          try require(batch.images)
        } catch {
          state.update { $0.failure = error }
          return
        }
        if numbers.isEmpty { numbers = [Float](repeating: 0, count: loader.length) }
        numbers.withUnsafeMutableBufferPointer { loader.fill($0, with: batch, step: step) }
        let loaded = Loaded(step: step, batch: batch, numbers: numbers)
        state.update { $0.ready.append(loaded) }
      }
    }
  }

  deinit { state.update { $0.isOver = true } }

  /// Takes the batch of the next step, whose pixels it writes to where the model reads them.
  /// - Parameters:
  ///   - target: [batch, ...] in float32, an image after the other
  ///   - isStopped: asked every tenth of a second of waiting
  /// - Returns: the images, and the seconds waited for them; nil if it was stopped first
  /// - Throws: the error of `require`
  package func next(
    step: Int, into target: Tensor, isStopped: () -> Bool = { false }
  ) throws -> (batch: ImageBatch, waited: Double)? {
    let start = monotonicSeconds()
    while true {
      let outcome: Result<Loaded, any Error>? = state.wait(until: monotonicSeconds() + 0.1) {
        if !$0.ready.isEmpty { return .success($0.ready.removeFirst()) }
        return $0.failure.map { .failure($0) }
      }
      guard let loaded = try outcome?.get() else {
        if isStopped() { return nil }
        continue
      }
      precondition(loaded.step == step, "BatchReader: step \(step), not \(loaded.step)")
      target.writeOnHost { numbers in
        precondition(numbers.count == loaded.numbers.count, "BatchReader: \(target.shape)")
        loaded.numbers.withUnsafeBufferPointer {
          numbers.baseAddress!.update(from: $0.baseAddress!, count: numbers.count)
        }
      }
      // Wakes the thread: there is room again.
      state.update { $0.free.append(loaded.numbers) }
      return (loaded.batch, monotonicSeconds() - start)
    }
  }
}
