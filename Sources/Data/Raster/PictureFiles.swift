// Pictures from JPEG files, and from files that may be JPEG or PNG.

import CJPEG

extension Picture {
  /// The format by a picture's first bytes; names are often wrong (ImageNet has a PNG called JPEG).
  package enum Format: Equatable {
    case png
    case jpeg
    /// A known format that is not read.
    case other(String)

    private static let signatures: [([UInt8], Format)] = [
      ([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A], .png), ([0xFF, 0xD8, 0xFF], .jpeg),
      (Array("GIF8".utf8), .other("a GIF")), (Array("BM".utf8), .other("a BMP")),
      ([0x49, 0x49, 0x2A, 0], .other("a TIFF")), ([0x4D, 0x4D, 0, 0x2A], .other("a TIFF")),
      ([0, 0, 1, 0], .other("an icon")), (Array("8BPS".utf8), .other("a Photoshop file")),
      ([0, 0, 0, 0x0C, 0x6A, 0x50, 0x20, 0x20], .other("a JPEG 2000")),
      ([0xFF, 0x4F, 0xFF, 0x51], .other("a JPEG 2000")), ([0xFF, 0x0A], .other("a JPEG XL")),
      ([0, 0, 0, 0x0C, 0x4A, 0x58, 0x4C, 0x20], .other("a JPEG XL")),
      (Array("<".utf8), .other("a text or a web page")),
    ]
    /// Signatures behind the first bytes, which hold a size.
    private static let inner: [(at: Int, [UInt8], Format)] = [
      (8, Array("WEBP".utf8), .other("a WebP")), (4, Array("ftypavi".utf8), .other("an AVIF")),
      (4, Array("ftyphei".utf8), .other("an HEIC")), (4, Array("ftypmif".utf8), .other("an HEIC")),
    ]

    package init?(of bytes: UnsafeRawBufferPointer) {
      let inner = Self.inner.first { bytes.dropFirst($0.at).starts(with: $0.1) }
      let first = Self.signatures.first { bytes.starts(with: $0.0) }
      guard let found = inner?.2 ?? first?.1 else { return nil }
      self = found
    }
  }

  /// The version of the library that decodes JPEG files, such as "libjpeg-turbo 2.1.5".
  package static var jpegLibrary: String {
    var message = [CChar](repeating: 0, count: Int(jpeg_message_size))
    jpeg_library(&message)
    return text(message)
  }

  /// Decodes a JPEG or PNG file, recognized by its bytes, to gray or RGB.
  /// - Parameters:
  ///   - channels: 1 or 3
  ///   - mostPixels: larger ones are refused
  ///   - ground: transparent pictures are laid on it; nil drops alpha
  /// - Throws: `PictureError`
  package init(
    file bytes: UnsafeRawBufferPointer, channels: Int = 3, mostPixels: Int = Picture.mostPixels,
    ground: Ground? = nil
  ) throws {
    switch Format(of: bytes) {
    case .png:
      self = try Picture(png: bytes, channels: channels, mostPixels: mostPixels, ground: ground)
    case .jpeg: self = try Picture(jpeg: bytes, channels: channels, mostPixels: mostPixels)
    case .other(let name): throw PictureError(description: "is \(name); JPEG and PNG are read")
    case nil:
      throw PictureError(
        description: bytes.isEmpty ? "an empty file" : "is neither a JPEG nor a PNG")
    }
  }

  /// Decodes a JPEG file to gray or RGB with the same bits as Pillow's `convert("L")` and
  /// `convert("RGB")`: its accurate integer transform, smooth upsampling, CMYK inverted as Adobe
  /// stores it; profiles and orientation are ignored.
  /// - Parameter channels: 1 or 3
  /// - Throws: `PictureError`, also on truncated files
  package init(
    jpeg: UnsafeRawBufferPointer, channels: Int = 3, mostPixels: Int = Picture.mostPixels
  ) throws {
    guard !jpeg.isEmpty else { throw PictureError(description: "an empty file is no JPEG") }
    self = try Self.decoded(channels: channels, mostPixels) { most in
      var memory: UnsafeMutablePointer<UInt8>?
      var (width, height, found) = (UInt32(0), UInt32(0), Int32(0))
      var message = [CChar](repeating: 0, count: Int(jpeg_message_size))
      let outcome = jpeg_pixels_decode(
        jpeg.bindMemory(to: UInt8.self).baseAddress, jpeg.count, UInt64(most), &memory, &width,
        &height, &found, &message)
      guard Int(outcome) == jpeg_decoded, let memory else {
        return .refused(text(message), isTooLarge: Int(outcome) == jpeg_too_large)
      }
      if found == 4 {
        invertedInkToRGB(memory, pixels: Int(width) * Int(height))
        found = 3
      }
      return .pixels(
        memory, width: Int(width), height: Int(height), channels: Int(found),
        free: jpeg_pixels_free)
    }
  }
}

/// Converts inverted CMYK to RGB in place: Pillow, libImaging/Convert.c, `cmyk2rgb`.
private func invertedInkToRGB(_ bytes: UnsafeMutablePointer<UInt8>, pixels: Int) {
  for i in 0..<pixels {
    let light = UInt32(bytes[i * 4 + 3])
    for c in 0..<3 {
      let product = UInt32(255 - bytes[i * 4 + c]) * light + 128
      let ink = (product >> 8 + product) >> 8
      bytes[i * 3 + c] = UInt8(light > ink ? light - ink : 0)
    }
  }
}
