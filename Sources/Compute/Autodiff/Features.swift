// Inputs computed from numbers that carry no gradient.

import CKernels
import Tensor

#if canImport(Glibc)
  import Glibc
#endif

/// [cos, sin] of 1000 t exp(-ln(10000) j / half), in float64, rounded once: [t.count, 2 * half].
/// - Parameter t: float64
package func timeFeatures(_ t: Tensor, half: Int, type: ElementType) -> Tensor {
  precondition(t.type == .float64, "timeFeatures: times of \(t.type)")
  let out = Tensor(uninitialized: [t.count, 2 * half], type: type, on: t.device)
  let frequencies = DeviceList(
    (0..<half).map { exp(-log(10000) * Double($0) / Double(half)) }, on: t.device)
  out.run(
    .timeFeatures(
      .init(out: out.address, t: t.address, frequencies: frequencies.address, half: half)),
    over: t.count)
  return out
}

/// (y - mean) / sqrt(var + 1e-6) of each row, var over width - 1. He et al. 2022, arXiv 2111.06377.
package func patchNormalized(_ y: Tensor) -> Tensor {
  let out = Tensor(like: y)
  out.run(
    .patchNormalize(.init(out: out.address, y: y.address, width: y.width, epsilon: 1e-6)),
    over: y.rows)
  return out
}
