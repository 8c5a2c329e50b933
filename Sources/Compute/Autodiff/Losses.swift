// Means over all elements, and the straight path of a rectified flow.

import CKernels
import Tensor

/// mean |x - target| for a constant target of the same count. The derivative is 0 where they are
/// equal.
package func meanAbsoluteDifference(_ x: Variable, _ target: Tensor) -> Scalar {
  let kernels = x.value.kernels.pointee
  return mean(
    x, target, kernels.sum_absolute_difference!, kernels.absolute_difference_gradient!, slope: 1)
}

/// mean (x - target)^2 for a constant target of the same count.
package func meanSquaredDifference(_ x: Variable, _ target: Tensor) -> Scalar {
  let kernels = x.value.kernels.pointee
  return mean(
    x, target, kernels.sum_squared_difference!, kernels.squared_difference_gradient!, slope: 2)
}

private typealias DifferenceSum = (
  UnsafeMutablePointer<Double>?, UnsafeRawPointer?, UnsafeRawPointer?, Int64, Int64, Int64
) -> Void
private typealias DifferenceGradient = (
  UnsafeMutableRawPointer?, UnsafeRawPointer?, UnsafeRawPointer?, Double, Int64, Int64, Int64
) -> Void

private func mean(
  _ x: Variable, _ target: Tensor, _ sum: @escaping DifferenceSum,
  _ gradient: @escaping DifferenceGradient, slope: Double
) -> Scalar {
  let value = x.value
  precondition(target.count == value.count, "loss: \(x.shape) against \(target.shape)")
  let (a, b, n) = (value.pointer, target.pointer, Int64(value.count))
  let total = chunkedSum(value) { sum($0, a, b, n, $1, $2) }
  let count = Double(value.count)
  let read = { total.value / count }
  guard x.needsGradient else { return Scalar(read: read, derivative: nil) }
  return Scalar(read: read) { factor in
    let dx = Tensor(like: value)
    let (to, a, b, width) = (dx.pointer, value.pointer, target.pointer, Int64(value.width))
    dx.device.parallel(value.rows, cost: value.width) { begin, end, _ in
      gradient(to, a, b, slope * factor / count, width, begin, end)
    }
    x.tape.add(dx, to: x.place)
  }
}

/// A number that operations compute; the value is that of their latest run.
package final class HostNumber {
  package fileprivate(set) var value = 0.0
}

/// A sum in fixed chunks that are added up in order: the same number for any number of threads.
func chunkedSum(
  _ x: Tensor, _ kernel: @escaping (UnsafeMutablePointer<Double>, Int64, Int64) -> Void
) -> HostNumber {
  let chunk = Int(REDUCTION_CHUNK)
  return summed(over: (x.count + chunk - 1) / chunk, cost: chunk, on: x.device, kernel)
}

/// The sum of `chunks` partial sums that a kernel writes, added up in order.
func summed(
  over chunks: Int, cost: Int, on device: Device,
  _ kernel: @escaping (UnsafeMutablePointer<Double>, Int64, Int64) -> Void
) -> HostNumber {
  let partial = Tensor(uninitialized: [chunks], type: .float64, on: device)
  let start = partial.pointer.assumingMemoryBound(to: Double.self)
  device.parallel(chunks, cost: cost) { begin, end, _ in kernel(start, begin, end) }
  let sum = HostNumber()
  device.perform {
    sum.value = 0
    for i in 0..<chunks { sum.value += start[i] }
  }
  return sum
}

/// The sum of squares of all elements, in float64.
package func sumOfSquares(_ x: Tensor) -> HostNumber {
  let (from, n, kernel) = (x.pointer, Int64(x.count), x.kernels.pointee.sum_of_squares!)
  return chunkedSum(x) { kernel($0, from, n, $1, $2) }
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
  let (to, e, from, times) = (out.pointer, noise.pointer, value.pointer, t.pointer)
  let kernel = out.kernels.pointee.interpolate!
  out.device.parallel(batch * repeats, cost: 3 * rows * width) { begin, end, _ in
    kernel(to, e, from, times, Int64(repeats), Int64(rows), Int64(width), begin, end)
  }
  let place = z.place
  return z.tape.record(out, from: [z]) { tape, dout in
    let dz = Tensor(like: value)
    let (to, from, times) = (dz.pointer, dout.pointer, t.pointer)
    let kernel = dz.kernels.pointee.scale_rows!
    dz.device.parallel(batch * rows, cost: width) { begin, end, _ in
      kernel(to, from, times, Int64(width), begin, end)
    }
    tape.add(dz, to: place)
  }
}

/// z - noise, the velocity of the straight path: [batch, repeats, rows, width].
package func straightVelocity(noise: Tensor, to z: Tensor, repeats: Int) -> Tensor {
  let batch = z.shape[0]
  let inner = z.count / max(batch, 1)
  let out = Tensor(like: noise)
  let (to, e, from, kernel) = (
    out.pointer, noise.pointer, z.pointer, out.kernels.pointee.velocity!
  )
  out.device.parallel(batch * repeats, cost: inner) { begin, end, _ in
    kernel(to, e, from, Int64(repeats), Int64(inner), begin, end)
  }
  return out
}
