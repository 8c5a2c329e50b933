// The centre crop compared with Pillow, and the random crop compared with its formula.

import Foundation
import Raster
import Tensor
import Testing

@testable import Images

/// Pillow's result of ADM's `center_crop_arr` on `pattern`.
struct Crop: Codable, Sendable, CustomTestStringConvertible {
  let width: Int
  let height: Int
  let channels: Int
  let size: Int
  let pixels: Data
  var testDescription: String { "\(width) x \(height) x \(channels) to \(size)" }

  static func all() throws -> [Crop] {
    let url = Bundle.module.url(forResource: "Golden/crops", withExtension: "json")!
    return try JSONDecoder().decode([Crop].self, from: Data(contentsOf: url))
  }
}

/// The picture from which the golden crops were made.
func pattern(_ width: Int, _ height: Int, _ channels: Int) -> Picture {
  var pixels: [UInt8] = []
  for y in 0..<height {
    for x in 0..<width {
      for c in 0..<channels {
        let value = (x * 7 + y * 13 + c * 29 + x * y * 3) ^ ((x * y) >> 3)
        pixels.append(UInt8(truncatingIfNeeded: value))
      }
    }
  }
  return Picture(width: width, height: height, channels: channels, pixels: pixels)
}

extension PixelPlaces {
  /// Row after row.
  static func raster(size: Int, channels: Int) -> PixelPlaces {
    PixelPlaces(
      rows: (0..<size).map { $0 * size * channels }, columns: (0..<size).map { $0 * channels })
  }
}

private func augmented(
  _ picture: Picture, _ augmentation: Augmentation, step: Int = 3, place: Int = 5
) -> [Float] {
  [Float](unsafeUninitializedCapacity: picture.pixels.count) { buffer, initialized in
    picture.pixels.withUnsafeBytes { bytes in
      augmentation.apply(
        bytes, size: picture.width, channels: picture.channels, step: step, place: place,
        into: UnsafeMutableBufferPointer(rebasing: buffer[0..<bytes.count]),
        at: .raster(size: picture.width, channels: picture.channels))
    }
    initialized = picture.pixels.count
  }
}

@Suite struct CropTests {
  @Test(arguments: try Crop.all()) func theCentreCropIsPillows(crop: Crop) {
    let picture = pattern(crop.width, crop.height, crop.channels).centerCropped(to: crop.size)
    #expect(picture.pixels == Array(crop.pixels))
  }

  @Test func withoutAugmentationPixelsAreScaled() {
    let picture = pattern(8, 8, 3)
    let out = augmented(picture, Augmentation(seed: 1))
    #expect(out == picture.pixels.map { Float(Double($0) / 127.5 - 1) })
  }

  @Test func theFlipFollowsElement0OfStream7() {
    let picture = pattern(8, 8, 1)
    let plain = augmented(picture, Augmentation(seed: 1))
    var flips = 0
    for step in 0..<40 {
      let out = augmented(picture, Augmentation(flip: true, seed: 9), step: step, place: 2)
      let u = Philox(seed: 9).uniforms(1, a: UInt32(step), b: 2, stream: 7)[0]
      let mirrored: [Float] = (0..<64).map { (i: Int) -> Float in plain[i / 8 * 8 + 7 - i % 8] }
      #expect(out == (u < 0.5 ? mirrored : plain))
      flips += u < 0.5 ? 1 : 0
    }
    #expect(flips > 8 && flips < 32)
  }

  /// The definition in section 6, as sums over all pixels.
  @Test(arguments: 0..<12) func theRandomCropIsBilinear(step: Int) {
    let size = 16
    let picture = pattern(size, size, 3)
    let out = augmented(
      picture, Augmentation(crop: 0.3...0.9, flip: true, seed: 4), step: step, place: 7)
    let u = Philox(seed: 4).uniforms(4, a: UInt32(step), b: 7, stream: 7)
    let side = Int(16 * (0.3 + 0.6 * u[1]) + 0.5)
    let column = Int(u[2] * Double(size - side + 1))
    let row = Int(u[3] * Double(size - side + 1))
    func weight(_ source: Int, _ target: Int) -> Double {
      let at = (Double(target) + 0.5) * Double(side) / 16 - 0.5
      return max(0, 1 - abs(min(max(at, 0), Double(side - 1)) - Double(source)))
    }
    var largest = 0.0
    for y in 0..<size {
      for x in 0..<size {
        var sum = 0.0
        for j in 0..<side {
          for i in 0..<side {
            let value = picture.pixels[((row + j) * size + column + i) * 3 + 1]
            let target: Int = u[0] < 0.5 ? size - 1 - x : x
            let both: Double = weight(j, y) * weight(i, target)
            sum += both * Double(value)
          }
        }
        let found = Double(out[(y * size + x) * 3 + 1])
        largest = max(largest, abs(found - (sum / 127.5 - 1)))
      }
    }
    #expect(largest < 1e-6)
  }
}
