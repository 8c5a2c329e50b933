// 8-bit pictures and their PNG files.

import CPNG
import Glibc
import Synchronization

/// A picture that cannot be read or written; the message says why.
package struct PictureError: Error, CustomStringConvertible, Equatable {
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

  /// Pictures above this many pixels are refused, as by Pillow (twice its `MAX_IMAGE_PIXELS`).
  package static let mostPixels = 178_956_970

  /// A colour on which transparent pictures are laid.
  package struct Ground: Sendable, Equatable {
    let red, green, blue: UInt8

    package init(red: UInt8, green: UInt8, blue: UInt8) {
      (self.red, self.green, self.blue) = (red, green, blue)
    }
  }

  /// Decodes a PNG file to gray or RGB, as Pillow's `convert("L")` and `convert("RGB")`: profiles and gamma
  /// are ignored.
  /// - Parameters:
  ///   - channels: 1 or 3
  ///   - ground: transparent pixels are blended with it, by their alpha, as Pillow pastes `convert("RGBA")` on it;
  ///     nil drops alpha, as Pillow does
  /// - Throws: `PictureError`, also on truncated and damaged files
  package init(
    png: UnsafeRawBufferPointer, channels: Int = 3, mostPixels: Int = Picture.mostPixels,
    ground: Ground? = nil
  ) throws {
    guard !png.isEmpty else { throw PictureError(description: "an empty file is no PNG") }
    self = try Self.decoded(channels: channels, mostPixels, ground: ground) { most in
      var memory: UnsafeMutablePointer<UInt8>?
      var (width, height, found) = (UInt32(0), UInt32(0), Int32(0))
      var key: [Int32] = [-1, -1, -1]
      var message = [CChar](repeating: 0, count: Int(png_message_size))
      let outcome = png_pixels_decode(
        png.bindMemory(to: UInt8.self).baseAddress, png.count, UInt64(most), &memory, &width,
        &height, &found, &key, &message)
      guard Int(outcome) == png_decoded, let memory else {
        return .refused(text(message), isTooLarge: Int(outcome) == png_too_large)
      }
      return .pixels(
        memory, width: Int(width), height: Int(height), channels: Int(found),
        key: key[0] < 0 ? nil : key.map { UInt8($0) }, free: png_pixels_free)
    }
  }

  package init(png: [UInt8], channels: Int = 3) throws {
    self = try png.withUnsafeBytes { try Picture(png: $0, channels: channels) }
  }

  /// The picture with three channels; those of a gray one are equal.
  package var inRGB: Picture {
    guard channels == 1 else { return self }
    return Picture(
      width: width, height: height, channels: 3, pixels: pixels.flatMap { [$0, $0, $0] })
  }

  /// The picture as a PNG file. Equal pictures give equal bytes.
  /// - Throws: `PictureError` when out of memory
  package func png() throws -> [UInt8] {
    var memory: UnsafeMutablePointer<UInt8>?
    var size = 0
    var message = [CChar](repeating: 0, count: Int(png_message_size))
    guard width > 0, height > 0 else { throw PictureError(description: "a picture without pixels") }
    guard
      png_pixels_encode(
        pixels, UInt32(width), UInt32(height), Int32(channels), &memory, &size, &message) == 1,
      let memory
    else { throw PictureError(description: text(message)) }
    defer { png_pixels_free(memory) }
    return Array(UnsafeBufferPointer(start: memory, count: size))
  }
}

/// The result of a decoder in C, or the reason why there is none.
enum DecodedPixels {
  /// `key`: the gray or the colour that is transparent, three values; nil for none.
  case pixels(
    UnsafeMutablePointer<UInt8>, width: Int, height: Int, channels: Int, key: [UInt8]? = nil,
    free: (UnsafeMutablePointer<UInt8>?) -> Void)
  case refused(String, isTooLarge: Bool)
}

extension Picture {
  /// Pictures above this many pixels are decoded one at a time in the whole process, so that files
  /// of a few kilobytes cannot take memory for every thread at once.
  private static let pixelsAtOnce = 1 << 24
  private static let large = Mutex(())

  /// Returns the picture that `decode` makes, given the number of pixels that it may make.
  static func decoded(
    channels: Int, _ mostPixels: Int, ground: Ground? = nil,
    _ decode: (_ most: Int) -> DecodedPixels
  ) throws -> Picture {
    func picture(most: Int) throws -> Picture? {
      errno = 0
      let made = decode(most)
      // That says nothing about the picture, which must not be left out for it.
      if case .refused = made, errno == ENOMEM { fatalError("a picture: out of memory") }
      switch made {
      case .pixels(let memory, let width, let height, let found, let key, let free):
        defer { free(memory) }
        let count = width * height
        let source = UnsafeBufferPointer(start: memory, count: count * found)
        // Gray or colours, followed by alpha, or one of them transparent.
        if let ground, key != nil || found == 2 || found == 4 {
          let flat = laid(source, channels: found, key: key, on: ground)
          return Picture(
            width: width, height: height, channels: channels,
            pixels: flat.withUnsafeBufferPointer {
              converted($0, pixels: count, from: 3, to: channels)
            })
        }
        return Picture(
          width: width, height: height, channels: channels,
          pixels: converted(source, pixels: count, from: found, to: channels))
      case .refused(_, isTooLarge: true) where most < mostPixels: return nil
      case .refused(let why, isTooLarge: true):
        throw PictureError(description: "\(why); at most \(mostPixels) are read")
      case .refused(let why, isTooLarge: false): throw PictureError(description: why)
      }
    }
    return try picture(most: min(pixelsAtOnce, mostPixels))
      ?? large.withLock { _ in try picture(most: mostPixels)! }
  }
}

func text(_ message: [CChar]) -> String {
  String(decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// Lays pixels on a ground, in RGB: (c a + g (255 - a)) / 255, rounded.
/// - Parameters:
///   - channels: 1 gray, 2 gray and alpha, 3 RGB, 4 RGBA
///   - key: the pixel that is transparent where there is no alpha
private func laid(
  _ source: UnsafeBufferPointer<UInt8>, channels: Int, key: [UInt8]?, on ground: Picture.Ground
) -> [UInt8] {
  let pixels = source.count / channels
  let (hasAlpha, isGray) = (channels % 2 == 0, channels < 3)
  return [UInt8](unsafeUninitializedCapacity: pixels * 3) { out, initialized in
    for i in 0..<pixels {
      let at = i * channels
      let (red, green, blue) =
        isGray
        ? (source[at], source[at], source[at]) : (source[at], source[at + 1], source[at + 2])
      var alpha = UInt32(hasAlpha ? source[at + channels - 1] : 255)
      if !hasAlpha, let key, red == key[0], green == key[1], blue == key[2] { alpha = 0 }
      func on(_ colour: UInt8, _ part: UInt8) -> UInt8 {
        UInt8((UInt32(part) * alpha + UInt32(colour) * (255 - alpha) + 127) / 255)
      }
      out[i * 3] = on(ground.red, red)
      out[i * 3 + 1] = on(ground.green, green)
      out[i * 3 + 2] = on(ground.blue, blue)
    }
    initialized = pixels * 3
  }
}

/// Converts 1 gray, 2 gray and alpha, 3 RGB, 4 RGBA channels to gray or RGB. Luma as in Pillow:
/// ITU-R 601-2 in 16-bit fixed point (libImaging/Convert.c).
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
