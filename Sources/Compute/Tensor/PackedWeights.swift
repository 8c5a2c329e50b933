// Weights in the order in which products read them, for many products with the same weights.

import CKernels

/// W[out, in] and b[out] of y = x W' + b, packed once. Results equal those of `matrixProduct` bit
/// for bit. The weights are copied, so later changes of them have no effect.
package final class PackedWeights {
  package let outputs: Int
  package let inputs: Int
  private let weights: Tensor
  private let bias: Tensor?
  private let device: Device
  private let columns: Int
  private let product: GEMMPacked

  private typealias GEMMPacked =
    @convention(c) (
      UnsafeMutableRawPointer?, Int64, UnsafeRawPointer?, Int64, UnsafeRawPointer?,
      UnsafeRawPointer?, Int64, Int64, Int64, Int64, Int64
    ) -> Void

  /// - Parameters:
  ///   - weight: [out, in]
  ///   - bias: [out]
  package init(_ weight: Tensor, bias: Tensor?, precision: ProductPrecision) {
    (outputs, inputs) = weight.dimensions2
    precondition(bias == nil || bias!.count == outputs, "PackedWeights: bias")
    self.bias = bias
    device = weight.device
    let kernels = weight.kernels.pointee
    let rounded = precision == .bfloat16 && kernels.gemm_packed_bf16 != nil
    columns = Int(kernels.packed_columns!())
    product = rounded ? kernels.gemm_packed_bf16! : kernels.gemm_packed!
    let size = rounded ? kernels.packed_size_bf16! : kernels.packed_size!
    let pack = rounded ? kernels.pack_weights_bf16! : kernels.pack_weights!
    let bytes = Int(size(Int64(outputs), Int64(inputs)))
    weights = Tensor(
      uninitialized: [(bytes + weight.type.size - 1) / weight.type.size], type: weight.type,
      on: device)
    pack(weights.pointer, weight.pointer, Int64(outputs), Int64(inputs))
  }

  /// y[rows, out] = x[rows, in] W' + b on the calling thread; the distances between rows are `yRow`
  /// and `xRow` elements.
  package func multiply(
    into y: UnsafeMutableRawPointer, row yRow: Int, _ x: UnsafeRawPointer, row xRow: Int, rows: Int
  ) {
    product(
      y, Int64(yRow), x, Int64(xRow), weights.pointer, bias?.pointer, Int64(rows), Int64(outputs),
      Int64(inputs), 0, Int64(panels))
  }

  /// The same on all threads, each with its share of the columns.
  package func multiplyShared(
    into y: UnsafeMutableRawPointer, row yRow: Int, _ x: UnsafeRawPointer, row xRow: Int, rows: Int
  ) {
    let (product, weights, bias) = (product, weights.pointer, bias?.pointer)
    let (outputs, inputs) = (Int64(outputs), Int64(inputs))
    device.parallel(panels, cost: rows * self.inputs * columns) { begin, end, _ in
      product(
        y, Int64(yRow), x, Int64(xRow), weights, bias, Int64(rows), outputs, inputs, begin, end)
    }
  }

  /// y[..., out] for x[..., in], on all threads.
  package func callAsFunction(_ x: Tensor) -> Tensor {
    precondition(x.width == inputs, "PackedWeights: width \(x.width) into \(inputs)")
    let y = Tensor(uninitialized: x.shape.dropLast() + [outputs], type: x.type, on: x.device)
    multiplyShared(into: y.pointer, row: outputs, x.pointer, row: inputs, rows: x.rows)
    return y
  }

  private var panels: Int { (outputs + columns - 1) / columns }
}
