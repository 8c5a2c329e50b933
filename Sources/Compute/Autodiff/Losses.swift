// Means over all elements, and the straight path of a rectified flow.

import CKernels
import Tensor

/// mean |x - target| for a constant target of the same count. The derivative is 0 where they are
/// equal.
package func meanAbsoluteDifference(_ x: Variable, _ target: Tensor) -> Scalar {
  mean(x, target) { value, partial in
    .sumAbsoluteDifference(
      .init(partial: partial, x: value.address, y: target.address, n: value.count))
  } gradient: { value, dx, factor in
    .absoluteDifferenceGradient(
      .init(
        dx: dx.address, x: value.address, y: target.address, factor: factor, width: value.width))
  }
}

/// mean (x - target)^2 for a constant target of the same count.
package func meanSquaredDifference(_ x: Variable, _ target: Tensor) -> Scalar {
  mean(x, target) { value, partial in
    .sumSquaredDifference(
      .init(partial: partial, x: value.address, y: target.address, n: value.count))
  } gradient: { value, dx, factor in
    .squaredDifferenceGradient(
      .init(
        dx: dx.address, x: value.address, y: target.address, factor: 2 * factor,
        width: value.width))
  }
}

private func mean(
  _ x: Variable, _ target: Tensor, sum: (Tensor, _ partial: DeviceAddress) -> Operation,
  gradient: @escaping (Tensor, _ dx: Tensor, _ factor: Double) -> Operation
) -> Scalar {
  let (value, count) = (x.value, Double(x.value.count))
  precondition(target.count == value.count, "loss: \(x.shape) against \(target.shape)")
  let mean = DeviceNumber(on: value.device)
  mean.setToSum(over: chunks(value), of: value.type, divisor: count) { sum(value, $0) }
  guard x.needsGradient else { return Scalar(mean, derivative: nil) }
  return Scalar(mean) { factor in
    let dx = Tensor(like: value)
    dx.run(gradient(value, dx, factor / count), over: value.rows)
    x.tape.add(dx, to: x.place)
  }
}

/// Number of parts in which a sum over all elements is computed, whatever the number of threads.
private func chunks(_ x: Tensor) -> Int {
  (x.count + Int(REDUCTION_CHUNK) - 1) / Int(REDUCTION_CHUNK)
}

extension DeviceNumber {
  /// self = factor * (the sum of partial sums / divisor), added up in order.
  /// - Parameters:
  ///   - count: number of partial sums
  ///   - partial: an operation that writes them, over numbers of `type`
  func setToSum(
    over count: Int, of type: ElementType, divisor: Double = 1, factor: Double = 1,
    partial: (DeviceAddress) -> Operation
  ) {
    let sums = DeviceList<Double>(uninitialized: count, on: device)
    device.run(partial(sums.address), type, over: count)
    device.run(
      .sumInOrder(
        .init(
          out: address, partial: sums.address, count: count, divisor: divisor, factor: factor)),
      .float64)
  }

  /// self = the sum of squares of all elements.
  package func setToSumOfSquares(_ x: Tensor) {
    setToSum(over: chunks(x), of: x.type) {
      .sumOfSquares(.init(partial: $0, x: x.address, n: x.count))
    }
  }
}

/// (1 - t) noise + t z on the straight path from noise to z. Liu et al. 2023, arXiv 2209.03003.
/// - Parameters:
///   - z: [batch, rows, width]
///   - noise: [batch, repeats, rows, width]; the repeats of a batch row are adjacent
///   - t: [batch, repeats, rows]
/// - Returns: the shape of noise; a gradient reaches z only if repeats is 1
package func interpolated(noise: Tensor, to z: Variable, t: Tensor, repeats: Int) -> Variable {
  let value = z.value
  let (batch, rows, width) = value.dimensions3
  precondition(noise.count == value.count * repeats && t.count * width == noise.count, "shapes")
  precondition(repeats == 1 || !z.needsGradient, "interpolated: repeats with a gradient")
  let out = Tensor(like: noise)
  out.run(
    .interpolate(
      .init(
        out: out.address, noise: noise.address, z: value.address, t: t.address, repeats: repeats,
        rows: rows, width: width)), over: batch * repeats)
  let place = z.place
  return z.tape.record(out, from: [z]) { tape, dout in
    let dz = Tensor(like: value)
    dz.run(
      .scaleRows(.init(out: dz.address, x: dout.address, factor: t.address, width: width)),
      over: batch * rows)
    tape.add(dz, to: place)
  }
}

/// z - noise, the velocity of the straight path: [batch, repeats, rows, width].
package func straightVelocity(noise: Tensor, to z: Tensor, repeats: Int) -> Tensor {
  let batch = z.shape[0]
  let inner = z.count / max(batch, 1)
  let out = Tensor(like: noise)
  out.run(
    .velocity(
      .init(
        out: out.address, noise: noise.address, z: z.address, repeats: repeats, inner: inner)),
    over: batch * repeats)
  return out
}
