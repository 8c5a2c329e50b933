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

/// softmax(rope(q) rope(k)' / sqrt(size)) v for every head.
/// - Parameters:
///   - qkv: [batch, tokens, 3 * width], thirds q, k, v, heads side by side in each
///   - angles: angles of the tokens, for a head size of width / heads
/// - Returns: [batch, tokens, width]
package func attention(
  _ qkv: Variable, heads: Int, angles: RotaryAngles, causal: Bool
) -> Variable {
  // If products round their inputs anyhow, the backward pass can keep them rounded.
  let rounded = qkv.tape.roundsActivations ? RoundedTensor(qkv.value) : nil
  let value = rounded?.widened ?? qkv.value
  let (batch, tokens, packed) = value.dimensions3
  let width = packed / 3
  precondition(angles.tokens == tokens, "attention: \(angles.tokens) angles, \(tokens) tokens")
  precondition(angles.cosine.width * 2 * heads == width, "attention: angles of another head size")
  let out = Tensor(
    uninitialized: [batch, tokens, width], type: value.type, on: value.device)
  var shape = attention_shape(
    batch: Int64(batch), tokens: Int64(tokens), heads: Int64(heads), size: Int64(width / heads),
    causal: causal ? 1 : 0, rounded: qkv.tape.roundsKeys ? 1 : 0)
  let scratch = Scratch(for: &shape, on: value)
  let cost = 4 * tokens * tokens * width / heads
  // Multiply-adds of one product over all heads: two products forward, five backward, where the
  // scores are computed again.
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
  let kept = rounded.map { rounded in { rounded.widened } } ?? { value }
  let large = rounded != nil && out.byteCount >= Variable.worthRecomputing
  let result = large ? RoundedTensor(out) : nil
  let recipe = result.map { result in { result.widened } }
  let place = qkv.place
  return qkv.tape.record(out, from: [qkv], recipe: recipe) { [shape] tape, dout in
    let value = kept()
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
    tape.add(dqkv, to: place)
  }
}

/// Rotated keys and values of earlier tokens, in the layout of `attention_cached`.
package final class KeyValueCache {
  private let keys: Tensor
  private let values: Tensor
  private let width: Int
  private let shape: attention_shape
  package let capacity: Int
  package private(set) var count = 0
  private let stride: Int
  private let scratch: Tensor

  /// - Parameter tape: the tape of the surrounding operations; one that rounds keys halves the
  ///   memory
  package init(batch: Int, heads: Int, capacity: Int, size: Int, on tape: Tape) {
    self.capacity = capacity
    width = heads * size
    stride = (capacity + 15) / 16 * 16
    var shape = attention_shape(
      batch: Int64(batch), tokens: 1, heads: Int64(heads), size: Int64(size), causal: 1,
      rounded: tape.roundsKeys ? 1 : 0)
    let (type, device) = (tape.type, tape.device)
    let numbers = batch * width * stride
    let elements = tape.roundsKeys ? (2 * numbers + type.size - 1) / type.size : numbers
    keys = Tensor(uninitialized: [elements], type: type, on: device)
    values = Tensor(uninitialized: [elements], type: type, on: device)
    let each = Int(keys.kernels.pointee.attention_cached_scratch!(&shape, Int64(stride)))
    scratch = Tensor(
      uninitialized: [device.threads, (each + 15) / 16 * 16], type: type, on: device)
    self.shape = shape
  }

  /// Appends the tokens of qkv[batch, tokens, 3 * width] and attends causally over all so far. The
  /// result, [batch, tokens, width], equals that of `attention` on the whole sequence bit for bit.
  package func attend(_ qkv: Tensor, angles: RotaryAngles) -> Tensor {
    let (batch, tokens, packed) = qkv.dimensions3
    precondition(
      qkv.type == keys.type && batch == shape.batch && packed == 3 * width,
      "KeyValueCache: \(qkv.shape) of \(qkv.type) for \(shape.batch) rows of 3 x \(width)")
    precondition(count + tokens <= capacity, "KeyValueCache: \(count) + \(tokens) > \(capacity)")
    precondition(angles.tokens >= count + tokens, "KeyValueCache: too few angles")
    let out = Tensor(uninitialized: [batch, tokens, width], type: qkv.type, on: qkv.device)
    var shape = shape
    shape.tokens = Int64(tokens)
    let (to, from, k, v) = (out.pointer, qkv.pointer, keys.pointer, values.pointer)
    let (heads, size) = (Int(shape.heads), Int(shape.size))
    let first = count * (size / 2)
    let (cosine, sine) = (angles.cosine.pointer(at: first), angles.sine.pointer(at: first))
    let (position, limit) = (Int64(count), Int64(stride))
    let (working, each) = (scratch.pointer, scratch.width * qkv.type.size)
    let kernel = qkv.kernels.pointee.attention_cached!
    let cost = 4 * tokens * (count + tokens) * size
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

/// Working memory for each thread.
private struct Scratch {
  private let tensor: Tensor
  private let each: Int

  init(for shape: inout attention_shape, on like: Tensor) {
    each = (Int(like.kernels.pointee.attention_scratch!(&shape)) + 15) / 16 * 16
    tensor = Tensor(
      uninitialized: [like.device.threads, each], type: like.type, on: like.device)
  }

  /// Only addresses: a recorded loop must not keep the tensor, whose memory others may use
  /// meanwhile.
  var pointerOfThread: (Int) -> UnsafeMutableRawPointer {
    let (start, bytes) = (tensor.pointer, each * tensor.type.size)
    return { start + $0 * bytes }
  }
}
