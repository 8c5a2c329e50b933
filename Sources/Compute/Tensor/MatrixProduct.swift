// Matrix products.

import CKernels

/// A matrix inside a tensor: element (i, j) at `first + i * row + j * column`; one stride is 1.
package struct Matrix {
  let tensor: Tensor
  let first: Int
  let row: Int
  let column: Int

  package init(_ tensor: Tensor, first: Int = 0, row: Int, column: Int = 1) {
    precondition(row == 1 || column == 1, "Matrix: strides \(row), \(column)")
    self.tensor = tensor
    self.first = first
    self.row = row
    self.column = column
  }

  /// A tensor seen as [rows, width].
  package init(_ tensor: Tensor) { self.init(tensor, row: tensor.width) }

  fileprivate var address: DeviceAddress { tensor.address(at: first) }
  fileprivate var isRounded: Bool { tensor.type == .bfloat16 }

  package var transposed: Matrix {
    Matrix(tensor, first: first, row: column, column: row)
  }
}

/// C[m, n] = A[m, k] B[k, n] (+ C) (+ bias on every row). Each element is one chain of additions
/// over k, which depends neither on m and n nor on the number of threads. With a matrix in bfloat16
/// the factors are rounded.
/// - Parameter anyOrder: whether a device may add in an order that depends on m and n: for training, where no image's
///   bits must be those of a smaller batch
package func matrixProduct(
  into c: Matrix, _ a: Matrix, _ b: Matrix, m: Int, n: Int, k: Int, bias: Tensor? = nil,
  accumulate: Bool = false, precision: ProductPrecision = .full, anyOrder: Bool = false
) {
  precondition(c.column == 1, "matrixProduct: columns of the result must be contiguous")
  precondition(bias == nil || bias!.count == n, "matrixProduct: bias of \(bias!.count) for \(n)")
  guard m > 0, n > 0 else { return }
  let device = c.tensor.device
  device.count(multiplyAdds: m * n * k)
  device.run(
    .matrixProduct(
      .init(
        c: c.address, c_row: c.row, a: a.address, a_row: a.row, a_column: a.column, b: b.address,
        b_row: b.row, b_column: b.column, bias: bias.address, m: m, n: n, k: k,
        accumulate: accumulate,
        rounded: precision == .bfloat16 || a.isRounded || b.isRounded || c.isRounded,
        a_bf16: a.isRounded, b_bf16: b.isRounded, c_bf16: c.isRounded,
        any_order: anyOrder)), c.tensor.type.wide)
}
