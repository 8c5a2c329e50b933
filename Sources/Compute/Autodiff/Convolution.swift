// Convolutions with weights that are not trained, pooling and the feature distance of LPIPS.
//
// Images are [batch, height, width, channels]. A pixel of a result depends bit for bit on its
// window alone, neither on the batch nor on the threads.

import CKernels
import Tensor

/// Kernel, stride and zero padding of a convolution or a pooling, each (vertical, horizontal).
package struct Window: Sendable {
  package var kernel: (Int, Int)
  package var stride: (Int, Int)
  package var padding: (Int, Int)

  package init(_ kernel: (Int, Int), stride: (Int, Int) = (1, 1), padding: (Int, Int) = (0, 0)) {
    precondition(
      kernel.0 > 0 && kernel.1 > 0 && stride.0 > 0 && stride.1 > 0 && padding.0 < kernel.0
        && padding.1 < kernel.1 && padding.0 >= 0 && padding.1 >= 0,
      "Window: kernel \(kernel), stride \(stride), padding \(padding)")
    (self.kernel, self.stride, self.padding) = (kernel, stride, padding)
  }

  /// A square window.
  package init(_ kernel: Int, stride: Int = 1, padding: Int = 0) {
    self.init((kernel, kernel), stride: (stride, stride), padding: (padding, padding))
  }

  /// The shape of images [batch, height, width, channels], in the form that the kernels take.
  func shape(of x: Tensor) -> window_shape {
    precondition(x.shape.count == 4, "images: shape \(x.shape), expected four dimensions")
    let (height, width) = (x.shape[1] + 2 * padding.0, x.shape[2] + 2 * padding.1)
    precondition(height >= kernel.0 && width >= kernel.1, "images: \(x.shape) below \(kernel)")
    return window_shape(
      height: Int64(x.shape[1]), width: Int64(x.shape[2]), channels: Int64(x.shape[3]),
      out_height: Int64((height - kernel.0) / stride.0 + 1),
      out_width: Int64((width - kernel.1) / stride.1 + 1), kernel_height: Int64(kernel.0),
      kernel_width: Int64(kernel.1), stride_y: Int64(stride.0), stride_x: Int64(stride.1),
      pad_y: Int64(padding.0), pad_x: Int64(padding.1))
  }
}

extension window_shape {
  fileprivate func outputShape(batch: Int, channels: Int) -> [Int] {
    [batch, Int(out_height), Int(out_width), channels]
  }
}

