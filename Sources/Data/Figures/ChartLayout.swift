// The layout of a chart.

/// The shapes that a chart consists of, the same for SVG and pictures.
enum Shape {
  enum Anchor: String {
    case start, middle, end

    /// The share of the text's width that lies left of its point.
    var part: Double {
      switch self {
      case .start: 0
      case .middle: 0.5
      case .end: 1
      }
    }
  }

  case line([(x: Double, y: Double)], width: Double, Colour, opacity: Double)
  case box(x: Double, y: Double, width: Double, height: Double, Colour, opacity: Double)
  case text(
    String, x: Double, y: Double, size: Double, Anchor, Colour, isBold: Bool)
}

private let ink = Colour(0x1F2328)
private let faint = Colour(0x59636E)
private let rule = Colour(0xE4E7EB)

/// Distinguishable without telling red from green: Okabe and Ito 2008, without the yellow; darkened so far that each
/// has a contrast of 3:1 with white, as WCAG 2.2 asks of graphics (1.4.11).
private let palette = [
  Colour(0x0072B2), Colour(0xC85200), Colour(0x008060), Colour(0xB85C94), Colour(0x2A8BC0),
  Colour(0xA87000), Colour(0x6F4E9C), Colour(0x444444),
]

/// Colour of the i-th curve: after the palette come darker colours, then greyer ones.
func colour(_ i: Int) -> Colour {
  let base = palette[i % palette.count]
  switch i / palette.count % 3 {
  case 0: return base
  case 1: return base.mixed(with: Colour(0x000000), 0.45)
  default: return base.mixed(with: Colour(0x808080), 0.55)
  }
}

/// Share of a curve that hides what is below it.
let curveOpacity = 0.92

extension Chart {
  /// The chart with its legend in the upper right corner if no curve is there, otherwise beside the
  /// axes.
  func shapes() -> [Shape] {
    guard series.count > 1 else { return shapes(legendWidth: 0) }
    return isCornerFree() ? shapes(legendWidth: 0) : shapes(legendWidth: legendWidth + 16)
  }

  private func isCornerFree() -> Bool {
    let corner = Double(width) - 24 - legendWidth - 8
    let end = Double(legendNames.count) * 20 + 16 + top
    return !shapes(legendWidth: 0).contains { shape in
      // Only curves are not opaque.
      guard case .line(let points, _, _, let opacity) = shape, opacity < 1 else { return false }
      return points.contains { $0.x >= corner && $0.y <= end }
    }
  }

  private var top: Double { yLabel.isEmpty ? 56.0 : 72.0 }

  /// - Parameter legendWidth: width of the column that is kept free for it
  private func shapes(legendWidth: Double) -> [Shape] {
    let left = 76.0
    let right = Double(width) - 24 - legendWidth
    let bottom = Double(height) - 56
    var shapes: [Shape] = [
      .text(shortened(title, 90), x: 24, y: 32, size: 18, .start, ink, isBold: true)
    ]
    if !yLabel.isEmpty {
      shapes.append(.text(yLabel, x: 24, y: 56, size: 13, .start, faint, isBold: false))
    }
    let shown = series.map { $0.points.filter { isShown($0) } }
    let bands = series.map { one in
      one.band.filter {
        isShown(($0.x.lowerBound, $0.low)) && isShown(($0.x.upperBound, $0.high))
      }
    }
    let all =
      Array(shown.joined())
      + bands.joined().flatMap {
        [(x: $0.x.lowerBound, y: $0.low), (x: $0.x.upperBound, y: $0.high)]
      }
    let xAxis = Axis(
      all.map(\.x), pixels: (left, right), isLogarithmic: false, room: 0,
      isWhole: all.allSatisfy { $0.x == $0.x.rounded() })
    let yAxis = Axis(
      all.map(\.y), pixels: (bottom, top), isLogarithmic: isLogarithmic, room: 0.05)

    if !all.isEmpty {
      for tick in yAxis.ticks(6) {
        let y = yAxis.position(tick.value)
        shapes.append(.line([(left, y), (right, y)], width: 1, rule, opacity: 1))
        shapes.append(
          .text(tick.text, x: left - 10, y: y + 4.5, size: 13, .end, faint, isBold: false))
      }
      for tick in xAxis.ticks(8) {
        let x = xAxis.position(tick.value)
        shapes.append(.line([(x, bottom), (x, bottom + 5)], width: 1, faint, opacity: 1))
        shapes.append(
          .text(tick.text, x: x, y: bottom + 22, size: 13, .middle, faint, isBold: false))
      }
    } else {
      shapes.append(
        .text(
          "no data", x: (left + right) / 2, y: (top + bottom) / 2, size: 16, .middle, faint,
          isBold: false))
    }
    shapes.append(.line([(left, bottom), (right, bottom)], width: 1.2, faint, opacity: 1))
    shapes.append(
      .text(
        xLabel, x: (left + right) / 2, y: bottom + 44, size: 13, .middle, faint, isBold: false))
    func draw(_ points: [(x: Double, y: Double)], _ colour: Colour, opacity: Double) {
      for run in runs(of: points) {
        let points = thinned(run.map { (xAxis.position($0.x), yAxis.position($0.y)) })
        shapes.append(
          .line(points, width: points.count == 1 ? 5 : 1.6, colour, opacity: opacity))
      }
    }
    for (i, band) in bands.enumerated() {
      for part in band {
        let (x, end) = (xAxis.position(part.x.lowerBound), xAxis.position(part.x.upperBound))
        let (high, low) = (yAxis.position(part.high), yAxis.position(part.low))
        shapes.append(
          .box(
            x: x, y: high, width: max(end - x, 0.5), height: max(low - high, 0.5), tone(i),
            opacity: 0.18))
      }
    }
    for (i, one) in series.enumerated() where one.isSmoothed {
      draw(one.points, tone(i), opacity: 0.22)
    }
    for (i, one) in series.enumerated() {
      draw(one.isSmoothed ? one.smoothed : one.points, tone(i), opacity: curveOpacity)
    }
    if series.count > 1 { shapes += legend() }
    return shapes
  }

