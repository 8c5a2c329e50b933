// One figure for several variants over several seeds: means and the spread between seeds.

#if canImport(Glibc)
  import Glibc
#endif

/// Mean and spread over the seeds of one variant.
package struct SeedSummary: Sendable, Equatable {
  package let mean: Double
  /// Standard deviation with n - 1; 0 for one seed.
  package let deviation: Double

  /// - Returns: nil for no values
  package init?(_ values: [Double]) {
    guard !values.isEmpty else { return nil }
    let n = Double(values.count)
    mean = values.reduce(0, +) / n
    let squares = values.reduce(0) { [mean] in $0 + ($1 - mean) * ($1 - mean) }
    deviation = values.count > 1 ? (squares / (n - 1)).squareRoot() : 0
  }
}

/// Values by metric and variant, in the order in which they were added.
package struct VariantComparison {
  package private(set) var metrics: [String] = []
  package private(set) var variants: [String] = []
  private var found: [String: [String: [Double]]] = [:]

  package init() {}

  package mutating func add(_ value: Double, metric: String, variant: String) {
    if !metrics.contains(metric) { metrics.append(metric) }
    if !variants.contains(variant) { variants.append(variant) }
    found[metric, default: [:]][variant, default: []].append(value)
  }

  /// The values, one per seed.
  package func values(metric: String, variant: String) -> [Double] {
    found[metric]?[variant] ?? []
  }

  /// A Markdown table with a row per variant: mean, deviation and the seeds' values for each
  /// metric.
  package func markdown(title: String) -> String {
    var lines = ["# \(title)", "", "| variant | \(metrics.joined(separator: " | ")) |"]
    lines.append("|---|" + metrics.map { _ in "---|" }.joined())
    for variant in variants {
      let cells = metrics.map { metric -> String in
        let values = values(metric: metric, variant: variant)
        guard let summary = SeedSummary(values) else { return "" }
        let seeds = values.map(threeDecimals).joined(separator: ", ")
        return "**\(threeDecimals(summary.mean))** ± \(threeDecimals(summary.deviation)) (\(seeds))"
      }
      lines.append("| \(variant) | \(cells.joined(separator: " | ")) |")
    }
    lines += ["", "Mean ± standard deviation over seeds, and each seed's value."]
    return lines.joined(separator: "\n") + "\n"
  }
}

private func threeDecimals(_ x: Double) -> String {
  guard x.isFinite else { return x.description }
  let thousandths = (abs(x) * 1000).rounded()
  let whole = Int(thousandths / 1000)
  let rest = String(Int(thousandths) % 1000)
  let sign = x < 0 && thousandths > 0 ? "-" : ""
  return "\(sign)\(whole).\(String(repeating: "0", count: 3 - rest.count))\(rest)"
}
