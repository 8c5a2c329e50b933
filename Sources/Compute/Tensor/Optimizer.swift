// The element-wise part of AdamW on tensors.

import CKernels

/// Scalars of one AdamW update (Loshchilov & Hutter 2019), in float64. A class, so that a recorded
/// update reads the present step's.
package final class AdamWScalars {
  /// Factor of the gradients, for clipping by the global norm.
  package var gradientScale: Double
  package var learningRate: Double
  package var beta1: Double
  package var beta2: Double
  package var epsilon: Double
  /// Number of updates before this one, including skipped ones.
  package var step: Int
  /// D of the moving average a = D a + (1 - D) w that is updated in the same pass.
  package var averageDecay: Double

  package init(
    gradientScale: Double, learningRate: Double, beta1: Double, beta2: Double, epsilon: Double,
    step: Int, averageDecay: Double = 0
  ) {
    self.gradientScale = gradientScale
    self.learningRate = learningRate
    self.beta1 = beta1
    self.beta2 = beta2
    self.epsilon = epsilon
    self.step = step
    self.averageDecay = averageDecay
  }
}

extension AdamWScalars {
  fileprivate func step(weightDecay: Double) -> adamw_step {
    let exponent = step + 1
    return adamw_step(
      gradient_scale: gradientScale, learning_rate: learningRate,
      decay: 1 - learningRate * weightDecay, beta1: beta1, beta2: beta2,
      correction1: 1 - power(beta1, exponent), correction2: 1 - power(beta2, exponent),
      epsilon: epsilon, average_decay: averageDecay)
  }
}

extension Tensor {
  /// w *= 1 - lr * weightDecay, then w -= lr m^ / (sqrt(v^) + eps), after updating m and v and
  /// before updating the moving average.
  /// - Parameter old: tensors to start from, if they lie elsewhere; they do not change, and the
  ///   result is the same bit for bit
  package func updateByAdamW(
    m: Tensor, v: Tensor, average: Tensor?, gradient: Tensor, weightDecay: Double,
    _ scalars: AdamWScalars,
    from old: (w: Tensor, m: Tensor, v: Tensor, average: Tensor?)? = nil
  ) {
    let new = [self, m, v, average]
    precondition(gradient.count == count, "AdamW: shape of the gradient")
    precondition(new.allSatisfy { $0 == nil || $0!.count == count }, "AdamW: shapes")
    let (to, g) = (new.map { $0?.pointer }, gradient.pointer)
    guard let old else {
      let kernel = kernels.pointee.adamw!
      parallelRuns { begin, end in
        withUnsafePointer(to: scalars.step(weightDecay: weightDecay)) {
          kernel(to[0], to[1], to[2], to[3], g, $0, begin, end)
        }
      }
      return
    }
    let read = [old.w, old.m, old.v, old.average]
    precondition(zip(read, new).allSatisfy { $0?.count == $1?.count }, "AdamW: shapes")
    let (from, kernel) = (read.map { UnsafeRawPointer($0?.pointer) }, kernels.pointee.adamw_from!)
    parallelRuns { begin, end in
      var (to, from) = (to, from)
      withUnsafePointer(to: scalars.step(weightDecay: weightDecay)) {
        kernel(&to, &from, g, $0, begin, end)
      }
    }
  }

  /// Runs an optimizer kernel over all elements, shared by the threads.
  private func parallelRuns(_ body: @escaping (_ begin: Int64, _ end: Int64) -> Void) {
    let (count, run) = (Int64(count), Int64(ADAMW_RUN))
    device.parallel(Int((count + run - 1) / run), cost: 8 * Int(run)) { begin, end, _ in
      body(begin * run, min(end * run, count))
    }
  }

  /// self = D self + (1 - D) x.
  /// - Parameter decay: D, asked again whenever the program being recorded is run
  package func average(decay: @escaping () -> Double, of x: Tensor) {
    precondition(x.count == count && x.type == type, "average: \(x.shape) into \(shape)")
    let (to, from, width, kernel) = (pointer, x.pointer, self.width, kernels.pointee.combine!)
    device.parallel(rows, cost: 2 * width) { begin, end, _ in
      let d = decay()
      kernel(to, d, to, 1 - d, from, Int64(width), begin, end)
    }
  }
}

/// base^n by squaring.
private func power(_ base: Double, _ n: Int) -> Double {
  var (result, factor, n) = (1.0, base, n)
  while n > 0 {
    if n & 1 == 1 { result *= factor }
    factor *= factor
    n >>= 1
  }
  return result
}
