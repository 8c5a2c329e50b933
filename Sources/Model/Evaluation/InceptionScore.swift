// The Inception score. Salimans et al. 2016, arXiv 1606.03498.

#if canImport(Glibc)
  import Glibc
#endif

/// exp(mean over images of KL(p(y|x) || p(y))), by parts.
package struct InceptionScore: Sendable, Equatable {
  package let mean: Double
  /// Standard deviation over the parts, divided by n rather than n - 1.
  package let deviation: Double

  private init(parts: [[Int]], of table: FeatureTable, columns: Range<Int>) {
    let scores = parts.map { Self.score($0, of: table, columns) }
    let mean = scores.reduce(0, +) / Double(scores.count)
    self.mean = mean
    let variance = scores.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(scores.count)
    deviation = variance.squareRoot()
  }

  /// ADM's (evaluations/evaluator.py): parts of 5,000 in the order of the images; the last part may
  /// be smaller. Images ordered by class have a low score.
  package init(adm table: FeatureTable, columns: Range<Int>, part: Int = 5000) {
    let parts = stride(from: 0, to: table.count, by: part).map {
      Array($0..<min($0 + part, table.count))
    }
    self.init(parts: parts, of: table, columns: columns)
  }

  /// torch-fidelity's (metric_isc.py): ten parts after a shuffle with RandomState(2020).
  /// - Parameter table: at least ten rows
  package init(torchFidelity table: FeatureTable, columns: Range<Int>) {
    var random = NumpyRandom(seed: 2020)
    let order = random.permutation(table.count)
    let n = table.count
    self.init(
      parts: (0..<10).map { Array(order[$0 * n / 10..<($0 + 1) * n / 10]) }, of: table,
      columns: columns)
  }

  /// With q the mean of p: exp(mean of sum p log p - sum q log q), in float64.
  private static func score(_ rows: [Int], of table: FeatureTable, _ columns: Range<Int>) -> Double
  {
    let d = columns.count
    var marginal = [Double](repeating: 0, count: d)
    var entropy = 0.0
    for first in stride(from: 0, to: rows.count, by: 256) {
      let part = rows[first..<min(first + 256, rows.count)]
      var logits = table.doubles(part, columns: columns)
      for row in 0..<part.count {
        logits.withUnsafeMutableBufferPointer { buffer in
          let x = buffer.baseAddress! + row * d
          var most = -Double.infinity
          for i in 0..<d { most = max(most, x[i]) }
          var total = 0.0
          for i in 0..<d { total += exp(x[i] - most) }
          let shift = most + log(total)
          for i in 0..<d {
            let p = exp(x[i] - shift)
            entropy += p * (x[i] - shift)
            marginal[i] += p
          }
        }
      }
    }
    let n = Double(rows.count)
    let ofMarginal = marginal.reduce(0) { $0 + ($1 > 0 ? $1 / n * log($1 / n) : 0) }
    return exp(entropy / n - ofMarginal)
  }
}
