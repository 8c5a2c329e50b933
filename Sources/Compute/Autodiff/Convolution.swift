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

  /// The shape of images [batch, height, width, channels], in the form that operations take.
  func shape(of x: Tensor) -> WindowShape {
    precondition(x.shape.count == 4, "images: shape \(x.shape), expected four dimensions")
    let (height, width) = (x.shape[1] + 2 * padding.0, x.shape[2] + 2 * padding.1)
    precondition(height >= kernel.0 && width >= kernel.1, "images: \(x.shape) below \(kernel)")
    return WindowShape(
      height: x.shape[1], width: x.shape[2], channels: x.shape[3],
      out_height: (height - kernel.0) / stride.0 + 1, out_width: (width - kernel.1) / stride.1 + 1,
      kernel_height: kernel.0, kernel_width: kernel.1, stride_y: stride.0, stride_x: stride.1,
      pad_y: padding.0, pad_x: padding.1)
  }
}

extension WindowShape {
  fileprivate func outputShape(batch: Int, channels: Int) -> [Int] {
    [batch, out_height, out_width, channels]
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
  ///   - precision: of the factors, on devices that round them in convolutions
  package init(
    weight: Tensor, bias: Tensor?, window: Window, differentiable: Bool = false,
    precision: ProductPrecision = .full
  ) {
    let rounds =
      precision == .bfloat16 && weight.type == .float32 && weight.device.roundsConvolutions
    precondition(
      weight.shape.count == 4 && weight.shape[2] == window.kernel.0
        && weight.shape[3] == window.kernel.1, "convolution: \(weight.shape) for \(window.kernel)")
    (outputs, inputs) = (weight.shape[0], weight.shape[1])
    self.window = window
    let (height, width) = window.kernel
    func packed(_ rows: Int, _ columns: Int, _ bias: Tensor?, turned: Bool) -> PackedWeights {
      let order = Tensor(
        uninitialized: [rows, height * width * columns], type: weight.type, on: weight.device)
      order.run(
        .reorderKernel(
          .init(
            out: order.address, x: weight.address, outputs: weight.shape[0],
            inputs: weight.shape[1], places: height * width, turned: turned)),
        over: rows * height * width)
      return PackedWeights(order, bias: bias, precision: rounds ? .bfloat16 : .full)
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

  private static func product(
    _ x: Tensor, _ weights: PackedWeights, _ shape: WindowShape, relu: Bool
  ) -> Tensor {
    let y = Tensor(
      uninitialized: shape.outputShape(batch: x.shape[0], channels: weights.outputs), type: x.type,
      on: x.device)
    y.run(
      .convolve(
        .init(
          y: y.address, y_row: weights.outputs, x: x.address, packed: weights.address,
          bias: weights.biasAddress, shape: shape, pixels: y.rows, outputs: weights.outputs,
          relu: relu, rounded: weights.isRounded)))
    return y
  }
}

private func reluGradient(_ dy: Tensor, _ y: Tensor) -> Tensor {
  let dx = Tensor(like: y)
  dx.run(
    .reluGradient(.init(dx: dx.address, dy: dy.address, y: y.address, width: y.width)),
    over: y.rows)
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
  y.run(
    .maxPool(.init(out: y.address, which: which.address, x: value.address, shape: shape)),
    over: y.rows)
  return x.tape.record(y, from: [x]) { tape, dy in
    let dx = Tensor(like: value)
    dx.run(
      .maxPoolGradient(.init(dx: dx.address, dy: dy.address, which: which.address, shape: shape)),
      over: dx.rows)
    tape.add(dx, to: x.place)
  }
}

/// The mean of each window's pixels inside the image (count_include_pad=false), for inference.
package func averagePooled(_ x: Tensor, _ window: Window) -> Tensor {
  let shape = window.shape(of: x)
  let y = Tensor(
    uninitialized: shape.outputShape(batch: x.shape[0], channels: x.width), type: x.type,
    on: x.device)
  y.run(.averagePool(.init(out: y.address, x: x.address, shape: shape)), over: y.rows)
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
  let distance = DeviceNumber(on: value.device)
  distance.setToSum(
    over: (rows + Int(FEATURE_ROWS) - 1) / Int(FEATURE_ROWS), of: value.type, factor: factor
  ) {
    .featureDistance(
      .init(
        partial: $0, x: value.address, y: y.address, weight: weight.address, width: width,
        rows: rows))
  }
  guard x.needsGradient else { return Scalar(distance, derivative: nil) }
  return Scalar(distance) { outer in
    let dx = Tensor(like: value)
    dx.run(
      .featureDistanceGradient(
        .init(
          dx: dx.address, x: value.address, y: y.address, weight: weight.address,
          factor: outer * factor, width: width)), over: rows)
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
  func move(_ patches: Tensor, _ images: Tensor, toImages: Bool) {
    patches.run(
      .movePatches(
        .init(
          images: images.address, patches: patches.address, grid: grid, patch: patch,
          channels: channels, to_images: toImages)), over: batch)
  }
  move(x.value, image, toImages: true)
  let value = x.value
  return x.tape.record(image, from: [x]) { tape, dimage in
    let dx = Tensor(like: value)
    move(dx, dimage, toImages: false)
    tape.add(dx, to: x.place)
  }
}
