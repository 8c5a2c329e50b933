// Anti-aliased lines, rectangles and letters on a picture.

/// A colour, 8 bits each.
struct Colour: Equatable {
  let red: UInt8
  let green: UInt8
  let blue: UInt8

  init(_ hex: UInt32) {
    (red, green, blue) = (UInt8(hex >> 16 & 255), UInt8(hex >> 8 & 255), UInt8(hex & 255))
  }

  /// - Parameter share: share of the other colour, 0 to 1
  func mixed(with other: Colour, _ share: Double) -> Colour {
    func mix(_ a: UInt8, _ b: UInt8) -> UInt32 {
      UInt32((Double(a) * (1 - share) + Double(b) * share).rounded())
    }
    return Colour(
      mix(red, other.red) << 16 | mix(green, other.green) << 8 | mix(blue, other.blue))
  }

  /// As in SVG: #rrggbb.
  var hex: String {
    "#"
      + [red, green, blue].map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}

/// A white picture to draw on. Coordinates are in pixels, (0, 0) is the upper left corner.
struct Canvas {
  let width: Int
  let height: Int
  private var pixels: [UInt8]
  /// Coverage of the stroke being drawn; zero in between.
  private var mask: [Float]

  init(width: Int, height: Int) {
    (self.width, self.height) = (width, height)
    pixels = [UInt8](repeating: 255, count: width * height * 3)
    mask = [Float](repeating: 0, count: width * height)
  }

  var picture: Picture { Picture(width: width, height: height, channels: 3, pixels: pixels) }

  /// Draws a line with round ends through points, blended once however often it crosses itself.
  mutating func stroke(
    _ points: [(x: Double, y: Double)], width lineWidth: Double, _ colour: Colour,
    opacity: Double = 1
  ) {
    guard let first = points.first else { return }
    var bounds = (left: width, top: height, right: -1, bottom: -1)
    for i in 0..<max(points.count - 1, 1) {
      cover(
        i == 0 ? first : points[i], points[min(i + 1, points.count - 1)], lineWidth / 2, &bounds)
    }
    blend(bounds, colour, opacity)
  }

  mutating func fill(
    x: Double, y: Double, width: Double, height: Double, _ colour: Colour, opacity: Double = 1
  ) {
    for row in max(0, Int(y))..<min(self.height, Int((y + height).rounded(.up))) {
      let vertical = min(Double(row + 1), y + height) - max(Double(row), y)
      for column in max(0, Int(x))..<min(self.width, Int((x + width).rounded(.up))) {
        let horizontal = min(Double(column + 1), x + width) - max(Double(column), x)
        mix(column, row, colour, vertical * horizontal * opacity)
      }
    }
  }

  /// Draws letters of a given height; `x` is their left edge, `y` their baseline.
  mutating func letters(
    _ text: String, x: Double, y: Double, size: Double, _ colour: Colour, isBold: Bool
  ) {
    let cell = Canvas.cell(size)
    var left = x
    for character in text {
      var bounds = (left: width, top: height, right: -1, bottom: -1)
      for stroke in StrokeFont.strokes(of: character) {
        func place(_ at: (Double, Double)) -> (x: Double, y: Double) {
          (left + (at.0 + 0.5) * cell.width, y + (at.1 - StrokeFont.capHeight) * cell.height - 0.5)
        }
        cover(place(stroke.from), place(stroke.to), size * (isBold ? 0.075 : 0.052), &bounds)
      }
      blend(bounds, colour, 1)
      left += cell.width * StrokeFont.advance
    }
  }

  static func width(of text: String, size: Double) -> Double {
    Double(text.count) * cell(size).width * StrokeFont.advance
  }

  private static func cell(_ size: Double) -> (width: Double, height: Double) {
    (size * 0.095, size * 0.115)
  }

  private mutating func cover(
    _ a: (x: Double, y: Double), _ b: (x: Double, y: Double), _ radius: Double,
    _ bounds: inout (left: Int, top: Int, right: Int, bottom: Int)
  ) {
    let reach = radius + 1
    let left = max(0, Int(min(a.x, b.x) - reach))
    let right = min(width - 1, Int(max(a.x, b.x) + reach))
    let top = max(0, Int(min(a.y, b.y) - reach))
    let bottom = min(height - 1, Int(max(a.y, b.y) + reach))
    guard left <= right, top <= bottom else { return }
    let (dx, dy) = (b.x - a.x, b.y - a.y)
    let length = dx * dx + dy * dy
    for y in top...bottom {
      for x in left...right {
        let (px, py) = (Double(x) + 0.5 - a.x, Double(y) + 0.5 - a.y)
        let along = length > 0 ? min(max((px * dx + py * dy) / length, 0), 1) : 0
        let (ex, ey) = (px - along * dx, py - along * dy)
        let coverage = Float(min(max(radius + 0.5 - (ex * ex + ey * ey).squareRoot(), 0), 1))
        if coverage > mask[y * width + x] { mask[y * width + x] = coverage }
      }
    }
    bounds = (
      min(bounds.left, left), min(bounds.top, top), max(bounds.right, right),
      max(bounds.bottom, bottom)
    )
  }

  private mutating func blend(
    _ bounds: (left: Int, top: Int, right: Int, bottom: Int), _ colour: Colour, _ opacity: Double
  ) {
    guard bounds.left <= bounds.right, bounds.top <= bounds.bottom else { return }
    for y in bounds.top...bounds.bottom {
      for x in bounds.left...bounds.right where mask[y * width + x] > 0 {
        mix(x, y, colour, Double(mask[y * width + x]) * opacity)
        mask[y * width + x] = 0
      }
    }
  }

  private mutating func mix(_ x: Int, _ y: Int, _ colour: Colour, _ part: Double) {
    let at = (y * width + x) * 3
    for (c, value) in [colour.red, colour.green, colour.blue].enumerated() {
      let old = Double(pixels[at + c])
      pixels[at + c] = UInt8((old + (Double(value) - old) * part).rounded())
    }
  }
}
