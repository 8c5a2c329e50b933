// Activations kept rounded, in half the memory.

import CKernels
import Tensor

/// Numbers rounded to bfloat16: 8 bits of significand, ties to even.
struct RoundedTensor {
  let shape: [Int]
  /// Two numbers in the memory of one.
  let storage: Tensor

  init(_ x: Tensor) {
    shape = x.shape
    storage = Tensor(
      uninitialized: [(x.count * 2 + x.type.size - 1) / x.type.size], type: x.type, on: x.device)
    let (to, from, round) = (storage.pointer, x.pointer, x.kernels.pointee.round_to_bf16!)
    x.device.parallel(x.count, cost: 1) { begin, end, _ in round(to, from, begin, end) }
  }

  /// The rounded numbers in the tensor's type again.
  var widened: Tensor {
    let x = Tensor(uninitialized: shape, type: storage.type, on: storage.device)
    let (to, from, widen) = (x.pointer, storage.pointer, x.kernels.pointee.widen_bf16!)
    x.device.parallel(x.count, cost: 1) { begin, end, _ in widen(to, from, begin, end) }
    return x
  }
}
