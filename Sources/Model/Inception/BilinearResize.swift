// The resize of TensorFlow 1, which every FID since 2017 includes.

import Tensor

/// Bilinear interpolation with the source position of output i at i * (in / out), without
/// half-pixel centres and without a filter when shrinking; lo is its floor, hi = min(lo + 1, in -
/// 1), along x first, then along y, as a + (b - a) d in float32.
/// tensorflow/core/kernels/resize_bilinear_op.cc of version 1;
/// `interpolate_bilinear_2d_like_tensorflow1x` of torch-fidelity gives the same bits.
struct BilinearResize {
  private let height: Int
  private let width: Int
  private let side: Int
  private let rows: [Place]
  private let columns: [Place]

  private struct Place {
    let low: Int
    let high: Int
    let fraction: Float

    init(_ i: Int, from count: Int, to side: Int) {
      let place = Float(i) * Float(Double(count) / Double(side))
      low = Int(place)
      high = min(low + 1, count - 1)
      fraction = place - Float(low)
    }
  }

  /// - Parameter side: side of the square result
  init(height: Int, width: Int, to side: Int) {
    precondition(height > 0 && width > 0 && side > 0, "BilinearResize: \(height) x \(width)")
    (self.height, self.width, self.side) = (height, width, side)
    rows = (0..<side).map { Place($0, from: height, to: side) }
    columns = (0..<side).map { Place($0, from: width, to: side) }
  }

  /// (resized - 128) / 128 of one image of bytes.
  /// - Parameters:
  ///   - channels: 1, read as three equal ones, or 3
  ///   - out: [side, side, 3]
  func apply(
    _ pixels: UnsafeRawBufferPointer, channels: Int, to out: UnsafeMutablePointer<Float>
  ) {
    precondition(pixels.count == height * width * channels, "BilinearResize: \(pixels.count) bytes")
    let line = side * 3
    // The two rows around a row of the result, resized along x; neighbouring rows share them.
    withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * line) { lines in
      var held = [-1, -1]
      func resized(_ row: Int, keeping other: Int) -> UnsafeMutablePointer<Float> {
        if let at = held.firstIndex(of: row) { return lines.baseAddress! + at * line }
        let at = held[0] == other ? 1 : 0
        held[at] = row
        let to = lines.baseAddress! + at * line
        resize(row: row, of: pixels, channels, to: to)
        return to
      }
      for (y, place) in rows.enumerated() {
        let low = resized(place.low, keeping: place.high)
        let high = resized(place.high, keeping: place.low)
        let (to, fraction) = (out + y * line, place.fraction)
        for i in 0..<line {
          to[i] = (low[i] + (high[i] - low[i]) * fraction - 128) / 128
        }
      }
    }
  }

  private func resize(
    row: Int, of pixels: UnsafeRawBufferPointer, _ channels: Int,
    to out: UnsafeMutablePointer<Float>
  ) {
    let from = pixels.baseAddress! + row * width * channels
    for (x, place) in columns.enumerated() {
      for c in 0..<3 {
        let channel = channels == 1 ? 0 : c
        let low = Float(from.load(fromByteOffset: place.low * channels + channel, as: UInt8.self))
        let high = Float(from.load(fromByteOffset: place.high * channels + channel, as: UInt8.self))
        out[3 * x + c] = low + (high - low) * place.fraction
      }
    }
  }
}
