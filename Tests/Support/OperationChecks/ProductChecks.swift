// Checks of products, attention and images.

import CKernels
import Tensor

let productChecks: [OperationCheck] = [
  OperationCheck("matrix_product") { b in product(b, rounded: false) },
  OperationCheck("matrix_product rounded", stored: true) { b in product(b, rounded: true) },
  OperationCheck("matrix_product any", stored: true) { b in
    product(b, rounded: true, anyOrder: true)
  },
  OperationCheck("pack_weights") { b in packed(b, rounded: false) },
  OperationCheck("multiply_packed") { b in packed(b, rounded: false) },
  OperationCheck("multiply_packed rounded") { b in packed(b, rounded: true) },
]

private func product(_ b: Bench, rounded: Bool, anyOrder: Bool = false) {
  let (m, n, k) = (b.size(), b.size(), b.size())
  let (turnsA, turnsB, accumulates, hasBias) = (b.chance(), b.chance(), b.chance(), b.chance())
  // Any of the three may be kept in bfloat16.
  let (storesA, storesB, storesC) = (b.chance(), b.chance(), b.chance())
  let more = b.number(0...3)
  func result() -> Tensor {
    let shape = [m, n + more]
    if !storesC { return accumulates ? b.changed(shape) : b.output(shape) }
    guard accumulates else { return b.activationOutput(shape) }
    let begun = b.activations(shape)
    b.look(at: begun)
    return begun
  }
  let c = result()
  let x = storesA ? b.activations([m, k]) : b.input([m, k])
  let y = storesB ? b.activations([k, n]) : b.input([k, n])
  let bias = b.input([n])
  func isStored(_ tensor: Tensor) -> Bool { tensor.type == .bfloat16 }
  b.run(
    .matrixProduct(
      .init(
        c: c.address, c_row: n + more, a: x.address, a_row: turnsA ? 1 : k,
        a_column: turnsA ? m : 1, b: y.address, b_row: turnsB ? 1 : n, b_column: turnsB ? k : 1,
        bias: hasBias ? bias.address : DeviceAddress(), m: m, n: n, k: k, accumulate: accumulates,
        rounded: rounded, a_bf16: isStored(x), b_bf16: isStored(y), c_bf16: isStored(c),
        any_order: anyOrder)))
}

private func packed(_ b: Bench, rounded: Bool) {
  let (rows, outputs, inputs, more) = (b.size(), b.size(), b.size(), b.number(0...3))
  let (w, bias, x) = (
    b.input([outputs, inputs]), b.input([outputs]), b.input([rows, inputs + more])
  )
  let y = b.output([rows, outputs + more])
  b.held(PackedWeights(w, bias: b.chance() ? bias : nil, precision: rounded ? .bfloat16 : .full))
    .multiply(x, into: y, column: more)
}

let attentionChecks: [OperationCheck] = [
  // Rotated queries and keys are rounded as well, and a score's error is one of its exponential.
  OperationCheck("attention", stored: true, roundedTolerance: 1e-2) { b in
    let head = Heads(b)
    let out = b.activationOutput([head.shape.batch, head.shape.tokens, head.width])
    b.runStored(
      .attention(
        .init(
          out: out.address, qkv: head.qkv.address, cosine: head.cosine.address,
          sine: head.sine.address, shape: head.shape)), over: head.pairs)
  },
  OperationCheck("attention_gradient", stored: true, roundedTolerance: 1.5e-2) { b in
    let head = Heads(b)
    let dqkv = b.activationOutput([head.shape.batch, head.shape.tokens, 3 * head.width])
    let dout = b.activations([head.shape.batch, head.shape.tokens, head.width])
    b.runStored(
      .attentionGradient(
        .init(
          dqkv: dqkv.address, dout: dout.address, qkv: head.qkv.address,
          cosine: head.cosine.address, sine: head.sine.address, shape: head.shape)),
      over: head.pairs)
  },
  OperationCheck("attention_cached") { b in cached(b, rounded: false) },
]

/// Heads of random sizes, with angles of their tokens.
private struct Heads {
  let shape: AttentionShape
  let width: Int
  let pairs: Int
  let qkv, cosine, sine: Tensor

  init(_ b: Bench) {
    let size = 2 * b.number(1...(b.chance() ? 64 : 18))
    shape = AttentionShape(
      batch: b.number(1...2), tokens: b.size(70), heads: b.number(1...3), size: size,
      causal: b.chance(), rounded: false)
    width = shape.heads * size
    pairs = shape.batch * shape.heads
    qkv = b.activations([shape.batch, shape.tokens, 3 * width])
    (cosine, sine) = b.angles([shape.tokens, size / 2])
  }
}

/// Some tokens at once, then one after the other.
private func cached(_ b: Bench, rounded: Bool) {
  let (batch, heads, size) = (b.number(1...2), b.number(1...3), 2 * b.number(1...18))
  let (first, others) = (b.size(40), b.number(1...4))
  let (width, capacity) = (heads * size, (first + others + 15) / 16 * 16)
  let (keys, values) = (b.output([batch * width * capacity]), b.output([batch * width * capacity]))
  var position = 0
  for tokens in [first] + [Int](repeating: 1, count: others) {
    let qkv = b.input([batch, tokens, 3 * width])
    let (cosine, sine) = b.angles([tokens, size / 2])
    let out = b.output([batch, tokens, width])
    b.run(
      .attentionCached(
        .init(
          out: out.address, keys: keys.address, values: values.address, qkv: qkv.address,
          cosine: cosine.address, sine: sine.address,
          shape: AttentionShape(
            batch: batch, tokens: tokens, heads: heads, size: size, causal: true, rounded: rounded),
          position: position, capacity: capacity)), over: batch * heads)
    position += tokens
  }
}

