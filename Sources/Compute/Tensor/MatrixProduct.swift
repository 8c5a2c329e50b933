// Matrix products split over threads.

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

  package var transposed: Matrix {
    Matrix(tensor, first: first, row: column, column: row)
  }
}

/// C[m, n] = A[m, k] B[k, n] (+ C) (+ bias on every row). Each element is one chain of additions
/// over k, which depends neither on m and n nor on the number of threads.
package func matrixProduct(
  into c: Matrix, _ a: Matrix, _ b: Matrix, m: Int, n: Int, k: Int, bias: Tensor? = nil,
  accumulate: Bool = false, precision: ProductPrecision = .full
) {
  precondition(c.column == 1, "matrixProduct: columns of the result must be contiguous")
  precondition(bias == nil || bias!.count == n, "matrixProduct: bias of \(bias!.count) for \(n)")
  guard m > 0, n > 0 else { return }
  let tensor = c.tensor
  tensor.device.count(multiplyAdds: m * n * k)
  let kernels = tensor.kernels.pointee
  if precision == .bfloat16, kernels.pack_panels_bf16 != nil, m >= 48 * tensor.device.threads {
    return productOfPanels(
      into: c, a, b, m: m, n: n, k: k, bias: bias, accumulate: accumulate)
  }
  let gemm = (precision == .bfloat16 ? kernels.gemm_bf16 : nil) ?? kernels.gemm!
  let (cStart, aStart) = (tensor.pointer(at: c.first), a.tensor.pointer(at: a.first))
  let bStart = b.tensor.pointer(at: b.first)
  let size = tensor.type.size
  // Each thread packs its own columns of B. Packing a transposed B costs more than reading A twice,
  // so then the columns are shared out; otherwise the rows, whose tiles are not rounded up to
  // vectors.
  let byColumns = n >= 128 && (b.column != 1 || n > m)
  let tile = byColumns ? 32 : 4
  let extent = byColumns ? n : m
  let tiles = (extent + tile - 1) / tile
  let (cRow, aRow, aColumn) = (c.row, Int64(a.row), Int64(a.column))
  let (bRow, bColumn, start) = (Int64(b.row), b.column, bias?.pointer)
  let add: Int32 = accumulate ? 1 : 0
  tensor.device.parallel(tiles, cost: m * n * k / tiles) { begin, end, _ in
    let low = Int(begin) * tile
    let high = min(Int(end) * tile, extent)
    if byColumns {
      gemm(
        cStart + low * size, Int64(cRow), aStart, aRow, aColumn, bStart + low * bColumn * size,
        bRow, Int64(bColumn), start.map { UnsafeRawPointer($0 + low * size) }, Int64(m),
        Int64(high - low), Int64(k), add)
    } else {
      gemm(
        cStart + low * cRow * size, Int64(cRow), aStart + low * Int(aRow) * size, aRow, aColumn,
        bStart, bRow, Int64(bColumn), start.map { UnsafeRawPointer($0) }, Int64(high - low),
        Int64(n), Int64(k), add)
    }
  }
}

/// The same in bfloat16 for many rows: all threads round and pack B once, then each packs its own
/// rows of A.
private func productOfPanels(
  into c: Matrix, _ a: Matrix, _ b: Matrix, m: Int, n: Int, k: Int, bias: Tensor?,
  accumulate: Bool
) {
  let device = c.tensor.device
  let kernels = c.tensor.kernels.pointee
  let (pack, multiply) = (kernels.pack_panels_bf16!, kernels.gemm_panels_bf16!)
  let columns = Int(kernels.packed_columns!())
  let bytes = Int(kernels.packed_size_bf16!(Int64(n), Int64(k)))
  let packed = Tensor(uninitialized: [bytes / c.tensor.type.size], on: device)
  let (cStart, aStart) = (c.tensor.pointer(at: c.first), a.tensor.pointer(at: a.first))
  let (bStart, panels, addend) = (b.tensor.pointer(at: b.first), packed.pointer, bias?.pointer)
  let (bRow, bColumn) = (Int64(b.row), Int64(b.column))
  device.parallel((n + columns - 1) / columns, cost: k * columns) { begin, end, _ in
    pack(panels, bStart, bRow, bColumn, Int64(n), Int64(k), begin, end)
  }
  let tile = 12
  let size = c.tensor.type.size
  let (cRow, aRow, aColumn, add) = (c.row, a.row, Int64(a.column), Int32(accumulate ? 1 : 0))
  device.parallel((m + tile - 1) / tile, cost: tile * n * k) { begin, end, _ in
    let (low, high) = (Int(begin) * tile, min(Int(end) * tile, m))
    multiply(
      cStart + low * cRow * size, Int64(cRow), aStart + low * aRow * size, Int64(aRow), aColumn,
      panels, addend, Int64(high - low), Int64(n), Int64(k), add)
  }
}
