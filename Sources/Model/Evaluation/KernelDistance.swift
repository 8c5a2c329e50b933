// The kernel Inception distance. Binkowski et al. 2018, arXiv 1801.01401.

import COpenBLAS
import Tensor

/// Unbiased squared maximum mean discrepancy with the kernel (x y / d + 1)^3, over subsets, as in
/// torch-fidelity (metric_kid.py): 100 subsets of 1,000 images of each side, drawn by
/// RandomState(2020). In float64.
package struct KernelDistance: Sendable, Equatable {
  package let mean: Double
  /// Standard deviation over the subsets, divided by n rather than n - 1.
  package let deviation: Double

  package static let subsetSize = 1000
  package static let subsets = 100

  /// - Parameters:
  ///   - drawn: at least `size` rows
  ///   - reference: at least `size` rows
  ///   - columns: columns of the features in both
  ///   - progress: called on the calling thread with the number of subsets done; may throw to stop
  package init(
    drawn: FeatureTable, reference: FeatureTable, columns: Range<Int>, referenceColumns: Range<Int>,
    size: Int = subsetSize, subsets: Int = subsets, on device: Device,
    progress: (Int) throws -> Void = { _ in }
  ) throws {
    precondition(drawn.count >= size && reference.count >= size, "KernelDistance: too few images")
    var random = NumpyRandom(seed: 2020)
    let choices = (0..<subsets).map { _ in
      (random.choice(drawn.count, size), random.choice(reference.count, size))
    }
    var values = [Double](repeating: 0, count: subsets)
    try withOneBLASThread {
      // As many subsets at once as there are threads. Each is computed by itself, so the result
      // does not depend on that number.
      for first in stride(from: 0, to: subsets, by: device.threads) {
        let part = first..<min(first + device.threads, subsets)
        values.withUnsafeMutableBufferPointer { values in
          let start = values.baseAddress!
          device.parallelOnHost(part.count, cost: size * size * columns.count) { share in
            for number in share.map({ part.lowerBound + $0 }) {
              let x = drawn.doubles(choices[number].0, columns: columns)
              let y = reference.doubles(choices[number].1, columns: referenceColumns)
              start[number] = discrepancy(x, y, count: size, width: columns.count)
            }
          }
        }
        try progress(part.upperBound)
      }
    }
    let mean = values.reduce(0, +) / Double(subsets)
    self.mean = mean
    deviation = (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(subsets)).squareRoot()
  }
}

/// (sum of k(x, x') + sum of k(y, y'), each pair of different ones) / (m (m - 1)) - 2 mean of k(x, y).
private func discrepancy(_ x: [Double], _ y: [Double], count m: Int, width: Int) -> Double {
  /// The sum of k over all pairs, and over the pairs with equal indices.
  func sums(_ a: [Double], _ b: [Double]) -> (all: Double, diagonal: Double) {
    var products = [Double](repeating: 0, count: m * m)
    cblas_dgemm(
      CblasRowMajor, CblasNoTrans, CblasTrans, blasint(m), blasint(m), blasint(width),
      1 / Double(width), a, blasint(width), b, blasint(width), 0, &products, blasint(m))
    var (all, diagonal) = (0.0, 0.0)
    for i in 0..<m {
      // Each row is summed first, since the terms are nearly equal.
      var row = 0.0
      for j in 0..<m {
        let base = products[i * m + j] + 1
        row += base * base * base
      }
      all += row
      let base = products[i * m + i] + 1
      diagonal += base * base * base
    }
    return (all, diagonal)
  }
  let (xx, yy, xy) = (sums(x, x), sums(y, y), sums(x, y))
  let pairs = Double(m) * Double(m - 1)
  return (xx.all - xx.diagonal + yy.all - yy.diagonal) / pairs
    - 2 * xy.all / (Double(m) * Double(m))
}
