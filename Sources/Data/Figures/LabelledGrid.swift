// Rows of pictures with their titles.

import Raster

/// Pictures of one row, with a title before them.
package struct GridRow {
  package let title: String
  package let pictures: [Picture]

  package init(title: String, pictures: [Picture]) {
    self.title = title
    self.pictures = pictures
  }
}

extension Picture {
  /// Rows of pictures of one size, each after its title, on white.
  /// - Parameters:
  ///   - gap: white pixels around and between them, not magnified
  ///   - scale: each pixel becomes a square of this side
  /// - Throws: `FigureError` where no font is installed
  package static func grid(_ rows: [GridRow], gap: Int = 2, scale: Int = 1) throws -> Picture {
    guard let first = rows.first(where: { !$0.pictures.isEmpty })?.pictures[0] else {
      preconditionFailure("grid: nothing to show")
    }
    let size = 13.0
    let titles = rows.map { $0.title.count <= 32 ? $0.title : "\($0.title.prefix(29))..." }
    let margin =
      Int((titles.map { Lettering.width(of: $0, size: size) }.max() ?? 0).rounded(.up)) + 12
    let columns = rows.map(\.pictures.count).max()!
    let (cellWidth, cellHeight) = (first.width * scale + gap, max(first.height * scale, 16) + gap)
    let canvas = try Canvas(
      width: margin + columns * cellWidth + gap, height: rows.count * cellHeight + gap)
    for (i, title) in titles.enumerated() {
      let middle = Double(gap + i * cellHeight) + Double(cellHeight - gap) / 2
      canvas.letters(
        title, x: 6, y: middle + size * 0.35, size: size, Colour(0x1F2328), isBold: false)
    }
    var out = canvas.picture
    for (i, row) in rows.enumerated() {
      for (j, picture) in row.pictures.enumerated() {
        precondition(
          picture.width == first.width && picture.height == first.height,
          "grid: a picture is \(picture.width) x \(picture.height), the first "
            + "\(first.width) x \(first.height)")
        out.paste(
          picture, left: margin + gap + j * cellWidth, top: gap + i * cellHeight, scale: scale)
      }
    }
    return out
  }
}
