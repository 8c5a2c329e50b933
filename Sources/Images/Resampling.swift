// Resizing as Pillow does it, to the bit, and the centre crop of the ADM evaluation.
//
// Pillow, src/libImaging/Resample.c: weights in float64, pixels in integers of 22 fraction bits.

import Raster

/// A resampling filter of Pillow.
enum ResamplingFilter {
  case box
  case bicubic

  /// Half the filter's width, in source pixels at scale one.
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

/// Weights of one axis: output `i` is the sum over source `first[i]...` of `weights[i]`.
private struct AxisWeights {
  static let fractionBits = 22

  private(set) var first: [Int] = []
  private(set) var weights: [[Int]] = []

  init(from source: Int, to target: Int, _ filter: ResamplingFilter) {
    let scale = Double(source) / Double(target)
    let filterScale = max(scale, 1)
    let support = filter.support * filterScale
    for i in 0..<target {
      let center = (Double(i) + 0.5) * scale
      let low = max(0, Int(center - support + 0.5))
      let high = min(source, Int(center + support + 0.5))
      var row = (low..<high).map {
        filter.weight((Double($0) - center + 0.5) * (1 / filterScale))
      }
      let sum = row.reduce(0, +)
      if sum != 0 { for j in row.indices { row[j] /= sum } }
      first.append(low)
      weights.append(
        row.map {
          let fixed = $0 * Double(1 << Self.fractionBits)
          return Int(fixed < 0 ? fixed - 0.5 : fixed + 0.5)
        })
    }
  }
}

extension Picture {
  /// Pillow's `resize`: rows first, then columns, 8 bits between.
  func resized(width: Int, height: Int, _ filter: ResamplingFilter) -> Picture {
    var picture = self
    if width != self.width { picture = picture.resizedRows(to: width, filter) }
    if height != self.height { picture = picture.resizedColumns(to: height, filter) }
    return picture
  }

  private func resizedRows(to target: Int, _ filter: ResamplingFilter) -> Picture {
    let axis = AxisWeights(from: width, to: target, filter)
    var out = [UInt8](repeating: 0, count: target * height * channels)
    for y in 0..<height {
      for x in 0..<target {
        for c in 0..<channels {
          var sum = 1 << (AxisWeights.fractionBits - 1)
          var at = (y * width + axis.first[x]) * channels + c
          for weight in axis.weights[x] {
            sum += weight * Int(pixels[at])
            at += channels
          }
          out[(y * target + x) * channels + c] = clipped(sum)
        }
      }
    }
    return Picture(width: target, height: height, channels: channels, pixels: out)
  }

  private func resizedColumns(to target: Int, _ filter: ResamplingFilter) -> Picture {
    let axis = AxisWeights(from: height, to: target, filter)
    let row = width * channels
    var out = [UInt8](repeating: 0, count: row * target)
    for y in 0..<target {
      for x in 0..<row {
        var sum = 1 << (AxisWeights.fractionBits - 1)
        var at = axis.first[y] * row + x
        for weight in axis.weights[y] {
          sum += weight * Int(pixels[at])
          at += row
        }
        out[y * row + x] = clipped(sum)
      }
    }
    return Picture(width: width, height: target, channels: channels, pixels: out)
  }

  /// The centre as a square of side `size`: halved by boxes while twice as large, then bicubic.
  ///
  /// openai/guided-diffusion, guided_diffusion/image_datasets.py, `center_crop_arr`.
  package func centerCropped(to size: Int) -> Picture {
    var picture = self
    while min(picture.width, picture.height) >= 2 * size {
      picture = picture.resized(width: picture.width / 2, height: picture.height / 2, .box)
    }
    let scale = Double(size) / Double(min(picture.width, picture.height))
    picture = picture.resized(
      width: Int((Double(picture.width) * scale).rounded(.toNearestOrEven)),
      height: Int((Double(picture.height) * scale).rounded(.toNearestOrEven)), .bicubic)
    let (left, top) = ((picture.width - size) / 2, (picture.height - size) / 2)
    var out: [UInt8] = []
    out.reserveCapacity(size * size * channels)
    for y in top..<top + size {
      let start = (y * picture.width + left) * channels
      out += picture.pixels[start..<start + size * channels]
    }
    return Picture(width: size, height: size, channels: channels, pixels: out)
  }
}

private func clipped(_ sum: Int) -> UInt8 {
  UInt8(clamping: sum >> AxisWeights.fractionBits)
}
