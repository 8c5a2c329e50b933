// Convolutions and pooling without gradients that write directly into a concatenation, so that
// networks with branches, such as Inception, join them without a copy.

import CKernels
import Tensor

/// The target of a branch: columns `column...` of images that may have more channels.
package struct ImageColumns {
  package let images: Tensor
  package let column: Int

  package init(_ images: Tensor, column: Int = 0) {
    (self.images, self.column) = (images, column)
  }

  /// Writes max(x, 0) of images with as many pixels into these columns.
  package func take(relu x: Tensor) {
    precondition(x.rows == images.rows && column + x.width <= images.width, "take: \(x.shape)")
    let (clip, size, width, all) = (x.kernels.pointee.relu!, x.type.size, x.width, images.width)
    let (from, to) = (x.pointer, images.pointer(at: column))
    x.device.parallel(x.rows, cost: width) { begin, end, _ in
      for row in Int(begin)..<Int(end) {
        clip(to + row * all * size, from + row * width * size, Int64(width), 0, 1)
      }
    }
  }

  /// Copies x into these columns.
  package func take(_ x: Tensor) {
    precondition(x.rows == images.rows && column + x.width <= images.width, "take: \(x.shape)")
    let (copy, width, all) = (x.kernels.pointee.copy_block!, Int64(x.width), Int64(images.width))
    let (from, to) = (x.pointer, images.pointer(at: column))
    x.device.parallel(x.rows, cost: x.width) { begin, end, _ in
      copy(to, all, all, from, width, width, 1, width, 0, begin, end)
    }
  }
}

extension FrozenConvolution {
  /// New images for this convolution's result on x.
  package func output(for x: Tensor) -> Tensor {
    let shape = window.shape(of: x)
    return Tensor(
      uninitialized: [x.shape[0], Int(shape.out_height), Int(shape.out_width), outputs],
      type: x.type, on: x.device)
  }

  /// max(x * w + b, 0), for inference.
  package func infer(_ x: Tensor) -> Tensor {
    let y = output(for: x)
    infer(x, into: ImageColumns(y))
    return y
  }

  /// Writes max(x * w + b, 0) into columns of a concatenation, for inference. Equal to the recorded
  /// convolution bit for bit.
  package func infer(_ x: Tensor, into target: ImageColumns) {
    let shape = window.shape(of: x)
    precondition(
      x.width == inputs
        && target.images.rows == x.shape[0] * Int(shape.out_height * shape.out_width),
      "convolution: \(x.shape) into \(target.images.shape)")
    let depth = forward.inputs
    let run = Self.run(depth)
    let scratch = Tensor(
      uninitialized: [x.device.threads, run * depth], type: x.type, on: x.device)
    let (gather, from, pixels) = (x.kernels.pointee.gather_windows!, x.pointer, target.images.rows)
    Self.forRuns(of: run, pixels: pixels, cost: depth * outputs, x.device) { first, last, thread in
      let windows = scratch.pointer(at: thread * run * depth)
      withUnsafePointer(to: shape) { gather(windows, from, $0, Int64(first), Int64(last)) }
      product(windows, depth, first..<last, target, relu: true)
    }
  }

  /// Several 1x1 convolutions of the same images, which are read from memory only once.
  /// - Parameter branches: each with its target, and whether max(_, 0) is applied
  package static func pointwise(
    _ x: Tensor, _ branches: [(convolution: FrozenConvolution, target: ImageColumns, relu: Bool)]
  ) {
    for (convolution, target, _) in branches {
      precondition(
        convolution.window.kernel == (1, 1) && convolution.window.stride == (1, 1)
          && convolution.inputs == x.width && target.images.rows == x.rows,
        "pointwise: \(x.shape) into \(target.images.shape)")
    }
    let (from, width, size) = (x.pointer, x.width, x.type.size)
    let outputs = branches.reduce(0) { $0 + $1.convolution.outputs }
    forRuns(of: run(width), pixels: x.rows, cost: width * outputs, x.device) { first, last, _ in
      for (convolution, target, relu) in branches {
        convolution.product(
          from + first * width * size, width, first..<last, target, relu: relu)
      }
    }
  }

  /// Number of pixels whose windows fit in the L2 cache together.
  private static func run(_ depth: Int) -> Int { max(12, min(480, 150_000 / depth / 12 * 12)) }

  private static func forRuns(
    of run: Int, pixels: Int, cost: Int, _ device: Device,
    _ body: @escaping (_ first: Int, _ last: Int, _ thread: Int) -> Void
  ) {
    device.parallel((pixels + run - 1) / run, cost: run * cost) { begin, end, thread in
      for number in Int(begin)..<Int(end) {
        body(number * run, min(number * run + run, pixels), thread)
      }
    }
  }

  /// Multiplies rows of windows by the weights, into their pixels of the target.
  private func product(
    _ windows: UnsafeRawPointer, _ depth: Int, _ pixels: Range<Int>, _ target: ImageColumns,
    relu: Bool
  ) {
    let images = target.images
    precondition(target.column + outputs <= images.width, "convolution: \(images.shape)")
    let to = images.pointer(at: pixels.lowerBound * images.width + target.column)
    forward.multiply(into: to, row: images.width, windows, row: depth, rows: pixels.count)
    guard relu else { return }
    let (clip, step) = (images.kernels.pointee.relu!, images.width * images.type.size)
    for row in 0..<pixels.count {
      clip(to + row * step, to + row * step, Int64(outputs), 0, 1)
    }
  }
}

/// The largest value of each window, for inference.
package func maxPooled(_ x: Tensor, _ window: Window) -> Tensor {
  maxPooled(Tape(on: x.device, type: x.type, recording: false).constant(x), window).value
}
