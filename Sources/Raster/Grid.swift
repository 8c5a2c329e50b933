// Many pictures as one.

extension Picture {
  /// Pictures of one size in rows, left to right and top to bottom, on white.
  /// - Parameters:
  ///   - columns: pictures in a row
  ///   - gap: white pixels around and between them, not magnified
  ///   - scale: each pixel becomes a square of this side
  package static func grid(
    _ pictures: [Picture], columns: Int, gap: Int = 2, scale: Int = 1
  ) -> Picture {
    precondition(!pictures.isEmpty && columns > 0 && scale > 0 && gap >= 0, "grid: nothing to show")
    let first = pictures[0]
    let columns = min(columns, pictures.count)
    let rows = (pictures.count + columns - 1) / columns
    let (cellWidth, cellHeight) = (first.width * scale + gap, first.height * scale + gap)
    var out = Picture(
      width: columns * cellWidth + gap, height: rows * cellHeight + gap, channels: 3,
      pixels: [UInt8](
        repeating: 255, count: (columns * cellWidth + gap) * (rows * cellHeight + gap) * 3))
    for (i, picture) in pictures.enumerated() {
      precondition(
        picture.width == first.width && picture.height == first.height,
        "grid: picture \(i) is \(picture.width) x \(picture.height), the first "
          + "\(first.width) x \(first.height)")
      let left = gap + i % columns * cellWidth
      let top = gap + i / columns * cellHeight
      for y in 0..<first.height * scale {
        var to = ((top + y) * out.width + left) * 3
        for x in 0..<first.width * scale {
          let from = (y / scale * first.width + x / scale) * picture.channels
          for c in 0..<3 {
            out.pixels[to + c] = picture.pixels[from + min(c, picture.channels - 1)]
          }
          to += 3
        }
      }
    }
    return out
  }
}