/// Weights of a convolution that is not trained, in the order in which products read them.
package struct FrozenConvolution {
  package let window: Window
  package let inputs: Int
  package let outputs: Int
  let forward: PackedWeights
  /// Weights for the input's gradient: the kernel turned by 180 degrees, inputs and outputs
  /// exchanged.
  private let backward: PackedWeights?

  /// - Parameters:
  ///   - weight: [out, in, height, width], as PyTorch stores it
  ///   - bias: [out]
  ///   - differentiable: whether a gradient reaches the input; for stride 1
  package init(weight: Tensor, bias: Tensor?, window: Window, differentiable: Bool = false) {
    precondition(
      weight.shape.count == 4 && weight.shape[2] == window.kernel.0
        && weight.shape[3] == window.kernel.1, "convolution: \(weight.shape) for \(window.kernel)")
    (outputs, inputs) = (weight.shape[0], weight.shape[1])
    self.window = window
    let (height, width) = window.kernel
    func packed(_ rows: Int, _ columns: Int, _ bias: Tensor?, turned: Bool) -> PackedWeights {
      let order = Tensor(
        uninitialized: [rows, height * width * columns], type: weight.type, on: weight.device)
      let size = weight.type.size
      var to = order.pointer
      for row in 0..<rows {
        for place in 0..<height * width {
          let from = turned ? height * width - 1 - place : place
          for column in 0..<columns {
            let (out, input) = turned ? (column, row) : (row, column)
            to.copyMemory(
              from: weight.pointer(
                at: (out * weight.shape[1] + input) * height * width + from),
              byteCount: size)
            to += size
          }
        }
      }
      return PackedWeights(order, bias: bias, precision: .full)
    }
    forward = packed(outputs, inputs, bias, turned: false)
    precondition(!differentiable || window.stride == (1, 1), "convolution: gradient of stride 1")
    backward = differentiable ? packed(inputs, outputs, nil, turned: true) : nil
  }

  /// max(x * w + b, 0), or x * w + b if `relu` is false.
  package func callAsFunction(_ x: Variable, relu: Bool = true) -> Variable {
    precondition(x.value.width == inputs, "convolution: \(x.shape) into \(inputs) channels")
    let y = Self.product(x.value, forward, window.shape(of: x.value), relu: relu)
    return x.tape.record(y, from: [x]) { tape, dy in
      guard let backward else {
        preconditionFailure("convolution: made without a gradient")
      }
      let slope = relu ? reluGradient(dy, y) : dy
      let padding = (window.kernel.0 - 1 - window.padding.0, window.kernel.1 - 1 - window.padding.1)
      let turned = Window(window.kernel, padding: padding)
      tape.add(Self.product(slope, backward, turned.shape(of: slope), relu: false), to: x.place)
    }
  }

  /// Gathers the windows of a run of pixels and multiplies them while they are in a cache.
  private static func product(
    _ x: Tensor, _ weights: PackedWeights, _ shape: window_shape, relu: Bool
  ) -> Tensor {
    let y = Tensor(
      uninitialized: shape.outputShape(batch: x.shape[0], channels: weights.outputs), type: x.type,
      on: x.device)
    let depth = weights.inputs
    let run = max(12, min(512, 300_000 / depth))
    let runs = (y.rows + run - 1) / run
    let scratch = Tensor(
      uninitialized: [x.device.threads, run * depth], type: x.type, on: x.device)
    let kernels = x.kernels.pointee
    let (gather, clip) = (kernels.gather_windows!, kernels.relu!)
    let (from, pixels, size) = (x.pointer, y.rows, x.type.size)
    let (target, working) = (y.pointer, scratch.pointer)
    x.device.parallel(runs, cost: run * depth * weights.outputs) { [shape] begin, end, thread in
      let windows = working + thread * run * depth * size
      for number in Int(begin)..<Int(end) {
        let first = number * run
        let last = min(first + run, pixels)
        withUnsafePointer(to: shape) { gather(windows, from, $0, Int64(first), Int64(last)) }
        let to = target + first * weights.outputs * size
        weights.multiply(
          into: to, row: weights.outputs, windows, row: depth, rows: last - first)
        if relu { clip(to, to, Int64(weights.outputs), 0, Int64(last - first)) }
      }
    }
    return y
  }
}

private func reluGradient(_ dy: Tensor, _ y: Tensor) -> Tensor {
  let dx = Tensor(like: y)
  let (to, gradient, from, width) = (dx.pointer, dy.pointer, y.pointer, Int64(y.width))
  let kernel = y.kernels.pointee.relu_gradient!
  y.device.parallel(y.rows, cost: y.width) { begin, end, _ in
    kernel(to, gradient, from, width, begin, end)
  }
  return dx
}

/// The largest value of each window. Of equal ones the first receives the gradient, as in PyTorch.
package func maxPooled(_ x: Variable, _ window: Window) -> Variable {
  let value = x.value
  let shape = window.shape(of: value)
  let y = Tensor(
    uninitialized: shape.outputShape(batch: value.shape[0], channels: value.width),
    type: value.type, on: value.device)
  let which = Tensor(like: y)
  let (to, places, from) = (y.pointer, which.pointer, value.pointer)
  let kernel = y.kernels.pointee.max_pool!
  let cost = window.kernel.0 * window.kernel.1 * value.width
  y.device.parallel(y.rows, cost: cost) { [shape] begin, end, _ in
    withUnsafePointer(to: shape) { kernel(to, places, from, $0, begin, end) }
  }
  return x.tape.record(y, from: [x]) { tape, dy in
    let dx = Tensor(like: value)
    let (to, gradient, places) = (dx.pointer, dy.pointer, which.pointer)
    let kernel = dx.kernels.pointee.max_pool_gradient!
    dx.device.parallel(dx.rows, cost: cost) { [shape] begin, end, _ in
      withUnsafePointer(to: shape) { kernel(to, gradient, places, $0, begin, end) }
    }
    tape.add(dx, to: x.place)
  }
}

