// Many pictures in one.

extension Picture {
  /// Pictures of one size in rows, left to right and top to bottom, on white.
  /// - Parameters:
  ///   - columns: pictures per row
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
      out.paste(picture, left: left, top: top, scale: scale)
    }
    return out
  }
}

extension Picture {
  /// Draws a magnified picture on this one, which has three channels.
  package mutating func paste(_ picture: Picture, left: Int, top: Int, scale: Int) {
    for y in 0..<picture.height * scale {
      var to = ((top + y) * width + left) * 3
      for x in 0..<picture.width * scale {
        let from = (y / scale * picture.width + x / scale) * picture.channels
        for c in 0..<3 { pixels[to + c] = picture.pixels[from + min(c, picture.channels - 1)] }
        to += 3
      }
    }
  }
}
