// Draws the shapes of a chart as pixels and as SVG.

import Raster

/// The shapes as a picture.
func drawn(_ shapes: [Shape], width: Int, height: Int) throws -> Picture {
  let canvas = try Canvas(width: width, height: height)
  for shape in shapes {
    switch shape {
    case .line(let points, let width, let colour, let opacity):
      canvas.stroke(points, width: width, colour, opacity: opacity)
    case .box(let x, let y, let width, let height, let colour, let opacity):
      canvas.fill(x: x, y: y, width: width, height: height, colour, opacity: opacity)
    case .text(let text, let x, let y, let size, let anchor, let colour, let isBold):
      canvas.letters(
        text, x: x, y: y, size: size, part: anchor.part, colour, isBold: isBold)
    }
  }
  return canvas.picture
}

/// The shapes as an SVG document.
func document(_ shapes: [Shape], width: Int, height: Int) -> String {
  var out =
    "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"\(width)\" height=\"\(height)\" "
    + "viewBox=\"0 0 \(width) \(height)\" font-family=\"system-ui, sans-serif\">\n"
    + "<rect width=\"\(width)\" height=\"\(height)\" fill=\"#ffffff\"/>\n"
  for shape in shapes {
    switch shape {
    case .line(let points, let width, let colour, let opacity):
      // A line of one point would not be drawn.
      let path = (points.count == 1 ? points + points : points).map {
        "\(decimal($0.x)),\(decimal($0.y))"
      }.joined(separator: " ")
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

/// A number with at most two decimals.
private func decimal(_ x: Double) -> String {
  let rounded = (x * 100).rounded() / 100
  let text = rounded.description
  return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
}

/// Escapes text for XML 1.0; characters that it does not allow become U+FFFD.
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
