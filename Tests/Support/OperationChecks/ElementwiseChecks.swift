// Checks of element-wise operations.

import CKernels
import Tensor

let elementwiseChecks: [OperationCheck] = [
  OperationCheck("add", exact: true, stored: true) { b in
    let (rows, width) = (b.size(), b.size())
    let (out, x, y) = (
      b.activationOutput([rows, width]), b.activations([rows, width]), b.activations([rows, width])
    )
    b.runStored(.add(.init(out: out.address, a: x.address, b: y.address, width: width)), over: rows)
  },
  OperationCheck("combine") { b in
    let (rows, width) = (b.size(), b.size())
    let (out, x, y) = (b.output([rows, width]), b.input([rows, width]), b.input([rows, width]))
    b.run(
      .combine(
        .init(
          out: out.address, alpha: 0.75, x: x.address, beta: -1.25, y: y.address, width: width)),
      over: rows)
  },
  OperationCheck("silu") { b in
    let (rows, width) = (b.size(), b.size())
    let (out, x) = (b.output([rows, width]), b.input([rows, width]))
    b.run(.silu(.init(out: out.address, x: x.address, width: width)), over: rows)
  },
  OperationCheck("silu_gradient") { b in
    let (rows, width) = (b.size(), b.size())
    let (dx, dy, x) = (b.output([rows, width]), b.input([rows, width]), b.input([rows, width]))
    b.run(
      .siluGradient(.init(dx: dx.address, dy: dy.address, x: x.address, width: width)), over: rows)
  },
  OperationCheck("swiglu", stored: true) { b in
    let (rows, width) = (b.size(), b.size())
    let (out, x) = (b.activationOutput([rows, width]), b.activations([rows, 2 * width]))
    b.runStored(.swiglu(.init(out: out.address, x: x.address, width: width)), over: rows)
  },
  OperationCheck("swiglu_gradient", stored: true) { b in
    let (rows, width) = (b.size(), b.size())
    let (dx, dy) = (b.activationOutput([rows, 2 * width]), b.activations([rows, width]))
    let x = b.activations([rows, 2 * width])
    b.runStored(
      .swigluGradient(.init(dx: dx.address, dy: dy.address, x: x.address, width: width)),
      over: rows)
  },
  OperationCheck("relu", exact: true) { b in
    let (rows, width, more) = (b.size(), b.size(), b.number(0...3))
    let (out, x) = (b.output([rows, width + more]), b.input([rows, width]))
    b.run(
      .relu(
        .init(
          out: out.address, out_row: width + more, x: x.address, x_row: width, width: width)),
      over: rows)
  },
  OperationCheck("relu_gradient", exact: true) { b in
    let (rows, width) = (b.size(), b.size())
    let (dx, dy, y) = (b.output([rows, width]), b.input([rows, width]), b.input([rows, width]))
    b.run(
      .reluGradient(.init(dx: dx.address, dy: dy.address, y: y.address, width: width)), over: rows)
  },
  OperationCheck("absolute_difference_gradient", exact: true) { b in
    let (rows, width) = (b.size(), b.size())
    let (dx, x, y) = (b.output([rows, width]), b.input([rows, width]), b.input([rows, width]))
    b.run(
      .absoluteDifferenceGradient(
        .init(dx: dx.address, x: x.address, y: y.address, factor: 0.5, width: width)), over: rows)
  },
  OperationCheck("squared_difference_gradient") { b in
    let (rows, width) = (b.size(), b.size())
    let (dx, x, y) = (b.output([rows, width]), b.input([rows, width]), b.input([rows, width]))
    b.run(
      .squaredDifferenceGradient(
        .init(dx: dx.address, x: x.address, y: y.address, factor: 0.3, width: width)), over: rows)
  },
  OperationCheck("add_repeated", exact: true) { b in
    let (outer, repeats, inner) = (b.size(20), b.number(1...5), b.size())
    let x = b.input([outer * repeats, inner])
    let (out, y) = (b.output([outer * repeats, inner]), b.input([outer, inner]))
    b.run(
      .addRepeated(
        .init(out: out.address, x: x.address, y: y.address, repeats: repeats, inner: inner)),
      over: outer * repeats)
  },
  OperationCheck("sum_repeats") { b in
    let (outer, repeats, inner) = (b.size(20), b.number(1...5), b.size())
    let (out, x) = (b.output([outer, inner]), b.input([outer, repeats, inner]))
    b.run(
      .sumRepeats(
        .init(out: out.address, x: x.address, outer: outer, repeats: repeats, inner: inner)),
      over: inner)
  },
  OperationCheck("mean_repeats") { b in
    let (outer, repeats, inner, more) = (b.size(20), b.number(1...5), b.size(), b.number(0...3))
    let (out, x) = (b.output([outer, inner + more]), b.input([outer, repeats, inner]))
    b.run(
      .meanRepeats(
        .init(
          out: out.address, out_row: inner + more, x: x.address, repeats: repeats, inner: inner)),
      over: outer)
  },
  OperationCheck("interpolate") { b in
    let (outer, repeats, rows) = (b.number(1...4), b.number(1...4), b.size(20))
    let width = b.size()
    let (out, noise) = (
      b.output([outer, repeats, rows, width]), b.input([outer, repeats, rows, width])
    )
    let (z, t) = (b.input([outer, rows, width]), b.input([outer, repeats, rows]))
    b.run(
      .interpolate(
        .init(
          out: out.address, noise: noise.address, z: z.address, t: t.address, repeats: repeats,
          rows: rows, width: width)), over: outer * repeats)
  },
  OperationCheck("velocity", exact: true) { b in
    let (outer, repeats, inner) = (b.size(20), b.number(1...5), b.size())
    let (out, noise) = (b.output([outer, repeats, inner]), b.input([outer, repeats, inner]))
    let z = b.input([outer, inner])
    b.run(
      .velocity(
        .init(
          out: out.address, noise: noise.address, z: z.address, repeats: repeats, inner: inner)),
      over: outer * repeats)
  },
  OperationCheck("scale_rows", exact: true) { b in
    let (rows, width) = (b.size(), b.size())
    let (out, x, factor) = (b.output([rows, width]), b.input([rows, width]), b.input([rows]))
    b.run(
      .scaleRows(.init(out: out.address, x: x.address, factor: factor.address, width: width)),
      over: rows)
  },
  OperationCheck("gated_add") { b in
    let (rows, width, more) = (b.size(), b.size(), b.number(0...3))
    let (out, x, y) = (b.output([rows, width]), b.input([rows, width]), b.input([rows, width]))
    let gate = b.input([rows, width + more])
    b.run(
      .gatedAdd(
        .init(
          out: out.address, x: x.address, y: y.address, gate: gate.address, stride: width + more,
          width: width)), over: rows)
  },
  OperationCheck("gated_add_gradient") { b in
    let (rows, width, more) = (b.size(), b.size(), b.number(0...3))
    let (dy, dgate) = (b.output([rows, width]), b.changed([rows, width + more]))
    let (dout, y) = (b.input([rows, width]), b.input([rows, width]))
    let gate = b.input([rows, width + more])
    b.run(
      .gatedAddGradient(
        .init(
          dy: dy.address, dgate: dgate.address, dout: dout.address, y: y.address,
          gate: gate.address, stride: width + more, width: width)), over: rows)
  },
]
