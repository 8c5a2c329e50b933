// Checks of norms and of sums.

import CKernels
import Tensor

let normChecks: [OperationCheck] = [
  OperationCheck("rms_norm", stored: true) { b in
    let (rows, width) = (b.size(), b.size())
    let (out, inverse) = (b.activationOutput([rows, width]), b.output([rows]))
    let (x, gain) = (b.input([rows, width]), b.input([width]))
    b.runStored(
      .rmsNorm(
        .init(
          out: out.address, inverse: inverse.address, x: x.address, gain: gain.address,
          width: width, epsilon: 1e-3)), over: rows)
  },
  OperationCheck("rms_norm_gradient", stored: true) { b in
    let (rows, width) = (b.size(), b.size())
    let (dx, dy, x) = (
      b.output([rows, width]), b.activations([rows, width]), b.input([rows, width])
    )
    let (gain, inverse) = (b.input([width]), b.input([rows]))
    b.runStored(
      .rmsNormGradient(
        .init(
          dx: dx.address, dy: dy.address, x: x.address, gain: gain.address,
          inverse: inverse.address, width: width)), over: rows)
  },
  OperationCheck("rms_norm_gain_gradient", stored: true) { b in
    let (rows, width) = (b.size(), b.size())
    let (dgain, dy, x) = (b.output([width]), b.activations([rows, width]), b.input([rows, width]))
    let inverse = b.input([rows])
    b.runStored(
      .rmsNormGainGradient(
        .init(
          dgain: dgain.address, dy: dy.address, x: x.address, inverse: inverse.address, rows: rows,
          width: width)), over: width)
  },
  OperationCheck("layer_norm", stored: true) { b in
    let (rows, width, hasGain) = (b.size(), b.size(), b.chance())
    let (out, statistics) = (b.activationOutput([rows, width]), b.output([rows, 2]))
    let (x, gain, bias) = (b.input([rows, width]), b.input([width]), b.input([width]))
    b.runStored(
      .layerNorm(
        .init(
          out: out.address, statistics: statistics.address, x: x.address,
          gain: hasGain ? gain.address : DeviceAddress(),
          bias: hasGain ? bias.address : DeviceAddress(), width: width, epsilon: 1e-2)), over: rows)
  },
  OperationCheck("layer_norm_gradient", stored: true) { b in
    let (rows, width, hasGain) = (b.size(), b.size(), b.chance())
    let (dx, dy, x) = (
      b.output([rows, width]), b.activations([rows, width]), b.input([rows, width])
    )
    let (gain, statistics) = (b.input([width]), b.input([rows, 2]))
    b.runStored(
      .layerNormGradient(
        .init(
          dx: dx.address, dy: dy.address, x: x.address,
          gain: hasGain ? gain.address : DeviceAddress(), statistics: statistics.address,
          width: width)), over: rows)
  },
  OperationCheck("layer_norm_parameter_gradient", stored: true) { b in
    let (rows, width) = (b.size(), b.size())
    let (dgain, dbias, dy) = (b.output([width]), b.output([width]), b.activations([rows, width]))
    let (x, statistics) = (b.input([rows, width]), b.input([rows, 2]))
    b.runStored(
      .layerNormParameterGradient(
        .init(
          dgain: dgain.address, dbias: dbias.address, dy: dy.address, x: x.address,
          statistics: statistics.address, rows: rows, width: width)), over: width)
  },
  OperationCheck("layer_norm_modulated", stored: true) { b in
    let (rows, width, hasGain) = (b.size(), b.size(), b.chance())
    let (keeps, stride) = (b.chance(), 2 * width + b.number(0...3))
    let hasShift = hasGain || b.chance()
    let (out, statistics) = (b.activationOutput([rows, width]), b.output([rows, 2]))
    let (x, gain, bias) = (b.input([rows, width]), b.input([width]), b.input([width]))
    let m = b.input([rows, stride])
    b.runStored(
      .layerNormModulated(
        .init(
          out: out.address, statistics: keeps ? statistics.address : DeviceAddress(), x: x.address,
          gain: hasGain ? gain.address : DeviceAddress(),
          bias: hasGain ? bias.address : DeviceAddress(), scale: m.address,
          shift: hasShift ? m.address(at: width) : DeviceAddress(), stride: stride, width: width,
          epsilon: 1e-2)), over: rows)
  },
  OperationCheck("layer_norm_modulated_gradient", stored: true) { b in
    let (rows, width, hasGain) = (b.size(), b.size(), b.chance())
    let stride = 2 * width + b.number(0...3)
    let (dx, dm) = (b.output([rows, width]), b.changed([rows, stride]))
    let (dy, x) = (b.activations([rows, width]), b.input([rows, width]))
    let (gain, bias) = (b.input([width]), b.input([width]))
    let (scale, statistics) = (b.input([rows, stride]), b.input([rows, 2]))
    b.runStored(
      .layerNormModulatedGradient(
        .init(
          dx: dx.address, dscale: dm.address, dshift: dm.address(at: width), dy: dy.address,
          x: x.address, gain: hasGain ? gain.address : DeviceAddress(),
          bias: hasGain ? bias.address : DeviceAddress(), scale: scale.address,
          statistics: statistics.address, stride: stride, width: width)), over: rows)
  },
  OperationCheck("layer_norm_modulated_parameter_gradient", stored: true) { b in
    let (rows, width) = (b.size(), b.size())
    let stride = width + b.number(0...3)
    let (dgain, dbias, dy) = (b.output([width]), b.output([width]), b.activations([rows, width]))
    let (x, scale, statistics) = (
      b.input([rows, width]), b.input([rows, stride]), b.input([rows, 2])
    )
    b.runStored(
      .layerNormModulatedParameterGradient(
        .init(
          dgain: dgain.address, dbias: dbias.address, dy: dy.address, x: x.address,
          scale: scale.address, statistics: statistics.address, rows: rows, stride: stride,
          width: width)), over: width)
  },
  OperationCheck("sphere_norm") { b in
    let (rows, width) = (b.size(), b.size())
    let (out, inverse, x) = (b.output([rows, width]), b.output([rows]), b.input([rows, width]))
    b.run(
      .sphereNorm(
        .init(
          out: out.address, inverse: inverse.address, x: x.address, width: width, epsilon: 1e-2)),
      over: rows)
  },
  OperationCheck("sphere_norm_gradient") { b in
    let (rows, width) = (b.size(), b.size())
    let (dx, dy, x) = (b.output([rows, width]), b.input([rows, width]), b.input([rows, width]))
    let inverse = b.input([rows])
    b.run(
      .sphereNormGradient(
        .init(
          dx: dx.address, dy: dy.address, x: x.address, inverse: inverse.address, width: width)),
      over: rows)
  },
  OperationCheck("patch_normalize") { b in
    let (rows, width) = (b.size(), b.size() + 1)
    let (out, y) = (b.output([rows, width]), b.input([rows, width]))
    b.run(
      .patchNormalize(.init(out: out.address, y: y.address, width: width, epsilon: 1e-2)),
      over: rows)
  },
]

