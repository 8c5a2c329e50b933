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
    x.run(.roundToBF16(.init(out: storage.address, x: x.address)), over: x.count)
  }

  /// The rounded numbers in the tensor's type again.
  var widened: Tensor {
    let x = Tensor(uninitialized: shape, type: storage.type, on: storage.device)
    x.run(.widenBF16(.init(out: x.address, x: storage.address)), over: x.count)
    return x
  }
}