  /// The colour of a series.
  private func tone(_ i: Int) -> Colour { colour(series[i].place ?? i) }

  private func isShown(_ point: (x: Double, y: Double)) -> Bool {
    point.x.isFinite && point.y.isFinite && (!isLogarithmic || point.y > 0)
  }

  /// The stretches between gaps.
  private func runs(of points: [(x: Double, y: Double)]) -> [ArraySlice<(x: Double, y: Double)>] {
    points.split { !isShown($0) }
  }

  /// At most the lowest and the highest point per pixel column, in their order: the same picture
  /// from fewer points.
  private func thinned(_ points: [(x: Double, y: Double)]) -> [(x: Double, y: Double)] {
    guard points.count > 2 * width else { return points }
    var out: [(x: Double, y: Double)] = []
    var start = 0
    while start < points.count {
      var end = start
      while end < points.count, Int(points[end].x) == Int(points[start].x) { end += 1 }
      let column = start..<end
      let low = column.min { points[$0].y < points[$1].y }!
      let high = column.max { points[$0].y < points[$1].y }!
      out.append(points[min(low, high)])
      if low != high { out.append(points[max(low, high)]) }
      start = end
    }
    return out
  }

  private var legendNames: [String] {
    let most = max(1, Int((Double(height) - top - 90) / 20))
    var names = series.prefix(most).map { shortened($0.name, 40) }
    if series.count > most { names[most - 1] = "and \(series.count - most + 1) more" }
    return names
  }

  private var legendWidth: Double {
    (legendNames.map { Lettering.width(of: $0, size: 13) }.max() ?? 0) + 52
  }

  /// Names beside samples of their lines, at the right edge.
  private func legend() -> [Shape] {
    let names = legendNames
    let x = Double(width) - 24 - legendWidth - 8
    var shapes: [Shape] = [
      // Covers the grid lines.
      .box(
        x: x, y: top + 6, width: legendWidth, height: Double(names.count) * 20 + 10,
        Colour(0xFFFFFF), opacity: 0.85)
    ]
    for (i, name) in names.enumerated() {
      let y = top + 21 + Double(i) * 20
      if i < names.count - 1 || series.count == names.count {
        shapes.append(.line([(x + 10, y), (x + 34, y)], width: 2.5, tone(i), opacity: 1))
      }
      shapes.append(.text(name, x: x + 42, y: y + 4.5, size: 13, .start, ink, isBold: false))
    }
    return shapes
  }
}

private func shortened(_ text: String, _ count: Int) -> String {
  text.count <= count ? text : text.prefix(count - 3) + "..."
}
