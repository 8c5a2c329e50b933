// Lines, rectangles and letters as pixels, by Cairo and Pango.

import CPango
import Files
import Glibc
import Raster

/// A figure that this machine cannot draw.
package struct FigureError: SystemFailure, CustomStringConvertible {
  package let description: String
  /// As of a device that is not there: another machine may have it.
  package var code: Int32? { ENODEV }
}

/// A white picture to draw on. Coordinates are in pixels, (0, 0) is the upper left corner.
struct Canvas: ~Copyable {
  let width: Int
  let height: Int
  private let surface: OpaquePointer
  private let cairo: OpaquePointer

  /// - Throws: `FigureError` where no font is installed, or there is no memory for so many pixels
  init(width: Int, height: Int) throws {
    guard !Lettering.isWithoutFonts else {
      throw FigureError(
        description:
          "no font is installed, so that no picture with words can be drawn: apt-get install fonts-dejavu-core"
      )
    }
    let surface: OpaquePointer = cairo_image_surface_create(
      CAIRO_FORMAT_RGB24, Int32(width), Int32(height))
    let cairo: OpaquePointer = cairo_create(surface)
    let status = cairo_status(cairo)
    guard status == CAIRO_STATUS_SUCCESS else {
      cairo_destroy(cairo)
      cairo_surface_destroy(surface)
      throw FigureError(
        description:
          "a picture of \(width) x \(height): \(String(cString: cairo_status_to_string(status)))")
    }
    (self.width, self.height, self.surface, self.cairo) = (width, height, surface, cairo)
    cairo_set_source_rgb(cairo, 1, 1, 1)
    cairo_paint(cairo)
    cairo_set_line_cap(cairo, CAIRO_LINE_CAP_ROUND)
    cairo_set_line_join(cairo, CAIRO_LINE_JOIN_ROUND)
  }

  deinit {
    cairo_destroy(cairo)
    cairo_surface_destroy(surface)
  }

  var picture: Picture {
    cairo_surface_flush(surface)
    let stride = Int(cairo_image_surface_get_stride(surface))
    let data = UnsafeRawPointer(cairo_image_surface_get_data(surface)!)
    var pixels: [UInt8] = []
    pixels.reserveCapacity(width * height * 3)
    for y in 0..<height {
      for x in 0..<width {
        // 32 bits in the order of the machine: nothing, red, green, blue.
        let pixel = data.load(fromByteOffset: y * stride + x * 4, as: UInt32.self)
        pixels.append(UInt8(pixel >> 16 & 255))
        pixels.append(UInt8(pixel >> 8 & 255))
        pixels.append(UInt8(pixel & 255))
      }
    }
    return Picture(width: width, height: height, channels: 3, pixels: pixels)
  }

  private func choose(_ colour: Colour, _ opacity: Double) {
    cairo_set_source_rgba(
      cairo, Double(colour.red) / 255, Double(colour.green) / 255, Double(colour.blue) / 255,
      opacity)
  }

  /// Draws a line with round ends through points, blended once however often it crosses itself; a dot for one point.
  func stroke(
    _ points: [(x: Double, y: Double)], width lineWidth: Double, _ colour: Colour,
    opacity: Double = 1
  ) {
    guard let first = points.first else { return }
    choose(colour, opacity)
    cairo_set_line_width(cairo, lineWidth)
    cairo_move_to(cairo, first.x, first.y)
    for point in points.count == 1 ? points[...] : points.dropFirst() {
      cairo_line_to(cairo, point.x, point.y)
    }
    cairo_stroke(cairo)
  }

  func fill(
    x: Double, y: Double, width: Double, height: Double, _ colour: Colour, opacity: Double = 1
  ) {
    choose(colour, opacity)
    cairo_rectangle(cairo, x, y, width, height)
    cairo_fill(cairo)
  }

  /// Draws letters; `x` is where the share `part` of their width lies left of it, `y` their baseline.
  /// - Parameter size: of the font, in pixels
  func letters(
    _ text: String, x: Double, y: Double, size: Double, part: Double = 0, _ colour: Colour,
    isBold: Bool
  ) {
    choose(colour, 1)
    let layout = pango_cairo_create_layout(cairo)
    Lettering.prepare(layout, text, size: size, isBold: isBold)
    var (width, height) = (Int32(0), Int32(0))
    pango_layout_get_size(layout, &width, &height)
    let scale = Double(PANGO_SCALE)
    cairo_move_to(
      cairo, x - Double(width) / scale * part, y - Double(pango_layout_get_baseline(layout)) / scale
    )
    pango_cairo_show_layout(cairo, layout)
    g_object_unref(UnsafeMutableRawPointer(layout))
  }
}

/// The letters of figures: which there are, and how wide.
package enum Lettering {
  /// Fonts in the order in which they are asked; the rest of the system's stand behind them.
  private static let fonts = "DejaVu Sans, Noto Sans, sans-serif"

  /// Whether the system has no font at all. Pango ends the process then.
  package static let isWithoutFonts: Bool = {
    var families: UnsafeMutablePointer<OpaquePointer?>?
    var count: Int32 = 0
    pango_font_map_list_families(pango_cairo_font_map_get_default(), &families, &count)
    g_free(families)
    return count == 0
  }()

  /// The characters of texts for which no font has a picture: boxes with their numbers are drawn.
  package static func charactersWithoutGlyph(in texts: [String]) -> String {
    guard !isWithoutFonts else { return "" }
    var lacking = ""
    for character in texts.joined() where !character.isASCII && !lacking.contains(character) {
      let isLacking = measured(String(character), size: 13) {
        pango_layout_get_unknown_glyphs_count($0) > 0
      }
      if isLacking { lacking.append(character) }
    }
    return lacking
  }

  /// The width of a text in pixels; without fonts about that of common letters.
  static func width(of text: String, size: Double) -> Double {
    guard !isWithoutFonts else { return Double(text.count) * size * 0.6 }
    return measured(text, size: size) { layout in
      var (width, height) = (Int32(0), Int32(0))
      pango_layout_get_size(layout, &width, &height)
      return Double(width) / Double(PANGO_SCALE)
    }
  }

  private static func measured<T>(_ text: String, size: Double, _ body: (OpaquePointer) -> T) -> T {
    let context = pango_font_map_create_context(pango_cairo_font_map_get_default())
    let layout = pango_layout_new(context)!
    defer {
      g_object_unref(UnsafeMutableRawPointer(layout))
      g_object_unref(UnsafeMutableRawPointer(context))
    }
    prepare(layout, text, size: size, isBold: false)
    return body(layout)
  }

  /// Gives a layout its text, in one line.
  fileprivate static func prepare(
    _ layout: OpaquePointer?, _ text: String, size: Double, isBold: Bool
  ) {
    let font = pango_font_description_from_string(fonts)
    pango_font_description_set_absolute_size(font, size * Double(PANGO_SCALE))
    if isBold { pango_font_description_set_weight(font, Int32(PANGO_WEIGHT_SEMIBOLD)) }
    pango_layout_set_font_description(layout, font)
    pango_font_description_free(font)
    pango_layout_set_single_paragraph_mode(layout, 1)
    let line = text.replacing("\0", with: "\u{FFFD}")
    pango_layout_set_text(layout, line, Int32(line.utf8.count))
  }
}
