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

  fileprivate var address: DeviceAddress { images.address(at: column) }

  /// Writes max(x, 0) of images with as many pixels into these columns.
  package func take(relu x: Tensor) {
    precondition(x.rows == images.rows && column + x.width <= images.width, "take: \(x.shape)")
    images.run(
      .relu(
        .init(
          out: address, out_row: images.width, x: x.address, x_row: x.width, width: x.width)),
      over: x.rows)
  }

  /// Copies x into these columns.
  package func take(_ x: Tensor) {
    precondition(x.rows == images.rows && column + x.width <= images.width, "take: \(x.shape)")
    images.run(
      .copyBlock(
        .init(
          out: address, out_outer: images.width, out_row: images.width, x: x.address,
          x_outer: x.width, x_row: x.width, rows: 1, width: x.width, accumulate: false)),
      over: x.rows)
  }
}

extension FrozenConvolution {
  /// New images for this convolution's result on x.
  package func output(for x: Tensor) -> Tensor {
    let shape = window.shape(of: x)
    return Tensor(
      uninitialized: [x.shape[0], shape.out_height, shape.out_width, outputs], type: x.type,
      on: x.device)
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
    let (shape, images) = (window.shape(of: x), target.images)
    precondition(
      x.width == inputs && target.column + outputs <= images.width
        && images.rows == x.shape[0] * shape.out_height * shape.out_width,
      "convolution: \(x.shape) into \(images.shape)")
    images.run(
      .convolve(
        .init(
          y: target.address, y_row: images.width, x: x.address, packed: forward.address,
          bias: forward.biasAddress, shape: shape, pixels: images.rows, outputs: outputs,
          relu: true, rounded: forward.isRounded)))
  }

  /// Several 1x1 convolutions of the same images, at most four, which are read from memory only once.
  /// - Parameter branches: each with its target, and whether max(_, 0) is applied
  package static func pointwise(
    _ x: Tensor, _ branches: [(convolution: FrozenConvolution, target: ImageColumns, relu: Bool)]
  ) {
    precondition(branches.count <= Int(POINT_BRANCHES), "pointwise: \(branches.count) branches")
    func branch(_ i: Int) -> PointBranch {
      guard i < branches.count else { return PointBranch() }
      let (convolution, target, relu) = branches[i]
      precondition(
        convolution.window.kernel == (1, 1) && convolution.window.stride == (1, 1)
          && convolution.inputs == x.width && target.images.rows == x.rows
          && target.column + convolution.outputs <= target.images.width,
        "pointwise: \(x.shape) into \(target.images.shape)")
      return PointBranch(
        y: target.address, y_row: target.images.width, packed: convolution.forward.address,
        bias: convolution.forward.biasAddress, outputs: convolution.outputs, relu: relu)
    }
    x.run(
      .convolvePoints(
        .init(
          x: x.address, count: branches.count, pixels: x.rows, inputs: x.width,
          branches: (branch(0), branch(1), branch(2), branch(3)))))
  }
}

/// The largest value of each window, for inference.
package func maxPooled(_ x: Tensor, _ window: Window) -> Tensor {
  maxPooled(Tape(on: x.device, type: x.type, recording: false).constant(x), window).value
}
