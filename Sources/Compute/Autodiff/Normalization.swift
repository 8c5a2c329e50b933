// Norms over the last dimension.

import CKernels
import Tensor

/// x * rsqrt(mean(x^2) + epsilon) * gain. Zhang & Sennrich 2019, arXiv 1910.07467.
package func rmsNormalized(_ x: Variable, gain: Variable, epsilon: Double = 1e-6) -> Variable {
  let value = x.value
  let (rows, width) = (value.rows, value.width)
  precondition(gain.value.count == width, "rmsNormalized: gain \(gain.shape) for width \(width)")
  let inverse = Tensor(uninitialized: [rows], type: value.type, on: value.device)
  func result() -> Tensor {
    let y = Tensor(like: value)
    let (out, factor, from, g) = (y.pointer, inverse.pointer, value.pointer, gain.value.pointer)
    let kernel = y.kernels.pointee.rms_norm!
    y.device.parallel(rows, cost: 2 * width) { begin, end, _ in
      kernel(out, factor, from, g, Int64(width), epsilon, begin, end)
    }
    return y
  }
  return x.tape.record(result(), from: [x, gain], recipe: result) { tape, dy in
    let (gradient, from, factor) = (dy.pointer, value.pointer, inverse.pointer)
    if x.needsGradient {
      let dx = Tensor(like: value)
      let (to, g, kernel) = (dx.pointer, gain.value.pointer, dx.kernels.pointee.rms_norm_gradient!)
      dx.device.parallel(rows, cost: 4 * width) { begin, end, _ in
        kernel(to, gradient, from, g, factor, Int64(width), begin, end)
      }
      tape.add(dx, to: x.place)
    }
    if gain.needsGradient {
      let dgain = Tensor(like: gain.value)
      let (to, kernel) = (dgain.pointer, dgain.kernels.pointee.rms_norm_gain_gradient!)
      dgain.device.parallelColumns(width, cost: 2 * rows) {
        kernel(to, gradient, from, factor, Int64(rows), Int64(width), $0, $1)
      }
      tape.add(dgain, to: gain.place)
    }
  }
}

/// (x - mean) * rsqrt(var + epsilon), times gain plus bias if given.
/// Ba, Kiros & Hinton 2016, arXiv 1607.06450.
package func layerNormalized(
  _ x: Variable, gain: Variable? = nil, bias: Variable? = nil, epsilon: Double = 1e-6
) -> Variable {
  let value = x.value
  let (rows, width) = (value.rows, value.width)
  let y = Tensor(like: value)
  let statistics = Tensor(uninitialized: [rows, 2], type: value.type, on: value.device)
  let (out, kept, from) = (y.pointer, statistics.pointer, value.pointer)
  let (g, b) = (gain?.value.pointer, bias?.value.pointer)
  let kernel = y.kernels.pointee.layer_norm!
  y.device.parallel(rows, cost: 3 * width) { begin, end, _ in
    kernel(out, kept, from, g, b, Int64(width), epsilon, begin, end)
  }
  let inputs = [x] + [gain, bias].compactMap { $0 }
  return x.tape.record(y, from: inputs) { tape, dy in
    let (gradient, from, kept) = (dy.pointer, value.pointer, statistics.pointer)
    if x.needsGradient {
      let dx = Tensor(like: value)
      let (to, g) = (dx.pointer, gain?.value.pointer)
      let kernel = dx.kernels.pointee.layer_norm_gradient!
      dx.device.parallel(rows, cost: 4 * width) { begin, end, _ in
        kernel(to, gradient, from, g, kept, Int64(width), begin, end)
      }
      tape.add(dx, to: x.place)
    }
    if let gain, let bias, gain.needsGradient {
      let (dgain, dbias) = (Tensor(like: gain.value), Tensor(like: bias.value))
      let (toGain, toBias) = (dgain.pointer, dbias.pointer)
      let kernel = dgain.kernels.pointee.layer_norm_parameter_gradient!
      dgain.device.parallelColumns(width, cost: 3 * rows) {
        kernel(toGain, toBias, gradient, from, kept, Int64(rows), Int64(width), $0, $1)
      }
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
  let (out, factor, from) = (y.pointer, inverse.pointer, value.pointer)
  let kernel = y.kernels.pointee.sphere_norm!
  y.device.parallel(rows, cost: 2 * width) { begin, end, _ in
    kernel(out, factor, from, Int64(width), epsilon, begin, end)
  }
  return x.tape.record(y, from: [x]) { tape, dy in
    let dx = Tensor(like: value)
    let (to, gradient, from, factor) = (dx.pointer, dy.pointer, value.pointer, inverse.pointer)
    let kernel = dx.kernels.pointee.sphere_norm_gradient!
    dx.device.parallel(rows, cost: 4 * width) { begin, end, _ in
      kernel(to, gradient, from, factor, Int64(width), begin, end)
    }
    tape.add(dx, to: x.place)
  }
}
