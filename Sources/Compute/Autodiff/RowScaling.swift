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
    let (to, from, factor, width) = (out.pointer, pointer, factors.pointer, self.width)
    let kernel = kernels.pointee.scale_rows!
    device.parallel(rows, cost: width) { begin, end, _ in
      kernel(to, from, factor, Int64(width), begin, end)
    }
    return out
  }
}