/// The mean of each window's pixels inside the image (count_include_pad=false), for inference.
package func averagePooled(_ x: Tensor, _ window: Window) -> Tensor {
  let shape = window.shape(of: x)
  let y = Tensor(
    uninitialized: shape.outputShape(batch: x.shape[0], channels: x.width), type: x.type,
    on: x.device)
  let (to, from, kernel) = (y.pointer, x.pointer, y.kernels.pointee.average_pool!)
  y.device.parallel(y.rows, cost: window.kernel.0 * window.kernel.1 * x.width) {
    [shape] begin, end, _ in
    withUnsafePointer(to: shape) { kernel(to, from, $0, begin, end) }
  }
  return y
}

/// The sum over pixels of sum_c weight[c] (x_c/|x| - y_c/|y|)^2, times a factor. A pixel whose
/// features are all zero receives no gradient, so that none becomes NaN. Zhang et al. 2018, arXiv
/// 1801.03924.
/// - Parameters:
///   - y: constant features of the same shape
///   - weight: [channels], not negative
package func featureDistance(
  _ x: Variable, _ y: Tensor, weight: Tensor, factor: Double
) -> Scalar {
  let value = x.value
  precondition(y.shape == value.shape && weight.count == value.width, "featureDistance: shapes")
  let (rows, width) = (value.rows, value.width)
  let chunks = (rows + Int(FEATURE_ROWS) - 1) / Int(FEATURE_ROWS)
  let (a, b, w) = (value.pointer, y.pointer, weight.pointer)
  let kernel = value.kernels.pointee.feature_distance!
  let total = summed(
    over: chunks, cost: 6 * Int(FEATURE_ROWS) * width, on: value.device
  ) { kernel($0, a, b, w, Int64(width), Int64(rows), $1, $2) }
  let read = { factor * total.value }
  guard x.needsGradient else { return Scalar(read: read, derivative: nil) }
  return Scalar(read: read) { outer in
    let dx = Tensor(like: value)
    let (to, a, b, w) = (dx.pointer, value.pointer, y.pointer, weight.pointer)
    let kernel = dx.kernels.pointee.feature_distance_gradient!
    dx.device.parallel(rows, cost: 8 * width) { begin, end, _ in
      kernel(to, a, b, w, outer * factor, Int64(width), begin, end)
    }
    x.tape.add(dx, to: x.place)
  }
}

/// Patches [batch, N, P] as images [batch, size, size, channels]; inside a patch (row, column,
/// channel).
/// - Parameter patch: side of a patch
package func imagesOfPatches(_ x: Variable, patch: Int, channels: Int) -> Variable {
  let (batch, count, width) = x.value.dimensions3
  var grid = 1
  while grid * grid < count { grid += 1 }
  precondition(
    grid * grid == count && width == patch * patch * channels, "imagesOfPatches: \(x.shape)")
  let side = grid * patch
  let image = Tensor(
    uninitialized: [batch, side, side, channels], type: x.value.type, on: x.value.device)
  /// Copies every patch from one layout to the other.
  func move(_ patches: Tensor, _ image: Tensor, toImage: Bool) {
    let kernel = patches.kernels.pointee.copy_block!
    let (line, block, size) = (side * channels, patch * channels, image.type.size)
    let (pixels, rows) = (image.pointer, patches.pointer)
    patches.device.parallel(batch, cost: count * width) { begin, end, _ in
      for i in 0..<count {
        let at = pixels + (i / grid * patch * line + i % grid * block) * size
        let from = rows + i * width * size
        let (imageOuter, patchOuter) = (Int64(side * line), Int64(count * width))
        if toImage {
          kernel(
            at, imageOuter, Int64(line), from, patchOuter, Int64(block), Int64(patch),
            Int64(block), 0, begin, end)
        } else {
          kernel(
            from, patchOuter, Int64(block), at, imageOuter, Int64(line), Int64(patch),
            Int64(block), 0, begin, end)
        }
      }
    }
  }
  move(x.value, image, toImage: true)
  let value = x.value
  return x.tape.record(image, from: [x]) { tape, dimage in
    let dx = Tensor(like: value)
    move(dx, dimage, toImage: false)
    tape.add(dx, to: x.place)
  }
}
