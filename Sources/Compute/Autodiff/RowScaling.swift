// Rows times factors that have no gradient.

import CKernels
import Tensor

/// factor[r] * x[r, :].
/// - Parameter factors: one per row of x
package func rowsScaled(_ x: Variable, by factors: Tensor) -> Variable {
  precondition(factors.count == x.value.rows, "rowsScaled: \(factors.count) for \(x.shape)")
  return x.tape.record(x.value.rowsScaled(by: factors), from: [x]) { tape, dy in
    tape.add(dy.rowsScaled(by: factors), to: x.place)
  }
}

extension Tensor {
  /// factor[r] * self[r, :].
  package func rowsScaled(by factors: Tensor) -> Tensor {
    let out = Tensor(like: self)
    out.run(
      .scaleRows(.init(out: out.address, x: address, factor: factors.address, width: width)),
      over: rows)
    return out
  }
}
