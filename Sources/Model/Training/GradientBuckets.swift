// Gradients in the order in which a backward pass completes them, in pieces that ranks can exchange meanwhile.

import Autodiff
import Tensor

/// Memory for the gradients of all parameters, filled one after the other, and its division into buckets.
final class GradientBuckets {
  /// Elements of one row of the operations that add.
  static let width = 64

  private let memory: Tensor
  /// Each gradient has a multiple of so many elements, as every bucket has: one row for each rank.
  private let unit: Int
  /// Elements from which on a bucket is closed.
  private let least: Int
  private var filled = 0
  /// Elements of the memory, one range after the other.
  private(set) var ranges: [Range<Int>] = []

  /// - Parameters:
  ///   - parameters: of float32, all that may have gradients
  ///   - bytes: of gradients from which on a bucket is closed
  init(_ parameters: [Parameter], ranks: Int, bytes: Int, on device: Device) {
    precondition(!device.isRecording, "GradientBuckets: a program is being recorded")
    unit = ranks * Self.width
    least = max(bytes / ElementType.float32.size, 1)
    let unit = unit
    let count = parameters.reduce(0) { $0 + Self.filledUp($1.value.count, unit) }
    memory = Tensor(repeating: 0, [count / Self.width, Self.width], on: device)
  }

  /// Puts a gradient behind those before it, and sets a mark in the program behind it if it fills a bucket.
  /// - Returns: the copy, in which the exchange leaves the sum of all ranks
  func add(_ gradient: Tensor) -> Tensor {
    precondition(gradient.type == .float32, "GradientBuckets: a gradient of \(gradient.type)")
    let kept = memory.part(from: filled, gradient.shape)
    kept.copy(from: gradient)
    filled += Self.filledUp(gradient.count, unit)
    if filled - closed >= least { close() }
    return kept
  }

  /// Closes the last bucket; called behind the last gradient.
  func finish() { if filled > closed { close() } }

  /// The elements of a bucket.
  func bucket(_ number: Int) -> Tensor {
    let range = ranges[number]
    return memory.part(from: range.lowerBound, [range.count / Self.width, Self.width])
  }

  private var closed: Int { ranges.last?.upperBound ?? 0 }

  private func close() {
    ranges.append(closed..<filled)
    memory.device.mark()
  }

  private static func filledUp(_ count: Int, _ unit: Int) -> Int {
    (count + unit - 1) / unit * unit
  }
}
