// 8-bit pictures and their PNG files.

import CPNG

/// A PNG that cannot be read or written; the message says why.
package struct PNGError: Error, CustomStringConvertible, Equatable {
  package let description: String
}

/// Pixels row by row from the top, [height, width, channels], gray (1) or RGB (3).
package struct Picture: Sendable, Equatable {
  package let width: Int
  package let height: Int
  package let channels: Int
  package internal(set) var pixels: [UInt8]

  package init(width: Int, height: Int, channels: Int, pixels: [UInt8]) {
    precondition(
      (channels == 1 || channels == 3) && pixels.count == width * height * channels,
      "Picture: \(pixels.count) bytes for \(width) x \(height) x \(channels)")
    self.width = width
    self.height = height
    self.channels = channels
    self.pixels = pixels
  }

  /// Pictures above this many pixels are refused: Pillow refuses them too (twice its
  /// `MAX_IMAGE_PIXELS`).
  private static let mostPixels: UInt64 = 178_956_970

  /// Decodes a PNG file to gray or RGB, as Pillow's `convert("L")` and `convert("RGB")`: alpha is
  /// dropped, profiles and gamma are ignored.
  /// - Parameter channels: 1 or 3
  /// - Throws: `PNGError`, also on truncated and damaged files
  package init(png: UnsafeRawBufferPointer, channels: Int = 3) throws {
    var memory: UnsafeMutablePointer<UInt8>?
    var (width, height, found) = (UInt32(0), UInt32(0), Int32(0))
    var message = [CChar](repeating: 0, count: Int(png_message_size))
    let bytes = png.bindMemory(to: UInt8.self)
    let isDecoded =
      bytes.count > 0
      && png_pixels_decode(
        bytes.baseAddress, bytes.count, Self.mostPixels, &memory, &width, &height, &found,
        &message) == 1
    guard isDecoded, let memory else {
      throw PNGError(description: bytes.isEmpty ? "an empty file is no PNG" : text(message))
    }
    defer { png_pixels_free(memory) }
    let count = Int(width) * Int(height)
    let source = UnsafeBufferPointer(start: memory, count: count * Int(found))
    self.init(
      width: Int(width), height: Int(height), channels: channels,
      pixels: converted(source, pixels: count, from: Int(found), to: channels))
  }

  package init(png: [UInt8], channels: Int = 3) throws {
    self = try png.withUnsafeBytes { try Picture(png: $0, channels: channels) }
  }

  /// The picture as a PNG file. Equal pictures give equal bytes.
  /// - Throws: `PNGError` where memory ends
  package func png() throws -> [UInt8] {
    var memory: UnsafeMutablePointer<UInt8>?
    var size = 0
    var message = [CChar](repeating: 0, count: Int(png_message_size))
    guard width > 0, height > 0 else { throw PNGError(description: "a picture without pixels") }
    guard
      png_pixels_encode(
        pixels, UInt32(width), UInt32(height), Int32(channels), &memory, &size, &message) == 1,
      let memory
    else { throw PNGError(description: text(message)) }
    defer { png_pixels_free(memory) }
    return Array(UnsafeBufferPointer(start: memory, count: size))
  }
}

private func text(_ message: [CChar]) -> String {
  String(decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// 1 gray, 2 gray and alpha, 3 RGB, 4 RGBA to gray or RGB. Luma is Pillow's: ITU-R 601-2 in 16-bit
/// fixed point (libImaging/Convert.c).
private func converted(
  _ source: UnsafeBufferPointer<UInt8>, pixels: Int, from: Int, to: Int
) -> [UInt8] {
  if from == to { return Array(source) }
  return [UInt8](unsafeUninitializedCapacity: pixels * to) { out, initialized in
    for i in 0..<pixels {
      let at = i * from
      let (r, g, b) =
        from < 3
        ? (source[at], source[at], source[at]) : (source[at], source[at + 1], source[at + 2])
      if to == 3 {
        out[i * 3] = r
        out[i * 3 + 1] = g
        out[i * 3 + 2] = b
      } else if from < 3 {
        out[i] = r
      } else {
        let luma = UInt32(r) * 19595 + UInt32(g) * 38470 + UInt32(b) * 7471 + 0x8000
        out[i] = UInt8(luma >> 16)
      }
    }
    initialized = pixels * to
  }
}
