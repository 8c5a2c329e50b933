// Weights in the order in which products read them, for many products with the same weights.

import CKernels

/// W[out, in] and b[out] of y = x W' + b, packed once. Results equal those of `matrixProduct` bit
/// for bit. The weights are copied, so later changes of them have no effect.
package struct PackedWeights {
  package let outputs: Int
  package let inputs: Int
  package let isRounded: Bool
  private let weights: Tensor
  private let bias: Tensor?

  /// - Parameters:
  ///   - weight: [out, in]
  ///   - bias: [out]
  package init(_ weight: Tensor, bias: Tensor?, precision: ProductPrecision) {
    (outputs, inputs) = weight.dimensions2
    precondition(bias == nil || bias!.count == outputs, "PackedWeights: bias")
    self.bias = bias
    isRounded = precision == .bfloat16
    let bytes = weight.device.packedBytes(outputs, inputs, weight.type, rounded: isRounded)
    weights = Tensor(
      uninitialized: [(bytes + weight.type.size - 1) / weight.type.size], type: weight.type,
      on: weight.device)
    weights.run(
      .packWeights(
        .init(
          packed: weights.address, w: weight.address, outputs: outputs, inputs: inputs,
          rounded: isRounded)))
  }

  /// The packed weights, and the bias if there is one.
  package var address: DeviceAddress { weights.address }
  package var biasAddress: DeviceAddress { bias.address }

  /// y[..., out] for x[..., in].
  package func callAsFunction(_ x: Tensor) -> Tensor {
    let y = Tensor(uninitialized: x.shape.dropLast() + [outputs], type: x.type, on: x.device)
    multiply(x, into: y, column: 0)
    return y
  }

  /// Writes x W' + b into columns `column...` of y, for the first `inputs` columns of x.
  package func multiply(_ x: Tensor, into y: Tensor, column: Int) {
    precondition(
      x.width >= inputs && column + outputs <= y.width && x.rows == y.rows,
      "PackedWeights: \(x.shape) into columns \(column)... of \(y.shape)")
    y.run(
      .multiplyPacked(
        .init(
          y: y.address(at: column), y_row: y.width, x: x.address, x_row: x.width, packed: address,
          bias: biasAddress, rows: x.rows, outputs: outputs, inputs: inputs, rounded: isRounded)))
  }
}
