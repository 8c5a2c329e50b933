// y = x W' + b and its derivative.

import CKernels
import Tensor

/// y[..., out] = x[..., in] W[out, in]' (+ b[out]).
/// - Parameter type: that of y; the tape's, or that of its activations
package func linear(
  _ x: Variable, weight: Variable, bias: Variable?, as type: ElementType? = nil
) -> Variable {
  let (outputs, inputs) = weight.value.dimensions2
  let rows = x.value.rows
  precondition(x.value.width == inputs, "linear: width \(x.value.width) into [out, \(inputs)]")
  let y = Tensor(
    uninitialized: x.shape.dropLast() + [outputs], type: type ?? x.tape.type, on: x.value.device)
  matrixProduct(
    into: Matrix(y), Matrix(x.value), Matrix(weight.value).transposed, m: rows, n: outputs,
    k: inputs, bias: bias?.value, precision: x.tape.products, anyOrder: x.tape.isRecording)
  let (place, kept) = (x.place, x.kept)
  return x.tape.record(y, from: [x, weight] + (bias.map { [$0] } ?? [])) { tape, dy in
    tape.accumulate(into: place) { dx, accumulate in
      matrixProduct(
        into: Matrix(dx), Matrix(dy), Matrix(weight.value), m: rows, n: inputs, k: outputs,
        accumulate: accumulate, precision: tape.products, anyOrder: true)
    }
    tape.accumulate(into: weight.place) { dw, accumulate in
      matrixProduct(
        into: Matrix(dw), Matrix(dy).transposed, Matrix(kept()), m: outputs, n: inputs, k: rows,
        accumulate: accumulate, precision: tape.products, anyOrder: true)
    }
    if let bias { tape.add(columnSums(dy), to: bias.place) }
  }
}

/// The sum over rows: [..., width] -> [width].
func columnSums(_ x: Tensor) -> Tensor {
  let sums = Tensor(uninitialized: [x.width], type: x.type.wide, on: x.device)
  x.run(
    .columnSums(.init(out: sums.address, x: x.address, rows: x.rows, width: x.width)),
    over: x.width)
  return sums
}
