// Matrices that are covariances, and that are none.

import Evaluation
import Testing

@Suite struct CovarianceTests {
  private func fault(_ covariance: [Double]) -> String? {
    let d = Int(Double(covariance.count).squareRoot())
    return FeatureStatistics(
      count: nil, mean: [Double](repeating: 0, count: d), covariance: covariance
    ).covarianceFault
  }

  @Test(arguments: [
    [1, 0, 0, 1], [0, 0, 0, 0], [2, 2, 2, 2], [1, 0.999999, 1, 1], [1e12, 0, 0, 1e-12],
    [4, -2, -2, 1],
  ])
  func covariancesAreTaken(matrix: [Double]) { #expect(fault(matrix) == nil) }

  /// Features of float32 that all vary alike: rounding makes eigenvalues a little negative.
  @Test func roundingToFloat32IsNoFault() {
    let scales = (0..<60).map { 0.1 + Double($0 * $0 % 17) / 7 }
    let matrix = scales.flatMap { a in scales.map { Double(Float(a * $0)) } }
    #expect(fault(matrix) == nil)
  }

  @Test(
    arguments: [
      ([1, 2, 2, 1], "negative eigenvalues"),
      ([-1, 0, 0, -1], "[0, 0] is -1.0 and not a variance"),
      ([1, 0, 0, -0.5], "[1, 1] is -0.5"),
      ([1, 0.5, 0.2, 1], "not symmetric: [1, 0] is 0.2, [0, 1] 0.5"),
      ([0, 1, 1, 0], "not a variance"),
    ] as [([Double], String)])
  func otherMatricesAreNamed(matrix: [Double], what: String) {
    #expect(fault(matrix)?.contains(what) == true, "\(fault(matrix) ?? "none")")
  }
}
