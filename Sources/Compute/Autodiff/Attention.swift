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
  let value = qkv.value
  let (batch, tokens, packed) = value.dimensions3
  let width = packed / 3
  precondition(angles.tokens == tokens, "attention: \(angles.tokens) angles, \(tokens) tokens")
  precondition(angles.cosine.width * 2 * heads == width, "attention: angles of another head size")
  let out = Tensor(
    uninitialized: [batch, tokens, width], type: value.type, on: value.device)
  let shape = AttentionShape(
    batch: batch, tokens: tokens, heads: heads, size: width / heads, causal: causal,
    rounded: qkv.tape.roundsKeys)
  // Multiply-adds of one product over all heads: two products forward, five backward, where the
  // scores are computed again.
  let products = batch * width * (causal ? tokens * (tokens + 1) / 2 : tokens * tokens)
  value.device.count(multiplyAdds: 2 * products)
  out.run(
    .attention(
      .init(
        out: out.address, qkv: value.address, cosine: angles.cosine.address,
        sine: angles.sine.address, shape: shape)), over: batch * heads)
  let place = qkv.place
  return qkv.tape.record(out, from: [qkv]) { tape, dout in
    let dqkv = Tensor(like: value)
    value.device.count(multiplyAdds: 5 * products)
    dqkv.run(
      .attentionGradient(
        .init(
          dqkv: dqkv.address, dout: dout.address, qkv: value.address,
          cosine: angles.cosine.address, sine: angles.sine.address, shape: shape)),
      over: batch * heads)
    tape.add(dqkv, to: place)
  }
}

/// Rotated keys and values of earlier tokens, in the layout of `attention_cached`.
package final class KeyValueCache {
  private let keys: Tensor
  private let values: Tensor
  private let width: Int
  private let shape: AttentionShape
  package let capacity: Int
  package private(set) var count = 0
  private let stride: Int

  /// - Parameter tape: the tape of the surrounding operations; one that rounds keys halves the
  ///   memory
  package init(batch: Int, heads: Int, capacity: Int, size: Int, on tape: Tape) {
    self.capacity = capacity
    width = heads * size
    stride = (capacity + 15) / 16 * 16
    shape = AttentionShape(
      batch: batch, tokens: 1, heads: heads, size: size, causal: true, rounded: tape.roundsKeys)
    let numbers = batch * width * stride
    let elements = tape.roundsKeys ? (2 * numbers + tape.type.size - 1) / tape.type.size : numbers
    keys = Tensor(uninitialized: [elements], type: tape.type, on: tape.device)
    values = Tensor(uninitialized: [elements], type: tape.type, on: tape.device)
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
    shape.tokens = tokens
    let first = count * (shape.size / 2)
    out.run(
      .attentionCached(
        .init(
          out: out.address, keys: keys.address, values: values.address, qkv: qkv.address,
          cosine: angles.cosine.address(at: first), sine: angles.sine.address(at: first),
          shape: shape, position: count, capacity: stride)), over: batch * shape.heads)
    count += tokens
    return out
  }
}
