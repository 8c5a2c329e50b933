// Mean and covariance of features in one pass, the same to the last digit whatever the shards.

import COpenBLAS

/// Runs work with one thread of OpenBLAS: the way it splits a sum over threads changes the last
/// digits.
package func withOneBLASThread<T>(_ work: () throws -> T) rethrows -> T {
  let before = openblas_get_num_threads()
  openblas_set_num_threads(1)
  defer { openblas_set_num_threads(before) }
  return try work()
}

extension FeatureStatistics {
  /// Moments of all rows of a table: s = sum x and Q = sum x x', in float64, over blocks of 256
  /// images in their order; then mean s/n and covariance (Q - n mean mean')/(n - 1).
  ///
  /// The blocks are counted from the first image, whatever the shards, so that every sum has the same
  /// order of additions.
  /// - Parameters:
  ///   - table: at least two rows
  ///   - progress: called with the number of rows done; may throw to stop
  package init(
    _ table: FeatureTable, columns: Range<Int>, progress: (Int) throws -> Void = { _ in }
  ) throws {
    precondition(table.count >= 2, "FeatureStatistics: \(table.count) vectors")
    let (n, d, block) = (table.count, columns.count, 256)
    var sums = [Double](repeating: 0, count: d)
    var squares = [Double](repeating: 0, count: d * d)
    var rows = [Double](repeating: 0, count: block * d)
    try withOneBLASThread {
      for first in stride(from: 0, to: n, by: block) {
        let part = first..<min(first + block, n)
        rows.withUnsafeMutableBufferPointer {
          table.gather(part, columns: columns, into: $0.baseAddress!)
          for row in 0..<part.count {
            for i in 0..<d { sums[i] += $0[row * d + i] }
          }
        }
        cblas_dsyrk(
          CblasRowMajor, CblasLower, CblasTrans, blasint(d), blasint(part.count), 1, rows,
          blasint(d), 1, &squares, blasint(d))
        try progress(part.upperBound)
      }
    }
    let mean = sums.map { $0 / Double(n) }
    for i in 0..<d {
      for j in 0...i {
        let value = (squares[i * d + j] - Double(n) * mean[i] * mean[j]) / Double(n - 1)
        squares[i * d + j] = value
        squares[j * d + i] = value
      }
    }
    self.init(count: n, mean: mean, covariance: squares)
  }
}
