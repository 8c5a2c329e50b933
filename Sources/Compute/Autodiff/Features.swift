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
  let (to, kernel) = (out.pointer, out.kernels.pointee.time_features!)
  let times = t.pointer.assumingMemoryBound(to: Double.self)
  let frequencies = (0..<half).map { exp(-log(10000) * Double($0) / Double(half)) }
  t.device.parallel(t.count, cost: 2 * half * 8) { begin, end, _ in
    frequencies.withUnsafeBufferPointer {
      kernel(to, times, $0.baseAddress, Int64(half), begin, end)
    }
  }
  return out
}

/// (y - mean) / sqrt(var + 1e-6) of each row, var over width - 1. He et al. 2022, arXiv 2111.06377.
package func patchNormalized(_ y: Tensor) -> Tensor {
  let out = Tensor(
    uninitialized: y.shape, type: y.type, on: y.device)
  let (to, from, width) = (out.pointer, y.pointer, Int64(y.width))
  let kernel = out.kernels.pointee.patch_normalize!
  y.device.parallel(y.rows, cost: 4 * y.width) { begin, end, _ in
    kernel(to, from, width, 1e-6, begin, end)
  }
  return out
}
