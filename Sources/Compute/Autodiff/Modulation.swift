// Adaptive modulation: scale, shift and gate computed from a condition. Peebles & Xie 2023 (DiT).

import CKernels
import Tensor

/// Columns first..<first + width of m[..., stride], which are a scale, a shift or a gate.
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

/// LayerNorm(x) * (1 + scale) + shift, all [..., width]; scale and shift are columns of one
/// modulation, gain and bias [width] belong to the norm.
package func layerNormModulated(
  _ x: Variable, gain: Variable? = nil, bias: Variable? = nil, scale: ModulationColumns,
  shift: ModulationColumns, epsilon: Double = 1e-6
) -> Variable {
  let (value, source) = (x.value, scale.source)
  let (rows, width, stride) = (value.rows, value.width, Int64(source.value.width))
  precondition(source.value.rows == rows, "layerNormModulated: \(x.shape) by \(source.shape)")
  let statistics = Tensor(uninitialized: [rows, 2], type: value.type, on: value.device)
  func result() -> Tensor {
    let y = Tensor(like: value)
    let (out, kept, from) = (y.pointer, statistics.pointer, value.pointer)
    let (g, b) = (gain?.value.pointer, bias?.value.pointer)
    let (first, second) = (scale.pointer(in: source.value), shift.pointer(in: source.value))
    let kernel = y.kernels.pointee.layer_norm_modulated!
    y.device.parallel(rows, cost: 5 * width) { begin, end, _ in
      kernel(out, kept, from, g, b, first, second, stride, Int64(width), epsilon, begin, end)
    }
    return y
  }
  let inputs = [x, source] + [gain, bias].compactMap { $0 }
  return x.tape.record(result(), from: inputs, recipe: result) { tape, dy in
    let (dout, from, kept) = (dy.pointer, value.pointer, statistics.pointer)
    let (g, b) = (gain?.value.pointer, bias?.value.pointer)
    let first = scale.pointer(in: source.value)
    let dx = Tensor(like: value)
    tape.accumulateColumns(into: source) { gradient in
      let (to, dscale, dshift) = (
        dx.pointer, scale.pointer(in: gradient), shift.pointer(in: gradient)
      )
      let kernel = dx.kernels.pointee.layer_norm_modulated_gradient!
      dx.device.parallel(rows, cost: 10 * width) { begin, end, _ in
        kernel(
          to, dscale, dshift, dout, from, g, b, first, kept, stride, Int64(width), begin, end)
      }
    }
    tape.add(dx, to: x.place)
    if let gain, let bias, gain.needsGradient {
      let (dgain, dbias) = (Tensor(like: gain.value), Tensor(like: bias.value))
      let (toGain, toBias) = (dgain.pointer, dbias.pointer)
      let kernel = dgain.kernels.pointee.layer_norm_modulated_parameter_gradient!
      dgain.device.parallelColumns(width, cost: 4 * rows) {
        kernel(toGain, toBias, dout, from, first, kept, Int64(rows), stride, Int64(width), $0, $1)
      }
      tape.add(dgain, to: gain.place)
      tape.add(dbias, to: bias.place)
    }
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
  let (first, second, changes) = (x.place, y.place, y.value)
  return x.tape.record(sum, from: [x, y, source]) { tape, dsum in
    tape.add(dsum, to: first, owned: false)
    let dy = Tensor(like: changes)
    tape.accumulateColumns(into: source) { gradient in
      let (to, dgate, dout) = (dy.pointer, gate.pointer(in: gradient), dsum.pointer)
      let (from, g) = (changes.pointer, gate.pointer(in: source.value))
      let kernel = dy.kernels.pointee.gated_add_gradient!
      dy.device.parallel(rows, cost: 3 * width) { begin, end, _ in
        kernel(to, dgate, dout, from, g, Int64(stride), Int64(width), begin, end)
      }
    }
    tape.add(dy, to: second)
  }
}

extension Tape {
  /// Adds to some columns of a gradient by a kernel; the other columns keep their numbers or become
  /// zero. If no gradient is wanted, the kernel writes into memory that is dropped.
  fileprivate func accumulateColumns(into source: Variable, _ write: (Tensor) -> Void) {
    guard source.needsGradient else {
      let dropped = Tensor(like: source.value)
      dropped.fill(with: 0)
      return write(dropped)
    }
    accumulate(into: source.place) { gradient, accumulate in
      if !accumulate { gradient.fill(with: 0) }
      write(gradient)
    }
  }
}
