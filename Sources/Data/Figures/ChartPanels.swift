// Charts one below the other: one for each scale of values.

import Raster

/// Panels of one figure. Curves whose values differ by orders of magnitude would show the greater one alone on a
/// common axis.
package struct ChartPanels: Sendable {
  package let charts: [Chart]
  /// Pixels of a panel where there are several.
  private static let height = 340
  /// Ratio of typical values from which on two of them have a panel each.
  private static let apart = 50.0

  /// - Parameters:
  ///   - chart: title and axes, with all curves
  ///   - names: quantity of each of its curves; curves of one quantity share a panel
  package init(_ chart: Chart, quantities names: [String]) {
    precondition(names.count == chart.series.count, "ChartPanels: \(names.count) names")
    let groups = chart.isLogarithmic ? [] : Self.groups(chart.series, names)
    guard groups.count > 1 else {
      charts = [chart]
      return
    }
    charts = groups.enumerated().map { place, group in
      var panel = chart
      panel.title = place == 0 ? chart.title : ""
      panel.yLabel = group.joined(separator: ", ")
      panel.xLabel = place == groups.count - 1 ? chart.xLabel : ""
      panel.series = zip(chart.series, names).filter { group.contains($1) }.map(\.0)
      panel.height = Self.height
      return panel
    }
  }

  /// Quantities of one scale together, in the order in which they are named.
  private static func groups(_ series: [Chart.Series], _ names: [String]) -> [[String]] {
    var order: [String] = []
    var values: [String: [Double]] = [:]
    for (one, name) in zip(series, names) {
      if !order.contains(name) { order.append(name) }
      values[name, default: []] += one.points.map { abs($0.y) }.filter { $0.isFinite && $0 > 0 }
    }
    // A quantity that is zero everywhere fits any scale.
    let typical = values.compactMapValues { $0.isEmpty ? nil : $0.sorted()[$0.count / 2] }
    var clusters: [[String]] = []
    var least = 0.0
    for (name, value) in typical.sorted(by: { ($0.value, $0.key) < ($1.value, $1.key) }) {
      if clusters.isEmpty || value / least >= apart {
        clusters.append([])
        least = value
      }
      clusters[clusters.count - 1].append(name)
    }
    if clusters.isEmpty { return [order] }
    clusters[0] += order.filter { typical[$0] == nil }
    return clusters.map { cluster in order.filter(cluster.contains) }
      .sorted { order.firstIndex(of: $0[0])! < order.firstIndex(of: $1[0])! }
  }

  private var width: Int { charts[0].width }
  private var height: Int { charts.reduce(0) { $0 + $1.height } }

  private func shapes() -> [Shape] {
    var top = 0.0
    return charts.flatMap { chart in
      defer { top += Double(chart.height) }
      return chart.shapes().map { $0.moved(down: top) }
    }
  }

  /// The figure as a picture.
  /// - Throws: `FigureError` where no font is installed
  package func picture() throws -> Picture { try drawn(shapes(), width: width, height: height) }

  /// The figure as an SVG document.
  package func svg() -> String { document(shapes(), width: width, height: height) }
}

extension Shape {
  fileprivate func moved(down distance: Double) -> Shape {
    switch self {
    case .line(let points, let width, let colour, let opacity):
      .line(
        points.map { ($0.x, $0.y + distance) }, width: width, colour, opacity: opacity)
    case .box(let x, let y, let width, let height, let colour, let opacity):
      .box(x: x, y: y + distance, width: width, height: height, colour, opacity: opacity)
    case .text(let text, let x, let y, let size, let anchor, let colour, let isBold):
      .text(text, x: x, y: y + distance, size: size, anchor, colour, isBold: isBold)
    }
  }
}
