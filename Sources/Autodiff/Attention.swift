// Scaled dot-product attention with rotary positions. Vaswani et al. 2017; Su et al. 2021.

import CKernels
import Tensor

/// Cosines and sines of the rotary angles: [tokens, size / 2] each.
package struct RotaryAngles {
  package let cosine: Tensor
  package let sine: Tensor

  package init(cosine: Tensor, sine: Tensor) {
    precondition(cosine.shape == sine.shape && cosine.shape.count == 2, "RotaryAngles: shapes")
    self.cosine = cosine
    self.sine = sine
  }

  var tokens: Int { cosine.shape[0] }
}

/// softmax(rope(q) rope(k)' / sqrt(size)) v of every head.
/// - Parameters:
///   - qkv: [batch, tokens, 3 * width], thirds q, k, v, heads side by side in each
///   - angles: of the tokens, for width / heads
/// - Returns: [batch, tokens, width]
package func attention(
  _ qkv: Variable, heads: Int, angles: RotaryAngles, causal: Bool
) -> Variable {
  let value = qkv.value
  let (batch, tokens, packed) = value.dimensions3
  let width = packed / 3
  precondition(angles.tokens == tokens, "attention: \(angles.tokens) angles, \(tokens) tokens")
  precondition(angles.cosine.width * 2 * heads == width, "attention: angles of another head size")
  let out = Tensor(
    uninitialized: [batch, tokens, width], type: value.type, on: value.device)
  var shape = attention_shape(
    batch: Int64(batch), tokens: Int64(tokens), heads: Int64(heads), size: Int64(width / heads),
    causal: causal ? 1 : 0)
  let scratch = Scratch(for: &shape, on: value)
  let cost = 4 * tokens * tokens * width / heads
  // Of one product of all heads; two forward, five backward with the scores made again.
  let products = batch * width * (causal ? tokens * (tokens + 1) / 2 : tokens * tokens)
  value.device.count(multiplyAdds: 2 * products)
  let (to, from) = (out.pointer, value.pointer)
  let (cosine, sine) = (angles.cosine.pointer, angles.sine.pointer)
  let (kernel, working) = (value.kernels.pointee.attention!, scratch.pointerOfThread)
  value.device.parallel(batch * heads, cost: cost) { [shape] begin, end, thread in
    withUnsafePointer(to: shape) {
      kernel(to, from, cosine, sine, $0, working(thread), begin, end)
    }
  }
  return qkv.tape.record(out, from: [qkv]) { [shape] tape, dout in
    let dqkv = Tensor(like: value)
    value.device.count(multiplyAdds: 5 * products)
    let (to, gradient, from) = (dqkv.pointer, dout.pointer, value.pointer)
    let (cosine, sine) = (angles.cosine.pointer, angles.sine.pointer)
    var shape = shape
    let scratch = Scratch(for: &shape, on: value)
    let (kernel, working) = (value.kernels.pointee.attention_gradient!, scratch.pointerOfThread)
    value.device.parallel(batch * heads, cost: 3 * cost) { [shape] begin, end, thread in
      withUnsafePointer(to: shape) {
        kernel(to, gradient, from, cosine, sine, $0, working(thread), begin, end)
      }
    }
    tape.add(dqkv, to: qkv.place)
  }
}

/// Rotated keys [batch, heads, size, stride] and values [batch, heads, stride, size] of the tokens
/// seen so far, stride the capacity in whole vectors.
package final class KeyValueCache {
  let keys: Tensor
  let values: Tensor
  package let capacity: Int
  package private(set) var count = 0
  private let stride: Int
  private let scratch: Tensor

  package init(
    batch: Int, heads: Int, capacity: Int, size: Int, type: ElementType, on device: Device
  ) {
    stride = (capacity + 15) / 16 * 16
    keys = Tensor(uninitialized: [batch, heads, size, stride], type: type, on: device)
    values = Tensor(uninitialized: [batch, heads, stride, size], type: type, on: device)
    scratch = Tensor(uninitialized: [device.threads, stride + size + 16], type: type, on: device)
    self.capacity = capacity
  }

  /// Appends the tokens of qkv[batch, tokens, 3 * width] and attends causally over all so far.
  /// The result, [batch, tokens, width], equals `attention` on the whole sequence to the bit.
  package func attend(_ qkv: Tensor, heads: Int, angles: RotaryAngles) -> Tensor {
    let (batch, tokens, packed) = qkv.dimensions3
    let width = packed / 3
    precondition(
      qkv.type == keys.type && keys.shape == [batch, heads, width / heads, stride],
      "KeyValueCache: \(qkv.shape) of \(qkv.type) for \(keys.shape) of \(keys.type)")
    precondition(count + tokens <= capacity, "KeyValueCache: \(count) + \(tokens) > \(capacity)")
    precondition(angles.tokens >= count + tokens, "KeyValueCache: too few angles")
    let out = Tensor(uninitialized: [batch, tokens, width], type: qkv.type, on: qkv.device)
    let shape = attention_shape(
      batch: Int64(batch), tokens: Int64(tokens), heads: Int64(heads),
      size: Int64(width / heads), causal: 1)
    let (to, from, k, v) = (out.pointer, qkv.pointer, keys.pointer, values.pointer)
    let first = count * (width / heads / 2)
    let (cosine, sine) = (angles.cosine.pointer(at: first), angles.sine.pointer(at: first))
    let (position, limit) = (Int64(count), Int64(stride))
    let (working, each) = (scratch.pointer, scratch.width * qkv.type.size)
    let kernel = qkv.kernels.pointee.attention_cached!
    let cost = 4 * tokens * (count + tokens) * width / heads
    qkv.device.parallel(batch * heads, cost: cost) { [shape] begin, end, thread in
      withUnsafePointer(to: shape) {
        kernel(
          to, k, v, from, cosine, sine, $0, position, limit, working + thread * each, begin, end)
      }
    }
    count += tokens
    return out
  }
}

/// Working memory of one thread each.
private struct Scratch {
  private let tensor: Tensor
  private let each: Int

  init(for shape: inout attention_shape, on like: Tensor) {
    each = (Int(like.kernels.pointee.attention_scratch!(&shape)) + 15) / 16 * 16
    tensor = Tensor(
      uninitialized: [like.device.threads, each], type: like.type, on: like.device)
  }

  /// Addresses alone: a recorded loop must not keep the memory from others.
  var pointerOfThread: (Int) -> UnsafeMutableRawPointer {
    let (start, bytes) = (tensor.pointer, each * tensor.type.size)
    return { start + $0 * bytes }
  }
}
