// Line charts, as SVG text and as pictures.

/// Curves over common axes.
package struct Chart: Sendable {
  /// One curve. Values that are not finite, or not positive on a logarithmic axis, leave a gap.
  package struct Series: Sendable {
    package let name: String
    package let points: [(x: Double, y: Double)]
    /// Weight of what was before in a moving average, 0 to below 1; the curve itself is then faint.
    package let smoothing: Double

    package init(name: String, points: [(x: Double, y: Double)], smoothing: Double = 0) {
      precondition((0..<1).contains(smoothing), "Series: smoothing \(smoothing)")
      self.name = name
      self.points = points
      self.smoothing = smoothing
    }

    var isSmoothed: Bool { smoothing > 0 }

    /// a = s a + (1 - s) y, divided by 1 - sⁿ so that the beginning is not drawn to zero, as
    /// TensorBoard smooths; values that are not finite stay gaps.
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
  package func picture() -> Picture {
    var canvas = Canvas(width: width, height: height)
    for shape in shapes() {
      switch shape {
      case .line(let points, let width, let colour, let opacity):
        canvas.stroke(points, width: width, colour, opacity: opacity)
      case .box(let x, let y, let width, let height, let colour, let opacity):
        canvas.fill(x: x, y: y, width: width, height: height, colour, opacity: opacity)
      case .text(let text, let x, let y, let size, let anchor, let colour, let isBold):
        let length = Canvas.width(of: text, size: size)
        canvas.letters(
          text, x: x - length * anchor.part, y: y, size: size, colour, isBold: isBold)
      }
    }
    return canvas.picture
  }

  /// The chart as an SVG document.
  package func svg() -> String {
    var out =
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"\(width)\" height=\"\(height)\" "
      + "viewBox=\"0 0 \(width) \(height)\" font-family=\"system-ui, sans-serif\">\n"
      + "<rect width=\"\(width)\" height=\"\(height)\" fill=\"#ffffff\"/>\n"
    for shape in shapes() {
      switch shape {
      case .line(let points, let width, let colour, let opacity):
        let path = points.map { "\(decimal($0.x)),\(decimal($0.y))" }.joined(separator: " ")
        out +=
          "<polyline points=\"\(path)\" fill=\"none\" stroke=\"\(colour.hex)\" "
          + "stroke-width=\"\(decimal(width))\" stroke-opacity=\"\(decimal(opacity))\" "
          + "stroke-linejoin=\"round\" stroke-linecap=\"round\"/>\n"
      case .box(let x, let y, let width, let height, let colour, let opacity):
        out +=
          "<rect x=\"\(decimal(x))\" y=\"\(decimal(y))\" width=\"\(decimal(width))\" "
          + "height=\"\(decimal(height))\" fill=\"\(colour.hex)\" "
          + "fill-opacity=\"\(decimal(opacity))\"/>\n"
      case .text(let text, let x, let y, let size, let anchor, let colour, let isBold):
        out +=
          "<text x=\"\(decimal(x))\" y=\"\(decimal(y))\" font-size=\"\(decimal(size))\" "
          + "text-anchor=\"\(anchor.rawValue)\" fill=\"\(colour.hex)\""
          + (isBold ? " font-weight=\"600\"" : "") + ">\(escaped(text))</text>\n"
      }
    }
    return out + "</svg>\n"
  }
}

/// Two decimals at most.
private func decimal(_ x: Double) -> String {
  let rounded = (x * 100).rounded() / 100
  let text = rounded.description
  return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
}

/// Text in XML 1.0; characters that it does not allow become U+FFFD.
private func escaped(_ text: String) -> String {
  var out = ""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "&": out += "&amp;"
    case "<": out += "&lt;"
    case ">": out += "&gt;"
    case "\"": out += "&quot;"
    case "\u{0}"..<"\t", "\u{B}", "\u{C}", "\u{E}"..<" ", "\u{FFFE}", "\u{FFFF}": out += "\u{FFFD}"
    default: out.unicodeScalars.append(scalar)
    }
  }
  return out
}
