// Kernels on raw rows, for loops that keep all their work on one thread or share each step out.

import CKernels

/// A run of rows that stay on one thread, or whose every step all threads share.
///
/// Both give the same bits. On one thread nothing is waited for and rows stay in its cache; sharing
/// pays where few rows meet many weights, which are then read once and not by every thread.
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

  /// out = SiLU(x + row), one row[width] for all rows of x.
  package func siluOfSum(
    _ out: UnsafeMutableRawPointer, _ x: UnsafeRawPointer, row: UnsafeRawPointer, width: Int
  ) {
    let kernel = table.pointee.silu_of_sum!
    forRows(rows, cost: 8 * width) { kernel(out, x, row, Int64(width), $0, $1) }
  }

  /// out = (LayerNorm(x) * gain + bias) * (1 + scale) + shift, scale and shift columns `scale...`
  /// and `shift...` of m[rows, stride]; without weights where gain is nil.
  package func layerNormModulated(
    _ out: UnsafeMutableRawPointer, _ x: UnsafeRawPointer, gain: Tensor?, bias: Tensor?,
    by m: UnsafeRawPointer, scale: Int, shift: Int, stride: Int, width: Int
  ) {
    let kernel = table.pointee.layer_norm_modulated!
    let (g, b) = (gain?.pointer, bias?.pointer)
    let (first, second) = (m + scale * type.size, m + shift * type.size)
    forRows(rows, cost: 5 * width) {
      kernel(out, nil, x, g, b, first, second, Int64(stride), Int64(width), 1e-6, $0, $1)
    }
  }

  /// out[rows, width] = SiLU(a) * b for x[rows, 2 width] = [a, b].
  package func swiglu(_ out: UnsafeMutableRawPointer, _ x: UnsafeRawPointer, width: Int) {
    let kernel = table.pointee.swiglu!
    forRows(rows, cost: 8 * width) { kernel(out, x, Int64(width), $0, $1) }
  }

  /// out = x + gate * y, the gate columns `gate...` of m[rows, stride]; out is not x.
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

  /// out = alpha * x + beta * y over `count` rows; out may be x or y.
  package func combine(
    _ out: UnsafeMutableRawPointer, _ alpha: Double, _ x: UnsafeRawPointer, _ beta: Double,
    _ y: UnsafeRawPointer, width: Int, count: Int
  ) {
    table.pointee.combine!(out, alpha, x, beta, y, Int64(width), 0, Int64(count))
  }
}
