// Means and variances by which features are standardized for classifiers.

import Tensor

/// Means of the columns of x [rows, width], and their variances (divided by the rows), summed in
/// float64.
func columnMoments(_ x: Tensor) -> (mean: [Double], variance: [Double]) {
  x.readOnHost { columnMoments($0, x.rows, x.width) }
}

private func columnMoments(
  _ values: UnsafeBufferPointer<Float>, _ n: Int, _ width: Int
) -> (mean: [Double], variance: [Double]) {
  var mean = [Double](repeating: 0, count: width)
  var variance = mean
  for row in 0..<n {
    for i in 0..<width { mean[i] += Double(values[row * width + i]) }
  }
  for i in 0..<width { mean[i] /= Double(n) }
  for row in 0..<n {
    for i in 0..<width {
      let difference = Double(values[row * width + i]) - mean[i]
      variance[i] += difference * difference
    }
  }
  for i in 0..<width { variance[i] /= Double(n) }
  return (mean, variance)
}
