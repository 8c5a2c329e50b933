// Random crop and flip: model.md section 6.

import Tensor

/// Turns bytes into numbers in [-1, 1], cropped and flipped at random if wanted.
package struct Augmentation: Sendable {
  /// Smallest and largest side of the window relative to the image's; nil for the whole image.
  package let crop: ClosedRange<Double>?
  package let flip: Bool
  private let random: Philox

  package init(crop: ClosedRange<Double>? = nil, flip: Bool = false, seed: UInt64) {
    (self.crop, self.flip) = (crop, flip)
    random = Philox(seed: seed)
  }

  /// Writes one image as numbers x / 127.5 - 1.
  /// - Parameters:
  ///   - bytes: [size, size, channels]
  ///   - step, place: of the image in training, the counter of its random numbers
  ///   - out: as many numbers, in the order of `places`
  package func apply(
    _ bytes: UnsafeRawBufferPointer, size: Int, channels: Int, step: Int, place: Int,
    into out: UnsafeMutableBufferPointer<Float>, at places: PixelPlaces
  ) {
    precondition(
      bytes.count == size * size * channels && out.count == bytes.count
        && places.rows.count == size,
      "Augmentation: \(bytes.count) bytes into \(out.count) numbers for \(size) x \(size) x \(channels)"
    )
    let drawn =
      crop == nil && !flip
      ? [] : random.uniforms(4, a: UInt32(step), b: UInt32(place), stream: 7)
    let mirrored = flip && drawn[0] < 0.5
    if let crop {
      let relative = crop.lowerBound + (crop.upperBound - crop.lowerBound) * drawn[1]
      let side = min(max(Int((Double(size) * relative + 0.5).rounded(.down)), 1), size)
      let column = Int((drawn[2] * Double(size - side + 1)).rounded(.down))
      let row = Int((drawn[3] * Double(size - side + 1)).rounded(.down))
      let ys = Self.taps(side: side, size: size)
      let xs = Self.taps(side: side, size: size)
      for y in 0..<size {
        for x in 0..<size {
          let to = places.rows[y] + places.columns[mirrored ? size - 1 - x : x]
          for c in 0..<channels {
            func value(_ dy: Int, _ dx: Int) -> Double {
              Double(bytes[((row + dy) * size + column + dx) * channels + c])
            }
            let (h, v) = (xs[x], ys[y])
            let upper = value(v.low, h.low) * (1 - h.part) + value(v.low, h.high) * h.part
            let lower = value(v.high, h.low) * (1 - h.part) + value(v.high, h.high) * h.part
            out[to + c] = Float((upper * (1 - v.part) + lower * v.part) / 127.5 - 1)
          }
        }
      }
    } else {
      for y in 0..<size {
        for x in 0..<size {
          let to = places.rows[y] + places.columns[mirrored ? size - 1 - x : x]
          for c in 0..<channels {
            out[to + c] = Self.number[Int(bytes[(y * size + x) * channels + c])]
          }
        }
      }
    }
  }

  /// Each byte as a number in [-1, 1].
  private static let number = (0...255).map { Float(Double($0) / 127.5 - 1) }

  /// For each target pixel, its two source pixels and the weight of the second: half-pixel centres,
  /// coordinates clamped to the window.
  private static func taps(side: Int, size: Int) -> [(low: Int, high: Int, part: Double)] {
    (0..<size).map { i in
      let at = (Double(i) + 0.5) * Double(side) / Double(size) - 0.5
      let clamped = min(max(at, 0), Double(side - 1))
      let low = Int(clamped)
      return (low, min(low + 1, side - 1), clamped - Double(low))
    }
  }
}
