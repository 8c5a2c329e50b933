// Element-wise operations: addition, SiLU, SwiGLU.

import CKernels
import Tensor

/// x + y, of equal shapes.
package func add(_ x: Variable, _ y: Variable) -> Variable {
  precondition(x.shape == y.shape, "add: shapes \(x.shape) and \(y.shape)")
  let sum = Tensor(like: x.value)
  sum.setToSum(x.value, y.value)
  let (first, second) = (x.place, y.place)
  return x.tape.record(sum, from: [x, y]) { tape, gradient in
    tape.add(gradient, to: first, owned: false)
    tape.add(gradient, to: second, owned: false)
  }
}

/// x[outer * repeats, ...] + y[outer, ...]: row block o of y is added to `repeats` consecutive
/// blocks of x. With outer = 1 this broadcasts over the batch.
package func addRepeated(_ x: Variable, _ y: Variable, repeats: Int) -> Variable {
  let (xv, yv) = (x.value, y.value)
  precondition(xv.count == yv.count * repeats, "addRepeated: \(x.shape), \(y.shape) x \(repeats)")
  let outer = x.shape[0] / repeats
  let inner = xv.count / x.shape[0]
  let sum = Tensor(like: xv)
  sum.run(
    .addRepeated(
      .init(out: sum.address, x: xv.address, y: yv.address, repeats: repeats, inner: inner)),
    over: x.shape[0])
  let (first, second, type) = (x.place, y.place, xv.type)
  return x.tape.record(sum, from: [x, y]) { tape, gradient in
    tape.add(gradient, to: first, owned: false)
    guard second.id != nil else { return }
    let dy = Tensor(uninitialized: second.shape, type: type, on: gradient.device)
    dy.run(
      .sumRepeats(
        .init(out: dy.address, x: gradient.address, outer: outer, repeats: repeats, inner: inner)),
      over: inner)
    tape.add(dy, to: second)
  }
}

/// x * sigmoid(x). Elfwing et al. 2018.
package func silu(_ x: Variable) -> Variable {
  let value = x.value
  let (rows, width) = (value.rows, value.width)
  func result() -> Tensor {
    let y = Tensor(like: value)
    y.run(.silu(.init(out: y.address, x: value.address, width: width)), over: rows)
    return y
  }
  return x.tape.record(result(), from: [x], recipe: result) { tape, dy in
    let dx = Tensor(like: value)
    dx.run(
      .siluGradient(.init(dx: dx.address, dy: dy.address, x: value.address, width: width)),
      over: rows)
    tape.add(dx, to: x.place)
  }
}

/// SiLU(a) * b for x[..., 2 width] = [a, b]. Shazeer 2020, arXiv 2002.05202.
package func swiglu(_ x: Variable) -> Variable {
  let value = x.value
  precondition(value.width % 2 == 0, "swiglu: odd width \(value.width)")
  let (rows, width) = (value.rows, value.width / 2)
  func result() -> Tensor {
    let y = Tensor(
      uninitialized: value.shape.dropLast() + [width], type: value.type, on: value.device)
    y.run(.swiglu(.init(out: y.address, x: value.address, width: width)), over: rows)
    return y
  }
  return x.tape.record(result(), from: [x], recipe: result) { tape, dy in
    let dx = Tensor(like: value)
    dx.run(
      .swigluGradient(.init(dx: dx.address, dy: dy.address, x: value.address, width: width)),
      over: rows)
    tape.add(dx, to: x.place)
  }
}