let sumChecks: [OperationCheck] = [
  OperationCheck("column_sums", stored: true) { b in
    let (rows, width) = (b.size() * 3, b.size())
    let (out, x) = (b.output([width]), b.activations([rows, width]))
    b.runStored(
      .columnSums(.init(out: out.address, x: x.address, rows: rows, width: width)), over: width)
  },
  OperationCheck("sum_of_squares") { b in
    let (n, partial) = chunks(b)
    let x = b.input([n])
    b.run(
      .sumOfSquares(.init(partial: partial.address, x: x.address, n: n)), over: partial.count)
  },
  OperationCheck("sum_absolute_difference") { b in
    let (n, partial) = chunks(b)
    let (x, y) = (b.input([n]), b.input([n]))
    b.run(
      .sumAbsoluteDifference(
        .init(partial: partial.address, x: x.address, y: y.address, n: n)), over: partial.count)
  },
  OperationCheck("sum_squared_difference") { b in
    let (n, partial) = chunks(b)
    let (x, y) = (b.input([n]), b.input([n]))
    b.run(
      .sumSquaredDifference(
        .init(partial: partial.address, x: x.address, y: y.address, n: n)), over: partial.count)
  },
  OperationCheck("sum_in_order") { b in
    let (out, partial) = (b.sums(1), b.doubles(b.size() * 3))
    b.run(
      .sumInOrder(
        .init(
          out: out.address, partial: partial.address, count: partial.count, divisor: 7,
          factor: 0.5)), .float64)
  },
  OperationCheck("weighted_sum") { b in
    let (out, x, count) = (b.sums(1), b.doubles(8), b.number(1...8))
    func term(_ i: Int) -> WeightedNumber {
      WeightedNumber(x: x.address(at: i), weight: Double(i) - 2.5)
    }
    b.run(
      .weightedSum(
        .init(
          out: out.address, count: count,
          terms: (term(0), term(1), term(2), term(3), term(4), term(5), term(6), term(7)))),
      .float64)
  },
]

/// A number of elements over several chunks of a sum, and room for their sums.
private func chunks(_ b: Bench) -> (Int, DeviceList<Double>) {
  let n = Int(REDUCTION_CHUNK) * b.number(0...2) + b.size()
  return (n, b.sums((n + Int(REDUCTION_CHUNK) - 1) / Int(REDUCTION_CHUNK)))
}
