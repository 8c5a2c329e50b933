// Values side by side: a row for each thing, a dot for each value, a line at their mean.

import Raster

/// A dot plot over one horizontal axis (Cleveland 1984).
package struct DotChart: Sendable {
  /// One thing and its values.
  package struct Row: Sendable {
    package let name: String
    package let values: [Double]

    package init(name: String, values: [Double]) {
      self.name = name
      self.values = values
    }
  }

  package var title: String
  package var xLabel: String
  package var rows: [Row]
  /// Pixels.
  package var width = 960
  private static let rowHeight = 38.0

  package init(title: String, xLabel: String, rows: [Row]) {
    self.title = title
    self.xLabel = xLabel
    self.rows = rows
  }

  package var height: Int { 130 + Int(Self.rowHeight) * max(rows.count, 1) }

  /// The chart as a picture.
  /// - Throws: `FigureError` where no font is installed
  package func picture() throws -> Picture { try drawn(shapes(), width: width, height: height) }

  /// The chart as an SVG document.
  package func svg() -> String { document(shapes(), width: width, height: height) }

  func shapes() -> [Shape] {
    let names = rows.map { $0.name.count <= 30 ? $0.name : $0.name.prefix(27) + "..." }
    let left = 40 + (names.map { Lettering.width(of: $0, size: 14) }.max() ?? 0)
    let (right, top, bottom) = (Double(width) - 72, 56.0, Double(height) - 62)
    var shapes: [Shape] = [
      .text(title, x: 24, y: 32, size: 18, .start, ink, isBold: true)
    ]
    let finite = rows.flatMap(\.values).filter(\.isFinite)
    // From zero, so that lengths compare as the values do.
    let axis = Axis(
      finite + (finite.allSatisfy { $0 >= 0 } ? [0] : []), pixels: (left, right),
      isLogarithmic: false, room: 0)
    for tick in axis.ticks(8) {
      let x = axis.position(tick.value)
      shapes.append(.line([(x, top), (x, bottom)], width: 1, rule, opacity: 1))
      shapes.append(
        .text(tick.text, x: x, y: bottom + 22, size: 13, .middle, faint, isBold: false))
    }
    for (i, row) in rows.enumerated() {
      let y = top + (Double(i) + 0.5) * Self.rowHeight
      shapes.append(
        .text(String(names[i]), x: left - 14, y: y + 5, size: 14, .end, ink, isBold: false))
      let values = row.values.filter(\.isFinite)
      guard let low = values.min(), let high = values.max() else { continue }
      let mean = axis.position(values.reduce(0, +) / Double(values.count))
      shapes.append(
        .line(
          [(axis.position(low), y), (axis.position(high), y)], width: 2, dot, opacity: 0.35))
      shapes.append(.line([(mean, y - 11), (mean, y + 11)], width: 2.5, dot, opacity: 1))
      for value in values {
        let x = axis.position(value)
        shapes.append(.line([(x, y), (x + 0.01, y)], width: 8, dot, opacity: 0.6))
      }
      let text = tickText(values.reduce(0, +) / Double(values.count), step: 0.01)
      shapes.append(
        .text(
          text, x: axis.position(high) + 12, y: y + 4.5, size: 13, .start, faint, isBold: false))
    }
    shapes.append(.line([(left, bottom), (right, bottom)], width: 1.2, faint, opacity: 1))
    shapes.append(
      .text(
        xLabel, x: (left + right) / 2, y: bottom + 46, size: 13, .middle, faint, isBold: false))
    return shapes
  }
}

private let ink = Colour(0x1F2328)
private let faint = Colour(0x59636E)
private let rule = Colour(0xE4E7EB)
private let dot = Colour(0x0072B2)
