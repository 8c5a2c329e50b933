// Line charts, as SVG text and as pictures.

import Glibc
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
    /// The number of values whose mean each point is; empty where each is one.
    package let counts: [Double]
    /// Its place in the palette; nil for the one among the series.
    package let place: Int?

    package init(
      name: String, points: [(x: Double, y: Double)], steps: Int? = nil, smoothing: Double = 0,
      counts: [Double] = [], band: [(x: ClosedRange<Double>, low: Double, high: Double)] = [],
      place: Int? = nil
    ) {
      precondition((0..<1).contains(smoothing), "Series: smoothing \(smoothing)")
      precondition(counts.isEmpty || counts.count == points.count, "Series: \(counts.count) counts")
      (self.counts, self.place) = (counts, place)
      self.name = name
      self.points = points
      self.steps = steps ?? points.count
      self.band = band
      self.smoothing = smoothing
    }

    var isSmoothed: Bool { smoothing > 0 }

    package var smoothed: [(x: Double, y: Double)] {
      let values = Chart.smoothed(points.map(\.y), counts: counts, weight: smoothing)
      return zip(points, values).map { ($0.x, $1) }
    }
  }

  /// TensorBoard's moving average: a = s a + (1 - s) y, divided by 1 - sⁿ so that the start is not pulled to zero. A mean
  /// of n values weighs as they would: s is then sⁿ. Values that are not finite leave gaps.
  /// - Parameter counts: values of each mean; empty where each is one
  package static func smoothed(_ values: [Double], counts: [Double] = [], weight: Double)
    -> [Double]
  {
    var average = 0.0
    var past = 1.0
    return values.indices.map { i in
      guard values[i].isFinite else { return values[i] }
      let keep = counts.isEmpty ? weight : pow(weight, counts[i])
      average = keep * average + (1 - keep) * values[i]
      past *= keep
      return past < 1 ? average / (1 - past) : values[i]
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
