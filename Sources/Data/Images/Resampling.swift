// Resizing with the same bits as Pillow, and the centre crop of the ADM evaluation.
//
// Pillow, src/libImaging/Resample.c: weights in float64, pixels in integers of 22 fraction bits.

import CResampling
import Raster

/// A resampling filter of Pillow.
enum ResamplingFilter {
  case box
  case bicubic

  /// Half the filter's width in source pixels, at scale 1.
  var support: Double {
    switch self {
    case .box: 0.5
    case .bicubic: 2
    }
  }

  func weight(_ x: Double) -> Double {
    switch self {
    case .box: return x > -0.5 && x <= 0.5 ? 1 : 0
    case .bicubic:
      let a = -0.5  // Pillow's; other programs use -0.75
      let x = abs(x)
      if x < 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
      if x < 2 { return (((x - 5) * x + 8) * x - 4) * a }
      return 0
    }
  }
}

/// Weights of one axis for some of its outputs: output `i` is a weighted sum of `count[i]` inputs
/// from `first[i]` on.
private struct AxisWeights {
  private(set) var first: [Int32] = []
  private(set) var count: [Int32] = []
  /// [outputs, most], with zeros at each row's end.
  private(set) var weights: [Int32] = []
  private let most: Int

  /// - Parameter wanted: the range of outputs, within 0..<target
  init(from source: Int, to target: Int, _ filter: ResamplingFilter, wanted: Range<Int>) {
    let scale = Double(source) / Double(target)
    let filterScale = max(scale, 1)
    let support = filter.support * filterScale
    most = Int(support.rounded(.up)) * 2 + 1
    weights = [Int32](repeating: 0, count: wanted.count * most)
    for (place, i) in wanted.enumerated() {
      let center = (Double(i) + 0.5) * scale
      let low = max(0, Int(center - support + 0.5))
      let high = min(source, Int(center + support + 0.5))
      var row = (low..<high).map {
        filter.weight((Double($0) - center + 0.5) * (1 / filterScale))
      }
      let sum = row.reduce(0, +)
      if sum != 0 { for j in row.indices { row[j] /= sum } }
      first.append(Int32(low))
      count.append(Int32(row.count))
      for (j, weight) in row.enumerated() {
        let fixed = weight * Double(1 << resampling_fraction_bits)
        weights[place * most + j] = Int32(fixed < 0 ? fixed - 0.5 : fixed + 0.5)
      }
    }
  }

  /// The inputs that any output needs.
  var inputs: Range<Int> { Int(first[0])..<Int(first.last! + count.last!) }

  /// - Parameter offset: number of the first input that is present
  func with<T>(offset: Int, _ body: (resampling_axis) -> T) -> T {
    let moved = first.map { $0 - Int32(offset) }
    return moved.withUnsafeBufferPointer { first in
      count.withUnsafeBufferPointer { count in
        weights.withUnsafeBufferPointer {
          body(
            resampling_axis(
              first: first.baseAddress, count: count.baseAddress, weights: $0.baseAddress,
              most: Int32(most)))
        }
      }
    }
  }
}

extension Picture {
  /// Pillow 13's `resize`, computed for a part of its result, with 8 bits between the passes: rows
  /// first, unless the height shrinks by more than twice what the width loses.
  /// - Parameters:
  ///   - columns, rows: the wanted part of the resized picture
  func resized(
    width: Int, height: Int, _ filter: ResamplingFilter, columns: Range<Int>, rows: Range<Int>
  ) -> Picture {
    let vertical =
      height == self.height
      ? nil : AxisWeights(from: self.height, to: height, filter, wanted: rows)
    let horizontal =
      width == self.width
      ? nil : AxisWeights(from: self.width, to: width, filter, wanted: columns)
    let (lost, narrowed) = (self.height - height, self.width - width)
    if let vertical, let horizontal, lost > 0, lost > 2 * narrowed {
      // The columns that the horizontal pass needs.
      let needed = horizontal.inputs
      let between = cut(columns: needed, rows: vertical.inputs)
        .resizedColumns(vertical, offset: vertical.inputs.lowerBound, height: rows.count)
      return between.resizedRows(
        horizontal, offset: needed.lowerBound, rows: 0..<rows.count, width: columns.count)
    }
    // The rows that the vertical pass needs; without such a pass the wanted ones.
    let needed = vertical?.inputs ?? rows
    let between =
      horizontal.map { resizedRows($0, offset: 0, rows: needed, width: columns.count) }
      ?? cut(columns: columns, rows: needed)
    return vertical.map {
      between.resizedColumns($0, offset: needed.lowerBound, height: rows.count)
    }
      ?? between
  }

  func resized(width: Int, height: Int, _ filter: ResamplingFilter) -> Picture {
    resized(width: width, height: height, filter, columns: 0..<width, rows: 0..<height)
  }

  private func resizedRows(
    _ axis: AxisWeights, offset: Int, rows: Range<Int>, width: Int
  ) -> Picture {
    let pixels = [UInt8](unsafeUninitializedCapacity: width * rows.count * channels) {
      out, initialized in
      let made = self.pixels.withUnsafeBufferPointer { source in
        axis.with(offset: offset) {
          resample_rows(
            out.baseAddress, source.baseAddress! + rows.lowerBound * self.width * channels,
            Int64(rows.count), Int64(self.width), Int64(width), Int32(channels), $0)
        }
      }
      precondition(made == 1, "resample_rows: out of memory")
      initialized = width * rows.count * channels
    }
    return Picture(width: width, height: rows.count, channels: channels, pixels: pixels)
  }

  private func resizedColumns(_ axis: AxisWeights, offset: Int, height: Int) -> Picture {
    let row = width * channels
    let pixels = [UInt8](unsafeUninitializedCapacity: row * height) { out, initialized in
      self.pixels.withUnsafeBufferPointer { source in
        axis.with(offset: offset) {
          resample_columns(out.baseAddress, source.baseAddress, Int64(row), Int64(height), $0)
        }
      }
      initialized = row * height
    }
    return Picture(width: width, height: height, channels: channels, pixels: pixels)
  }

  private func cut(columns: Range<Int>, rows: Range<Int>) -> Picture {
    if columns.count == width, rows.count == height { return self }
    var out: [UInt8] = []
    out.reserveCapacity(columns.count * rows.count * channels)
    for y in rows {
      let start = (y * width + columns.lowerBound) * channels
      out += pixels[start..<start + columns.count * channels]
    }
    return Picture(width: columns.count, height: rows.count, channels: channels, pixels: out)
  }

  /// The centre as a square of side `size`: halved by box filters while twice as large, then
  /// bicubic.
  ///
  /// openai/guided-diffusion, guided_diffusion/image_datasets.py, `center_crop_arr`.
  package func centerCropped(to size: Int) -> Picture {
    var picture = self
    while min(picture.width, picture.height) >= 2 * size {
      picture = picture.resized(width: picture.width / 2, height: picture.height / 2, .box)
    }
    let scale = Double(size) / Double(min(picture.width, picture.height))
    let width = Int((Double(picture.width) * scale).rounded(.toNearestOrEven))
    let height = Int((Double(picture.height) * scale).rounded(.toNearestOrEven))
    let (left, top) = ((width - size) / 2, (height - size) / 2)
    return picture.resized(
      width: width, height: height, .bicubic, columns: left..<left + size, rows: top..<top + size)
  }
}
