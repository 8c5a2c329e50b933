// The Frechet distance between two sets of features. Dowson & Landau 1982; Heusel et al. 2017.

import COpenBLAS

/// Mean and covariance of a set of feature vectors, in float64.
package struct FeatureStatistics: Sendable {
  /// Number of vectors; nil if another program has not recorded it.
  package let count: Int?
  package let mean: [Double]
  /// Row-major [dimension, dimension], divided by count - 1.
  package let covariance: [Double]

  /// - Parameters:
  ///   - features: at least two vectors of one length
  ///   - weights: weight of each vector; nil for equal weights
  package init(_ features: [[Double]], weights: [Double]? = nil) {
    precondition(features.count >= 2, "FeatureStatistics: \(features.count) vectors")
    let (n, d) = (features.count, features[0].count)
    let total = weights?.reduce(0, +) ?? Double(n)
    // Mean weight 1, so that the unbiased divisor n - 1 is that of the unweighted case.
    let share = weights.map { $0.map { $0 * Double(n) / total } }
    var mean = [Double](repeating: 0, count: d)
    for (row, f) in features.enumerated() {
      let weight = (share?[row] ?? 1) / Double(n)
      for i in 0..<d { mean[i] += weight * f[i] }
    }
    var centred = [Double](repeating: 0, count: n * d)
    for (row, f) in features.enumerated() {
      let root = (share?[row] ?? 1).squareRoot()
      for i in 0..<d { centred[row * d + i] = root * (f[i] - mean[i]) }
    }
    var covariance = [Double](repeating: 0, count: d * d)
    cblas_dgemm(
      CblasRowMajor, CblasTrans, CblasNoTrans, blasint(d), blasint(d), blasint(n),
      1 / Double(n - 1), centred, blasint(d), centred, blasint(d), 0, &covariance, blasint(d))
    count = n
    self.mean = mean
    self.covariance = covariance
  }

  /// Statistics that another program or an earlier job computed.
  package init(count: Int?, mean: [Double], covariance: [Double]) {
    precondition(covariance.count == mean.count * mean.count, "FeatureStatistics: shapes")
    (self.count, self.mean, self.covariance) = (count, mean, covariance)
  }

  package var dimension: Int { mean.count }

  /// The reason why no features have this covariance; nil if some may.
  ///
  /// A covariance is symmetric, and no combination of features varies by less than nothing. Files in
  /// float32 keep both up to rounding, which is far below a ten-thousandth of the largest variance for
  /// an element and a thousandth for an eigenvalue.
  package var covarianceFault: String? {
    let d = dimension
    let largest = (0..<d).reduce(0) { max($0, abs(covariance[$1 * d + $1])) }
    let tolerance = 1e-4 * largest
    let fault = covariance.withUnsafeBufferPointer { s -> String? in
      for i in 0..<d {
        guard s[i * d + i] >= -tolerance,
          largest > 0 || s[i * d..<i * d + d].allSatisfy({ $0 == 0 })
        else { return "element [\(i), \(i)] is \(s[i * d + i]) and not a variance" }
        var j = 0  // a loop over a range is slow in debug builds, and there are millions
        while j < i {
          if abs(s[i * d + j] - s[j * d + i]) > tolerance {
            return
              "it is not symmetric: [\(i), \(j)] is \(s[i * d + j]), [\(j), \(i)] \(s[j * d + i])"
          }
          j += 1
        }
      }
      return nil
    }
    if let fault { return fault }
    // With a little more on its diagonal it has a Cholesky factor, unless an eigenvalue is negative.
    var raised = covariance
    for i in 0..<d { raised[i * d + i] += 10 * tolerance + Double.leastNormalMagnitude }
    var (order, leading, info) = (Int32(d), Int32(d), Int32(0))
    var triangle = CChar(UInt8(ascii: "L"))
    dpotrf_(&triangle, &order, &raised, &leading, &info)
    return info == 0 ? nil : "it has negative eigenvalues"
  }
}

/// |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)).
///
/// The trace of the root is the sum of roots of the eigenvalues of S1^(1/2) S2 S1^(1/2), which is
/// symmetric: no complex numbers, and nothing to regularise when a covariance is singular.
package func frechetDistance(_ a: FeatureStatistics, _ b: FeatureStatistics) -> Double {
  precondition(a.dimension == b.dimension, "frechetDistance: dimensions")
  let d = a.dimension
  let difference = zip(a.mean, b.mean).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
  let root = symmetricRoot(a.covariance, d)
  let inner = product(product(root, b.covariance, d), root, d)
  let (values, _) = symmetricEigen(inner, d)
  let traceOfRoot = values.reduce(0) { $0 + max($1, 0).squareRoot() }
  let trace = (0..<d).reduce(0) { $0 + a.covariance[$1 * d + $1] + b.covariance[$1 * d + $1] }
  return difference + trace - 2 * traceOfRoot
}

/// Row-major product of two d x d matrices.
private func product(_ a: [Double], _ b: [Double], _ d: Int) -> [Double] {
  var c = [Double](repeating: 0, count: d * d)
  cblas_dgemm(
    CblasRowMajor, CblasNoTrans, CblasNoTrans, blasint(d), blasint(d), blasint(d), 1, a,
    blasint(d), b, blasint(d), 0, &c, blasint(d))
  return c
}

/// The positive square root of a symmetric, positive semidefinite matrix.
func symmetricRoot(_ matrix: [Double], _ d: Int) -> [Double] {
  let (values, vectors) = symmetricEigen(matrix, d)
  // Row e of `vectors` is eigenvector e: root = V' diag(sqrt) V.
  var scaled = vectors
  for e in 0..<d {
    let factor = max(values[e], 0).squareRoot()
    for i in 0..<d { scaled[e * d + i] *= factor }
  }
  var root = [Double](repeating: 0, count: d * d)
  cblas_dgemm(
    CblasRowMajor, CblasTrans, CblasNoTrans, blasint(d), blasint(d), blasint(d), 1, vectors,
    blasint(d), scaled, blasint(d), 0, &root, blasint(d))
  return root
}

/// Eigenvalues in rising order, and eigenvectors as rows, by LAPACK's dsyevd.
func symmetricEigen(_ matrix: [Double], _ d: Int) -> (values: [Double], vectors: [Double]) {
  // Rounding makes a product only nearly symmetric; LAPACK reads one triangle.
  var vectors = matrix
  for i in 0..<d {
    for j in 0..<i {
      let mean = (vectors[i * d + j] + vectors[j * d + i]) / 2
      (vectors[i * d + j], vectors[j * d + i]) = (mean, mean)
    }
  }
  var values = [Double](repeating: 0, count: d)
  var (order, leading, info) = (Int32(d), Int32(d), Int32(0))
  var work = [Double](repeating: 0, count: 1 + 6 * d + 2 * d * d)
  var integers = [Int32](repeating: 0, count: 3 + 5 * d)
  var (workCount, integerCount) = (Int32(work.count), Int32(integers.count))
  var (job, triangle) = (CChar(UInt8(ascii: "V")), CChar(UInt8(ascii: "L")))
  dsyevd_(
    &job, &triangle, &order, &vectors, &leading, &values, &work, &workCount, &integers,
    &integerCount, &info)
  precondition(info == 0, "dsyevd: \(info)")
  return (values, vectors)
}
