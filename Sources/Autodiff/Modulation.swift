// Adaptive modulation: scale, shift and gate computed from a condition. Peebles & Xie 2023 (DiT).

import CKernels
import Tensor

/// Columns first..<first + width of m[..., stride]: one of scale, shift, gate.
package struct ModulationColumns {
  package let source: Variable
  package let first: Int

  package init(_ source: Variable, first: Int) {
    self.source = source
    self.first = first
  }

  fileprivate func pointer(in tensor: Tensor) -> UnsafeMutableRawPointer {
    tensor.pointer(at: first)
  }
}

/// x * (1 + scale) + shift, all [..., width]; scale and shift are columns of one modulation.
package func modulated(
  _ x: Variable, scale: ModulationColumns, shift: ModulationColumns
) -> Variable {
  let (value, source) = (x.value, scale.source)
  let (rows, width, stride) = (value.rows, value.width, source.value.width)
  precondition(source.value.rows == rows, "modulated: \(x.shape) by \(source.shape)")
  let y = Tensor(like: value)
  let (out, from) = (y.pointer, value.pointer)
  let (a, b) = (scale.pointer(in: source.value), shift.pointer(in: source.value))
  let kernel = y.kernels.pointee.modulate!
  y.device.parallel(rows, cost: 2 * width) { begin, end, _ in
    kernel(out, from, a, b, Int64(stride), Int64(width), begin, end)
  }
  return x.tape.record(y, from: [x, source]) { tape, dy in
    let dx = Tensor(like: value)
    tape.accumulateColumns(into: source) { gradient in
      let (to, dscale, dshift) = (
        dx.pointer, scale.pointer(in: gradient), shift.pointer(in: gradient)
      )
      let (from, dout, a) = (value.pointer, dy.pointer, scale.pointer(in: source.value))
      let kernel = dx.kernels.pointee.modulate_gradient!
      dx.device.parallel(rows, cost: 4 * width) { begin, end, _ in
        kernel(to, dscale, dshift, dout, from, a, Int64(stride), Int64(width), begin, end)
      }
    }
    tape.add(dx, to: x)
  }
}

/// x + gate * y, all [..., width]; the gate is columns of a modulation.
package func gatedAdd(_ x: Variable, _ y: Variable, gate: ModulationColumns) -> Variable {
  let (value, source) = (x.value, gate.source)
  let (rows, width, stride) = (value.rows, value.width, source.value.width)
  precondition(y.shape == x.shape && source.value.rows == rows, "gatedAdd: shapes")
  let sum = Tensor(like: value)
  let (out, a, b, g) = (
    sum.pointer, value.pointer, y.value.pointer, gate.pointer(in: source.value)
  )
  let kernel = sum.kernels.pointee.gated_add!
  sum.device.parallel(rows, cost: 2 * width) { begin, end, _ in
    kernel(out, a, b, g, Int64(stride), Int64(width), begin, end)
  }
  return x.tape.record(sum, from: [x, y, source]) { tape, dsum in
    tape.add(dsum, to: x, owned: false)
    let dy = Tensor(like: value)
    tape.accumulateColumns(into: source) { gradient in
      let (to, dgate, dout) = (dy.pointer, gate.pointer(in: gradient), dsum.pointer)
      let (from, g) = (y.value.pointer, gate.pointer(in: source.value))
      let kernel = dy.kernels.pointee.gated_add_gradient!
      dy.device.parallel(rows, cost: 3 * width) { begin, end, _ in
        kernel(to, dgate, dout, from, g, Int64(stride), Int64(width), begin, end)
      }
    }
    tape.add(dy, to: y)
  }
}

extension Tape {
  /// For kernels that add to some columns of a gradient: the rest must be zero or already there.
  /// Where no gradient is wanted, they write into memory that is dropped.
  fileprivate func accumulateColumns(into source: Variable, _ write: (Tensor) -> Void) {
    guard source.needsGradient else {
      let dropped = Tensor(like: source.value)
      dropped.fill(with: 0)
      return write(dropped)
    }
    accumulate(into: source) { gradient, accumulate in
      if !accumulate { gradient.fill(with: 0) }
      write(gradient)
    }
  }
}
