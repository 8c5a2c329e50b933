// Attention one token after the other from cached keys and values, compared with attention over
// all.

import Tensor
import Testing

@testable import Autodiff

@Suite struct KeyValueCacheTests {
  struct Case: Sendable {
    let batch, heads, size, tokens, first: Int
    let type: ElementType
  }
  /// More pairs and tokens than one block, sums longer than one chain (384), an odd number of
  /// heads, small heads.
  static let cases = [
    Case(batch: 2, heads: 3, size: 64, tokens: 45, first: 7, type: .float32),
    Case(batch: 23, heads: 3, size: 4, tokens: 19, first: 1, type: .float32),
    Case(batch: 1, heads: 2, size: 12, tokens: 420, first: 3, type: .float32),
    Case(batch: 2, heads: 1, size: 20, tokens: 40, first: 2, type: .float64),
  ]

  private func normals(_ shape: [Int], _ n: UInt32, _ type: ElementType, _ device: Device) -> Tensor
  {
    Tensor(
      Philox(seed: 3).normals(shape.reduce(1, *), a: n, b: 0, stream: 97), shape, type: type,
      on: device)
  }

  private func outputs(_ c: Case, _ device: Device, _ products: ProductPrecision) -> [[Double]] {
    let tape = Tape(
      on: device, type: c.type, products: products, recording: false, packingWeights: true)
    let width = c.heads * c.size
    let qkv = normals([c.batch, c.tokens, 3 * width], 0, c.type, device)
    let angles = RotaryAngles(
      cosine: normals([c.tokens, c.size / 2], 1, c.type, device),
      sine: normals([c.tokens, c.size / 2], 2, c.type, device))
    let whole = attention(tape.constant(qkv), heads: c.heads, angles: angles, causal: true).value
    let cache = KeyValueCache(
      batch: c.batch, heads: c.heads, capacity: c.tokens, size: c.size, on: tape)
    let stepped = Tensor(
      uninitialized: [c.batch, c.tokens, width], type: c.type, on: device)
    // Several tokens at once, like class tokens, then one after the other.
    var at = 0
    while at < c.tokens {
      let end = at == 0 ? c.first : at + 1
      let new = Tensor(
        uninitialized: [c.batch, end - at, 3 * width], type: c.type, on: device)
      new.copyTokens(0..<end - at, from: qkv, at..<end)
      stepped.copyTokens(at..<end, from: cache.attend(new, angles: angles), 0..<end - at)
      at = end
    }
    #expect(cache.count == c.tokens)
    return [whole.download().doubles, stepped.download().doubles]
  }

  @Test(arguments: InstructionSet.allCases.filter { $0.rawValue <= InstructionSet.best.rawValue })
  func equalsAttentionOverAllTokens(_ set: InstructionSet) {
    for c in Self.cases {
      let device = Device(threads: 3, instructions: set)
      let full = outputs(c, device, .full)
      #expect(full[0] == full[1], "\(c)")
      let rounded = outputs(c, device, .bfloat16)
      #expect(rounded[0] == rounded[1], "\(c), rounded")
      // Keys and values are rounded, by 2^-8 of each, only if products are.
      let rounds = c.type == .float32 && device.multipliesBFloat16
      let difference = zip(full[0], rounded[0]).map { abs($0 - $1) }.max()!
      #expect(rounds ? (1e-4..<0.2).contains(difference) : difference == 0, "\(c): \(difference)")
    }
  }
}