let imageChecks: [OperationCheck] = [
  OperationCheck("convolve") { b in convolution(b, rounded: false) },
  OperationCheck("convolve rounded") { b in convolution(b, rounded: b.device.roundsConvolutions) },
  OperationCheck("convolve_points") { b in
    let (pixels, inputs) = (b.size(), b.size())
    let x = b.input([pixels, inputs])
    var branches = [PointBranch](repeating: PointBranch(), count: 4)
    let count = b.number(1...4)
    for i in 0..<count {
      let (outputs, more, relu) = (b.size(90), b.number(0...3), b.chance())
      let weights = b.held(
        PackedWeights(b.input([outputs, inputs]), bias: b.input([outputs]), precision: .full))
      branches[i] = PointBranch(
        y: b.output([pixels, outputs + more]).address, y_row: outputs + more,
        packed: weights.address, bias: weights.biasAddress, outputs: outputs, relu: relu)
    }
    b.run(
      .convolvePoints(
        .init(
          x: x.address, count: count, pixels: pixels, inputs: inputs,
          branches: (branches[0], branches[1], branches[2], branches[3]))))
  },
  OperationCheck("max_pool", exact: true) { b in
    let (window, count) = (window(b), b.number(1...2))
    let shape = [count, window.out_height, window.out_width, window.channels]
    let (out, which) = (b.output(shape), b.output(shape))
    let x = b.input([count, window.height, window.width, window.channels])
    b.run(
      .maxPool(.init(out: out.address, which: which.address, x: x.address, shape: window)),
      over: out.rows)
  },
  OperationCheck("max_pool_gradient") { b in
    let (window, count) = (window(b), b.number(1...2))
    let shape = [count, window.out_height, window.out_width, window.channels]
    let (out, which) = (b.output(shape), b.output(shape))
    let x = b.input([count, window.height, window.width, window.channels])
    b.run(
      .maxPool(.init(out: out.address, which: which.address, x: x.address, shape: window)),
      over: out.rows)
    let (dx, dy) = (b.output(x.shape), b.input(shape))
    b.run(
      .maxPoolGradient(
        .init(dx: dx.address, dy: dy.address, which: which.address, shape: window)), over: dx.rows)
  },
  OperationCheck("average_pool") { b in
    let (window, count) = (window(b), b.number(1...2))
    let out = b.output([count, window.out_height, window.out_width, window.channels])
    let x = b.input([count, window.height, window.width, window.channels])
    b.run(.averagePool(.init(out: out.address, x: x.address, shape: window)), over: out.rows)
  },
  OperationCheck("feature_distance") { b in
    let (rows, width) = (b.size() * 2, b.size())
    let partial = b.sums((rows + Int(FEATURE_ROWS) - 1) / Int(FEATURE_ROWS))
    let (x, y) = (b.input([rows, width]), b.input([rows, width]))
    let weight = b.input([width], positive: true)
    b.run(
      .featureDistance(
        .init(
          partial: partial.address, x: x.address, y: y.address, weight: weight.address,
          width: width, rows: rows)), over: partial.count)
  },
  OperationCheck("feature_distance_gradient") { b in
    let (rows, width) = (b.size(), b.size())
    let (dx, x) = (b.output([rows, width]), b.input([rows, width], positive: true))
    let (y, weight) = (b.input([rows, width], positive: true), b.input([width], positive: true))
    b.run(
      .featureDistanceGradient(
        .init(
          dx: dx.address, x: x.address, y: y.address, weight: weight.address, factor: 0.5,
          width: width)), over: rows)
  },
]

private func convolution(_ b: Bench, rounded: Bool) {
  let (window, count, outputs) = (window(b), b.number(1...2), b.size(80))
  let depth = window.kernel_height * window.kernel_width * window.channels
  let (relu, more, pixels) = (
    b.chance(), b.number(0...3), count * window.out_height * window.out_width
  )
  let x = b.input([count, window.height, window.width, window.channels])
  let weights = b.held(
    PackedWeights(
      b.input([outputs, depth]), bias: b.input([outputs]), precision: rounded ? .bfloat16 : .full))
  let y = b.output([pixels, outputs + more])
  b.run(
    .convolve(
      .init(
        y: y.address, y_row: outputs + more, x: x.address, packed: weights.address,
        bias: weights.biasAddress, shape: window, pixels: pixels, outputs: outputs, relu: relu,
        rounded: rounded)))
}

private func window(_ b: Bench) -> WindowShape {
  let kernel = (b.number(1...3), b.number(1...3))
  let stride = (b.number(1...2), b.number(1...2))
  let padding = (b.number(0...kernel.0 - 1), b.number(0...kernel.1 - 1))
  let (height, width) = (b.number(3...9), b.number(3...9))
  return WindowShape(
    height: height, width: width, channels: b.size(40),
    out_height: (height + 2 * padding.0 - kernel.0) / stride.0 + 1,
    out_width: (width + 2 * padding.1 - kernel.1) / stride.1 + 1, kernel_height: kernel.0,
    kernel_width: kernel.1, stride_y: stride.0, stride_x: stride.1, pad_y: padding.0,
    pad_x: padding.1)
}
