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

  fileprivate func address(in tensor: Tensor) -> DeviceAddress { tensor.address(at: first) }
}

/// LayerNorm(x) * (1 + scale) + shift, all [..., width]; scale and shift are columns of one
/// modulation, gain and bias [width] belong to the norm.
/// - Parameter type: that of the result; the tape's, or that of its activations
package func layerNormModulated(
  _ x: Variable, gain: Variable? = nil, bias: Variable? = nil, scale: ModulationColumns,
  shift: ModulationColumns, epsilon: Double = 1e-6, as type: ElementType? = nil
) -> Variable {
  let (value, source) = (x.value, scale.source)
  let (rows, width, stride) = (value.rows, value.width, source.value.width)
  precondition(source.value.rows == rows, "layerNormModulated: \(x.shape) by \(source.shape)")
  let statistics = Tensor(uninitialized: [rows, 2], type: value.type, on: value.device)
  func result() -> Tensor {
    let y = Tensor(like: value, type: type)
    y.run(
      .layerNormModulated(
        .init(
          out: y.address, statistics: statistics.address, x: value.address,
          gain: (gain?.value).address, bias: (bias?.value).address,
          scale: scale.address(in: source.value), shift: shift.address(in: source.value),
          stride: stride, width: width, epsilon: epsilon)), over: rows)
    return y
  }
  let inputs = [x, source] + [gain, bias].compactMap { $0 }
  return x.tape.record(result(), from: inputs, recipe: result) { tape, dy in
    let dx = Tensor(like: value)
    tape.accumulateColumns(into: source) { gradient in
      dy.run(
        .layerNormModulatedGradient(
          .init(
            dx: dx.address, dscale: scale.address(in: gradient),
            dshift: shift.address(in: gradient), dy: dy.address, x: value.address,
            gain: (gain?.value).address, bias: (bias?.value).address,
            scale: scale.address(in: source.value), statistics: statistics.address,
            stride: stride, width: width)), over: rows)
    }
    tape.add(dx, to: x.place)
    if let gain, let bias, gain.needsGradient {
      let (dgain, dbias) = (Tensor(like: gain.value), Tensor(like: bias.value))
      dy.run(
        .layerNormModulatedParameterGradient(
          .init(
            dgain: dgain.address, dbias: dbias.address, dy: dy.address, x: value.address,
            scale: scale.address(in: source.value), statistics: statistics.address, rows: rows,
            stride: stride, width: width)), over: width)
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
  sum.run(
    .gatedAdd(
      .init(
        out: sum.address, x: value.address, y: y.value.address,
        gate: gate.address(in: source.value), stride: stride, width: width)), over: rows)
  let (first, second, changes) = (x.place, y.place, y.value)
  return x.tape.record(sum, from: [x, y, source]) { tape, dsum in
    tape.add(dsum, to: first, owned: false)
    let dy = Tensor(like: changes)
    tape.accumulateColumns(into: source) { gradient in
      dy.run(
        .gatedAddGradient(
          .init(
            dy: dy.address, dgate: gate.address(in: gradient), dout: dsum.address,
            y: changes.address, gate: gate.address(in: source.value), stride: stride,
            width: width)), over: rows)
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
