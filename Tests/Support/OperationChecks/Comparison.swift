// The comparison of a device with a CPU that computes in float64.

import CKernels
import Tensor

/// The outcome of a check on one device in one type.
package struct CheckOutcome: Sendable {
  package let name: String
  package let type: ElementType
  /// The largest difference, as a share of the largest number of the result.
  package let error: Double
  package let tolerance: Double
  /// The first number that is wrong, if one is.
  package let fault: String?
}

package enum OperationChecks {
  /// The names of operations of which no check speaks: there are none unless a row was added.
  package static var uncovered: [String] {
    let covered = Set(all.map { String($0.name.prefix { $0 != " " }) })
    return (0..<Int32(OPERATION_COUNT.rawValue)).map { String(cString: operation_name($0)) }
      .filter { !covered.contains($0) }
  }

  /// Runs a check on a device and on a CPU.
  /// - Parameters:
  ///   - seed: chooses sizes and numbers
  ///   - most: largest of the random sizes
  package static func run(
    _ check: OperationCheck, on device: Device, against cpu: Device, _ type: ElementType,
    seed: UInt64, most: Int
  ) -> CheckOutcome {
    let mine = Bench(on: device, type, seed: seed, most: most)
    // The same type where bits are compared, the exact one otherwise.
    let its = Bench(on: cpu, check.isExact ? type.wide : .float64, seed: seed, most: most)
    for bench in [mine, its] {
      check.work(bench)
      bench.finish()
    }
    // A sum of n terms is within some units of the last place times its terms' sizes.
    let exact = check.isExact && type != .bfloat16
    let tolerance =
      exact ? 0 : type == .bfloat16 ? check.roundedTolerance : type == .float32 ? 3e-5 : 1e-11
    var (error, fault): (Double, String?) = (0, nil)
    for (n, (x, y)) in zip(mine.outputs, its.outputs).enumerated() {
      let scale = max(y.doubles.lazy.filter(\.isFinite).map(abs).max() ?? 0, 1e-3)
      for i in 0..<x.count {
        let (a, b) = (x[i], y[i])
        // Numbers that nobody writes are still NaN on both.
        if a == b || a.isNaN && b.isNaN { continue }
        let difference = abs(a - b) / scale
        error = difference.isFinite ? max(error, difference) : .infinity
        if !(difference <= tolerance), fault == nil {
          fault = "result \(n) of shape \(x.shape), element \(i): \(a), expected \(b)"
        }
      }
    }
    return CheckOutcome(
      name: check.name, type: type, error: error, tolerance: tolerance, fault: fault)
  }

  package static let all: [OperationCheck] =
    movingChecks + elementwiseChecks + normChecks + sumChecks + productChecks + attentionChecks
    + imageChecks + optimizerChecks + integratorChecks
}
