// Fixed random features of images: a small convolutional network that was never trained.
//
// Random convolutions rank images of one kind well enough to compare runs with each other, need no
// download, and are the same everywhere. They are not Inception features: a distance on them is no
// FID, and can be compared only with others of its kind.

import Tensor

/// Three 3x3 convolutions of stride 2 with ReLU; a feature is a channel's mean over the image.
package struct RandomFeatures {
  /// Eight means of the first layer, eight of the second, sixteen of the third. They are few
  /// because a covariance of d features estimated from n images is biased by about d^2 / n.
  package static let count = 32
  /// Side of the smallest image in pixels.
  package static let leastSide = 8
  /// Names this definition in stored results; a change of any number below must change it.
  package static let name = "random-conv-32-v1"

  private static let channels = [8, 8, 16]
  private static let seed: UInt64 = 0x5052_4131
  private let device: Device
  /// One matrix per layer, [out, 9 * in].
  private let weights: [Tensor]

  package init(on device: Device) {
    self.device = device
    var inputs = 3
    weights = Self.channels.enumerated().map { layer, outputs in
      // He et al. 2015: variance 2 / fan-in keeps activations at one scale through ReLUs.
      let fan = 9 * inputs
      let values = Philox(seed: Self.seed)
        .normals(outputs * fan, a: UInt32(layer), b: 0, stream: 11)
        .map { $0 * (2 / Double(fan)).squareRoot() }
      inputs = outputs
      return Tensor(values, [outputs, fan], on: device)
    }
  }

  /// - Parameters:
  ///   - pixels: [count, size, size, channels] as bytes; one channel is read as three equal ones
  ///   - size: at least `leastSide`
  /// - Returns: `count` rows of 32 features
  package func features(
    of pixels: UnsafeRawBufferPointer, count: Int, size: Int, channels: Int
  ) -> [[Double]] {
    precondition(
      pixels.count == count * size * size * channels && size >= Self.leastSide, "features: sizes")
    // One image at a time, so that 256-pixel images need little memory.
    let image = size * size * channels
    return (0..<count).map { n in
      var x = [Float](repeating: 0, count: size * size * 3)
      for i in 0..<size * size {
        for c in 0..<3 {
          let byte = pixels[n * image + i * channels + (channels == 1 ? 0 : c)]
          x[3 * i + c] = Float(byte) / 127.5 - 1
        }
      }
      return features(of: x, side: size)
    }
  }

  private func features(of image: [Float], side: Int) -> [Double] {
    var (x, side, inputs) = (image, side, 3)
    var features: [Double] = []
    for weight in weights {
      let outputs = weight.shape[0]
      let half = (side + 1) / 2
      let columns = unfolded(x, side: side, channels: inputs, half: half)
      let y = Tensor(uninitialized: [half * half, outputs], on: device)
      matrixProduct(
        into: Matrix(y), Matrix(columns), Matrix(weight).transposed, m: half * half, n: outputs,
        k: 9 * inputs)
      x = y.download().floats.map { max($0, 0) }
      features += channelMeans(x, channels: outputs)
      (side, inputs) = (half, outputs)
    }
    return features
  }

  /// The 3x3 neighbourhoods of every second pixel, zeros outside: [half * half, 9 * channels].
  private func unfolded(_ x: [Float], side: Int, channels: Int, half: Int) -> Tensor {
    let columns = Tensor(repeating: 0, [half * half, 9 * channels], on: device)
    columns.withHostElements { out in
      unfold(x, side: side, channels: channels, half: half, to: out.baseAddress!)
    }
    return columns
  }

  private func unfold(
    _ x: [Float], side: Int, channels: Int, half: Int, to out: UnsafeMutablePointer<Float>
  ) {
    x.withUnsafeBufferPointer { x in
      for row in 0..<half {
        for column in 0..<half {
          let to = out + (row * half + column) * 9 * channels
          for dy in 0..<3 {
            let y = 2 * row + dy - 1
            guard y >= 0, y < side else { continue }
            for dx in 0..<3 {
              let from = 2 * column + dx - 1
              guard from >= 0, from < side else { continue }
              (to + (dy * 3 + dx) * channels)
                .update(from: x.baseAddress! + (y * side + from) * channels, count: channels)
            }
          }
        }
      }
    }
  }

  private func channelMeans(_ x: [Float], channels: Int) -> [Double] {
    var sums = [Double](repeating: 0, count: channels)
    for i in x.indices { sums[i % channels] += Double(x[i]) }
    return sums.map { $0 / Double(x.count / channels) }
  }
}
