// Norms over the last dimension.

import CKernels
import Tensor

/// x * rsqrt(mean(x^2) + epsilon) * gain. Zhang & Sennrich 2019, arXiv 1910.07467.
/// - Parameter type: that of the result; the tape's, or that of its activations
package func rmsNormalized(
  _ x: Variable, gain: Variable, epsilon: Double = 1e-6, as type: ElementType? = nil
) -> Variable {
  let (value, g) = (x.value, gain.value)
  let (rows, width) = (value.rows, value.width)
  precondition(g.count == width, "rmsNormalized: gain \(gain.shape) for width \(width)")
  let inverse = Tensor(uninitialized: [rows], type: value.type, on: value.device)
  func result() -> Tensor {
    let y = Tensor(like: value, type: type)
    y.run(
      .rmsNorm(
        .init(
          out: y.address, inverse: inverse.address, x: value.address, gain: g.address,
          width: width, epsilon: epsilon)), over: rows)
    return y
  }
  return x.tape.record(result(), from: [x, gain], recipe: result) { tape, dy in
    if x.needsGradient {
      let dx = Tensor(like: value)
      dy.run(
        .rmsNormGradient(
          .init(
            dx: dx.address, dy: dy.address, x: value.address, gain: g.address,
            inverse: inverse.address, width: width)), over: rows)
      tape.add(dx, to: x.place)
    }
    if gain.needsGradient {
      let dgain = Tensor(like: g)
      dy.run(
        .rmsNormGainGradient(
          .init(
            dgain: dgain.address, dy: dy.address, x: value.address, inverse: inverse.address,
            rows: rows, width: width)), over: width)
      tape.add(dgain, to: gain.place)
    }
  }
}

/// (x - mean) * rsqrt(var + epsilon), times gain plus bias if given.
/// Ba, Kiros & Hinton 2016, arXiv 1607.06450.
/// - Parameter type: that of the result; the tape's, or that of its activations
package func layerNormalized(
  _ x: Variable, gain: Variable? = nil, bias: Variable? = nil, epsilon: Double = 1e-6,
  as type: ElementType? = nil
) -> Variable {
  let (value, g) = (x.value, gain?.value)
  let (rows, width) = (value.rows, value.width)
  let y = Tensor(like: value, type: type)
  let statistics = Tensor(uninitialized: [rows, 2], type: value.type, on: value.device)
  y.run(
    .layerNorm(
      .init(
        out: y.address, statistics: statistics.address, x: value.address, gain: g.address,
        bias: (bias?.value).address, width: width, epsilon: epsilon)), over: rows)
  let inputs = [x] + [gain, bias].compactMap { $0 }
  return x.tape.record(y, from: inputs) { tape, dy in
    if x.needsGradient {
      let dx = Tensor(like: value)
      dy.run(
        .layerNormGradient(
          .init(
            dx: dx.address, dy: dy.address, x: value.address, gain: g.address,
            statistics: statistics.address, width: width)), over: rows)
      tape.add(dx, to: x.place)
    }
    if let gain, let bias, gain.needsGradient {
      let (dgain, dbias) = (Tensor(like: gain.value), Tensor(like: bias.value))
      dy.run(
        .layerNormParameterGradient(
          .init(
            dgain: dgain.address, dbias: dbias.address, dy: dy.address, x: value.address,
            statistics: statistics.address, rows: rows, width: width)), over: width)
      tape.add(dgain, to: gain.place)
      tape.add(dbias, to: bias.place)
    }
  }
}

/// x * sqrt(width) / sqrt(sum x^2 + 1e-12): the sphere of model.md section 3.3.
package func sphereNormalized(_ x: Variable, epsilon: Double = 1e-12) -> Variable {
  let value = x.value
  let (rows, width) = (value.rows, value.width)
  let y = Tensor(like: value)
  let inverse = Tensor(uninitialized: [rows], type: value.type, on: value.device)
  y.run(
    .sphereNorm(
      .init(
        out: y.address, inverse: inverse.address, x: value.address, width: width,
        epsilon: epsilon)), over: rows)
  return x.tape.record(y, from: [x]) { tape, dy in
    let dx = Tensor(like: value)
    dx.run(
      .sphereNormGradient(
        .init(
          dx: dx.address, dy: dy.address, x: value.address, inverse: inverse.address,
          width: width)), over: rows)
    tape.add(dx, to: x.place)
  }
}
