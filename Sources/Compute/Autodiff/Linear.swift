// y = x W' + b and its derivative.

import CKernels
import Tensor

/// y[..., out] = x[..., in] W[out, in]' (+ b[out]).
package func linear(_ x: Variable, weight: Variable, bias: Variable?) -> Variable {
  let (outputs, inputs) = weight.value.dimensions2
  let rows = x.value.rows
  precondition(x.value.width == inputs, "linear: width \(x.value.width) into [out, \(inputs)]")
  let y = Tensor(
    uninitialized: x.shape.dropLast() + [outputs], type: x.value.type, on: x.value.device)
  matrixProduct(
    into: Matrix(y), Matrix(x.value), Matrix(weight.value).transposed, m: rows, n: outputs,
    k: inputs, bias: bias?.value, precision: x.tape.products)
  let (place, kept) = (x.place, x.kept)
  return x.tape.record(y, from: [x, weight] + (bias.map { [$0] } ?? [])) { tape, dy in
    tape.accumulate(into: place) { dx, accumulate in
      matrixProduct(
        into: Matrix(dx), Matrix(dy), Matrix(weight.value), m: rows, n: inputs, k: outputs,
        accumulate: accumulate, precision: tape.products)
    }
    tape.accumulate(into: weight.place) { dw, accumulate in
      matrixProduct(
        into: Matrix(dw), Matrix(dy).transposed, Matrix(kept()), m: outputs, n: inputs, k: rows,
        accumulate: accumulate, precision: tape.products)
    }
    if let bias { tape.add(columnSums(dy), to: bias.place) }
  }
}

/// The sum over rows: [..., width] -> [width].
func columnSums(_ x: Tensor) -> Tensor {
  let sums = Tensor(uninitialized: [x.width], type: x.type, on: x.device)
  let (out, from, rows, width) = (sums.pointer, x.pointer, Int64(x.rows), Int64(x.width))
  let kernel = x.kernels.pointee.column_sums!
  // Each thread gets whole cache lines of columns.
  x.device.parallelColumns(x.width, cost: x.rows) { kernel(out, from, rows, width, $0, $1) }
  return sums
}

extension Device {
  /// Runs a loop over columns in shares of whole cache lines, so that no two threads write to one
  /// line.
  func parallelColumns(
    _ width: Int, cost: Int, _ body: @escaping (Int64, Int64) -> Void
  ) {
    let line = 16
    parallel((width + line - 1) / line, cost: cost * line) { begin, end, _ in
      body(begin * Int64(line), min(end * Int64(line), Int64(width)))
    }
  }
}
