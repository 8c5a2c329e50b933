// Line charts, as SVG text and as pictures.

import Raster

/// Curves over common axes.
package struct Chart: Sendable {
  /// One curve. Values that are not finite, or not positive on a logarithmic axis, leave a gap.
  package struct Series: Sendable {
    package let name: String
    package let points: [(x: Double, y: Double)]
    /// Number of steps that the points stand for.
    package let steps: Int
    /// Stretches of x in which values lie from low to high; empty where the points are the values.
    package let band: [(x: ClosedRange<Double>, low: Double, high: Double)]
    /// Weight of the past in a moving average, from 0 to below 1; the curve itself is then faint.
    package let smoothing: Double

    package init(
      name: String, points: [(x: Double, y: Double)], steps: Int? = nil, smoothing: Double = 0,
      band: [(x: ClosedRange<Double>, low: Double, high: Double)] = []
    ) {
      precondition((0..<1).contains(smoothing), "Series: smoothing \(smoothing)")
      self.name = name
      self.points = points
      self.steps = steps ?? points.count
      self.band = band
      self.smoothing = smoothing
    }

    var isSmoothed: Bool { smoothing > 0 }

    /// a = s a + (1 - s) y, divided by 1 - sⁿ so that the start is not pulled to zero, as in
    /// TensorBoard; values that are not finite leave gaps.
    package var smoothed: [(x: Double, y: Double)] {
      var average = 0.0
      var weight = 1.0
      return points.map { point in
        guard point.y.isFinite else { return point }
        average = smoothing * average + (1 - smoothing) * point.y
        weight *= smoothing
        return (point.x, average / (1 - weight))
      }
    }
  }

  package var title: String
  package var xLabel: String
  package var yLabel: String
  package var series: [Series]
  package var isLogarithmic: Bool
  /// Pixels.
  package var width = 960
  package var height = 540

  package init(
    title: String, xLabel: String = "step", yLabel: String = "", series: [Series],
    isLogarithmic: Bool = false
  ) {
    self.title = title
    self.xLabel = xLabel
    self.yLabel = yLabel
    self.series = series
    self.isLogarithmic = isLogarithmic
  }

  /// The chart as a picture.
  /// - Throws: `FigureError` where no font is installed
  package func picture() throws -> Picture { try drawn(shapes(), width: width, height: height) }

  /// The chart as an SVG document.
  package func svg() -> String { document(shapes(), width: width, height: height) }
}
