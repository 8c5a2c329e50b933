// PNG decoding compared with Pillow's, and damaged files.

import Foundation
import Testing

@testable import Raster

/// A PNG file with Pillow's `convert("RGB")` and `convert("L")` of it.
struct Decoded: Codable, Sendable, CustomTestStringConvertible {
  let name: String
  let png: Data
  let width: Int
  let height: Int
  let rgb: Data
  let gray: Data
  var testDescription: String { name }

  static func all() throws -> [Decoded] {
    let url = Bundle.module.url(forResource: "Golden/decoded", withExtension: "json")!
    return try JSONDecoder().decode([Decoded].self, from: Data(contentsOf: url))
  }
}

/// A PNG file with Pillow's pixels of it on the ground (200, 40, 9).
struct Laid: Codable, Sendable, CustomTestStringConvertible {
  let name: String
  let png: Data
  let rgb: Data
  let gray: Data
  var testDescription: String { name }

  static func all() throws -> [Laid] {
    let url = Bundle.module.url(forResource: "Golden/laid", withExtension: "json")!
    return try JSONDecoder().decode([Laid].self, from: Data(contentsOf: url))
  }
}

/// A picture whose pixels differ everywhere.
func pattern(_ width: Int, _ height: Int, _ channels: Int) -> Picture {
  Picture(
    width: width, height: height, channels: channels,
    pixels: (0..<width * height * channels).map { UInt8(truncatingIfNeeded: $0 * $0 + $0 / 3) })
}

@Suite struct PictureTests {
  @Test(arguments: try Decoded.all()) func pngDecodesAsPillowDoes(file: Decoded) throws {
    let rgb = try Picture(png: Array(file.png), channels: 3)
    #expect(rgb.width == file.width && rgb.height == file.height)
    #expect(rgb.pixels == Array(file.rgb))
    #expect(try Picture(png: Array(file.png), channels: 1).pixels == Array(file.gray))
  }

  /// A transparent colour (tRNS), and alpha, on a ground.
  @Test(arguments: try Laid.all()) func transparencyIsThatOfPillow(file: Laid) throws {
    let ground = Picture.Ground(red: 200, green: 40, blue: 9)
    try Array(file.png).withUnsafeBytes { bytes in
      let rgb = try Picture(png: bytes, channels: 3, ground: ground)
      #expect(rgb.pixels == Array(file.rgb))
      #expect(try Picture(png: bytes, channels: 1, ground: ground).pixels == Array(file.gray))
    }
  }

