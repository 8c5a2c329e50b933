// Line charts, as SVG text and as pictures.

/// Curves over common axes.
package struct Chart: Sendable {
  /// One curve. Values that are not finite, or not positive on a logarithmic axis, leave a gap.
  package struct Series: Sendable {
    package let name: String
    package let points: [(x: Double, y: Double)]

    package init(name: String, points: [(x: Double, y: Double)]) {
      self.name = name
      self.points = points
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
  package func picture() -> Picture { drawn(shapes(), width: width, height: height) }

  /// The chart as an SVG document.
  package func svg() -> String { document(shapes(), width: width, height: height) }
}
