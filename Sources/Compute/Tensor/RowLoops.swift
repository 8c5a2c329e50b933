// Kernels on raw rows, for work that stays on one thread or is shared step by step.

import CKernels

/// Rows that stay on one thread, or of which all threads share every step.
///
/// Both give the same bits. On one thread there is no waiting and the rows stay in its cache;
/// sharing pays if few rows meet many weights, which are then read once and not by every thread.
package struct RowLoops {
  package let device: Device
  package let type: ElementType
  package let rows: Int
  package let isShared: Bool

  package init(rows: Int, type: ElementType, on device: Device, shared: Bool) {
    self.rows = rows
    self.type = type
    self.device = device
    isShared = shared
  }

  private var table: UnsafePointer<kernels> { device.table(type) }

  private func forRows(
    _ count: Int, cost: Int, _ body: @escaping (Int64, Int64) -> Void
  ) {
    if isShared {
      device.parallel(count, cost: cost) { begin, end, _ in body(begin, end) }
    } else {
      body(0, Int64(count))
    }
  }

  /// y[rows, out] = x[rows, in] W' + b.
  package func product(
    _ y: UnsafeMutableRawPointer, _ weights: PackedWeights, _ x: UnsafeRawPointer
  ) {
    if isShared {
      weights.multiplyShared(
        into: y, row: weights.outputs, x, row: weights.inputs, rows: rows)
    } else {
      weights.multiply(into: y, row: weights.outputs, x, row: weights.inputs, rows: rows)
    }
  }

  /// The same loops over `times` as many rows.
  package func repeated(_ times: Int) -> RowLoops {
    RowLoops(rows: times * rows, type: type, on: device, shared: isShared)
  }

  /// out[count, rows, width] = SiLU(x[rows, width] + added[width]) for each of `added`.
  package func siluOfSums(
    _ out: UnsafeMutableRawPointer, _ x: UnsafeRawPointer, with added: [UnsafeRawPointer],
    width: Int
  ) {
    let (kernel, rows, bytes) = (table.pointee.silu_of_sum!, rows, width * type.size)
    forRows(added.count * rows, cost: 8 * width) { begin, end in
      for row in Int(begin)..<Int(end) {
        kernel(
          out + row * bytes, x + row % rows * bytes, added[row / rows], Int64(width), 0, 1)
      }
    }
  }

  /// out = (LayerNorm(x) * gain + bias) * (1 + scale) + shift; scale and shift are columns
  /// `scale...` and `shift...` of m[rows, stride]. No gain and bias if `gain` is nil, no shift if
  /// `shift` is nil.
  package func layerNormModulated(
    _ out: UnsafeMutableRawPointer, _ x: UnsafeRawPointer, gain: Tensor?, bias: Tensor?,
    by m: UnsafeRawPointer, scale: Int, shift: Int?, stride: Int, width: Int
  ) {
    let kernel = table.pointee.layer_norm_modulated!
    let (g, b) = (gain?.pointer, bias?.pointer)
    let (first, second) = (m + scale * type.size, shift.map { m + $0 * type.size })
    forRows(rows, cost: 5 * width) {
      kernel(out, nil, x, g, b, first, second, Int64(stride), Int64(width), 1e-6, $0, $1)
    }
  }

  /// out[rows, width] = SiLU(a) * b for x[rows, 2 width] = [a, b].
  package func swiglu(_ out: UnsafeMutableRawPointer, _ x: UnsafeRawPointer, width: Int) {
    let kernel = table.pointee.swiglu!
    forRows(rows, cost: 8 * width) { kernel(out, x, Int64(width), $0, $1) }
  }

  /// out = x + gate * y; the gate is columns `gate...` of m[rows, stride]; out must not be x.
  package func gatedAdd(
    _ out: UnsafeMutableRawPointer, _ x: UnsafeRawPointer, _ y: UnsafeRawPointer,
    by m: UnsafeRawPointer, gate: Int, stride: Int, width: Int
  ) {
    let kernel = table.pointee.gated_add!
    let columns = m + gate * type.size
    forRows(rows, cost: 2 * width) {
      kernel(out, x, y, columns, Int64(stride), Int64(width), $0, $1)
    }
  }

  /// out += columns `column...` of m[rows, stride], out [rows, width].
  package func add(
    _ out: UnsafeMutableRawPointer, _ m: UnsafeRawPointer, column: Int, stride: Int, width: Int
  ) {
    let size = type.size
    for row in 0..<rows {
      let to = out + row * width * size
      table.pointee.add!(to, to, m + (row * stride + column) * size, Int64(width), 0, 1)
    }
  }

  /// out = alpha * x + beta * y over `count` rows; out may be x or y.
  package func combine(
    _ out: UnsafeMutableRawPointer, _ alpha: Double, _ x: UnsafeRawPointer, _ beta: Double,
    _ y: UnsafeRawPointer, width: Int, count: Int
  ) {
    table.pointee.combine!(out, alpha, x, beta, y, Int64(width), 0, Int64(count))
  }
}