  /// Chunks of a few bytes, of which those behind the last row are lost or zero.
  @Test func rowsInSmallChunksAreReadWhateverFollows() throws {
    let picture = pattern(23, 19, 3)
    let whole = try picture.png()
    let header = 33
    let length = whole[33..<37].reduce(0) { $0 << 8 | Int($1) }
    let data = Array(whole[41..<41 + length])
    var file = Array(whole[..<header])
    for start in stride(from: 0, to: data.count, by: 16) {
      let piece = data[start..<min(data.count, start + 16)]
      // libpng does not look at the checksum of such a chunk.
      file += [0, 0, 0, UInt8(piece.count)] + Array("IDAT".utf8) + piece + [0, 0, 0, 0]
    }
    #expect(try Picture(png: file) == picture)
    #expect(try Picture(png: file + [UInt8](repeating: 0, count: 64)) == picture)
    #expect(try Picture(png: file + Array("no chunk at all".utf8)) == picture)
    // A row is missing.
    let cut = file.count / 2
    #expect(throws: PictureError.self) {
      try Picture(png: file[..<cut] + [UInt8](repeating: 0, count: file.count - cut))
    }
  }

  /// Red at half, green at no and another colour at full opacity; gray at a fifth and at none.
  @Test func transparentPicturesAreLaidOnAGround() throws {
    let colours = [UInt8](
      try #require(
        Data(
          base64Encoded:
            "iVBORw0KGgoAAAANSUhEUgAAAAMAAAABCAYAAAAb4BS0AAAAFElEQVR4nGP4z8DQwAAkuETk/gMAGRkDus9/fyYAAAAASUVORK5CYII="
        )))
    let white = Picture.Ground(red: 255, green: 255, blue: 255)
    func pixels(_ file: [UInt8], _ channels: Int, _ ground: Picture.Ground?) throws -> [UInt8] {
      try file.withUnsafeBytes { try Picture(png: $0, channels: channels, ground: ground).pixels }
    }
    #expect(try pixels(colours, 3, nil) == [255, 0, 0, 0, 255, 0, 10, 20, 30])
    #expect(try pixels(colours, 3, white) == [255, 127, 127, 255, 255, 255, 10, 20, 30])
    #expect(
      try pixels(colours, 3, Picture.Ground(red: 0, green: 0, blue: 9))
        == [128, 0, 4, 0, 0, 9, 10, 20, 30])
    let gray = [UInt8](
      try #require(
        Data(
          base64Encoded:
            "iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAQAAABeK7cBAAAADUlEQVR4nGNIMWZnAAACPACfCZnMjwAAAABJRU5ErkJggg=="
        )))
    #expect(try pixels(gray, 1, nil) == [100, 7])
    #expect(try pixels(gray, 1, white) == [224, 255])
  }

  @Test(arguments: [1, 3]) func whatIsEncodedDecodes(channels: Int) throws {
    let picture = pattern(13, 9, channels)
    let bytes = try picture.png()
    #expect(try Picture(png: bytes, channels: channels) == picture)
    #expect(try picture.png() == bytes)
  }

  /// As for Pillow, what follows the last row may be missing: zlib's checksum, PNG's and the end mark.
  @Test func aFileCutWithinItsRowsIsRefused() throws {
    let picture = pattern(9, 9, 3)
    let bytes = try picture.png()
    let end = bytes.count - 12 - 4 - 4
    for length in 0..<bytes.count {
      let cut = Array(bytes[..<length])
      if length >= end {
        #expect(try Picture(png: cut) == picture, "cut after \(length)")
      } else if length < end - 2 {  // the mark of the end of the compressed data
        #expect(throws: PictureError.self, "cut after \(length)") { try Picture(png: cut) }
      }
    }
  }

  /// A few flips in the codes make the data longer than the rows, so that neither we nor Pillow come to
  /// the checksum.
  @Test func aFlippedByteIsRefusedOrChangesNothing() throws {
    let picture = pattern(9, 9, 3)
    let bytes = try picture.png()
    var others: [Int] = []
    for i in 0..<bytes.count {
      var damaged = bytes
      damaged[i] ^= 0x21
      if let found = try? Picture(png: damaged), found != picture { others.append(i) }
      if i < 33 { #expect(throws: PictureError.self, "byte \(i)") { try Picture(png: damaged) } }
    }
    #expect(others.count <= 7, "\(others)")
  }

  @Test func errorsAreOneSentence() {
    #expect(throws: PictureError(description: "an empty file is no PNG")) { try Picture(png: []) }
    #expect { try Picture(png: Array("GIF89a..........".utf8)) } throws: {
      "\($0)".contains("Not a PNG file")
    }
  }

  @Test func aGridHoldsEveryPicture() {
    let a = pattern(2, 2, 3)
    let b = pattern(2, 2, 1)
    let grid = Picture.grid([a, b, a], columns: 2, gap: 1, scale: 2)
    #expect(grid.width == 11 && grid.height == 11)
    func pixel(_ x: Int, _ y: Int) -> [UInt8] {
      Array(grid.pixels[(y * 11 + x) * 3..<(y * 11 + x) * 3 + 3])
    }
    #expect(pixel(0, 0) == [255, 255, 255] && pixel(10, 10) == [255, 255, 255])
    #expect(pixel(1, 1) == Array(a.pixels[0..<3]) && pixel(4, 4) == Array(a.pixels[9..<12]))
    #expect(pixel(8, 1) == [UInt8](repeating: b.pixels[1], count: 3))
    #expect(pixel(1, 6) == Array(a.pixels[0..<3]))
  }
}
