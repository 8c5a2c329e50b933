// Turns patches into pixels, and gives images their classes.

import Configuration
import PRAModel
import Tensor

/// A drawn image: 8-bit pixels, [size, size, channels] row-major.
package struct SampledImage: Sendable {
  package let number: Int
  package let label: Int
  package let pixels: [UInt8]
}

/// The weights drew numbers that are no picture.
/// Another try would draw the same.
package struct NonFiniteImage: Error, CustomStringConvertible {
  package let number: Int
  package var description: String {
    "image \(number) has pixels that are not finite: the checkpoint's weights are broken"
  }
}

extension SamplingConfiguration {
  /// The class of image n among those of which the data set has images (section 6).
  package func label(of number: Int, among classes: [Int]) -> Int {
    classes[label(of: number, classes: classes.count)]
  }

  /// The class of image n where every class has images.
  package func label(of number: Int, classes: Int) -> Int {
    switch labels {
    case .balanced: return number % classes
    case .random:
      let u = Philox(seed: seed).uniforms(1, a: 0, b: UInt32(number), stream: 9)[0]
      return min(Int(u * Double(classes)), classes - 1)
    }
  }

  /// A pixel in [-1, 1] as a byte; values outside are clamped first.
  package func byte(_ x: Float) -> UInt8 {
    let clamped = Double(min(max(x, -1), 1))
    let scaled = rounding == .halfUp ? 127.5 * clamped + 128 : 127.5 * (clamped + 1)
    return UInt8(min(max(scaled.rounded(.down), 0), 255))
  }
}

extension Sampler {
  /// Draws the images of the given numbers, in `batch`es.
  /// - Parameters:
  ///   - classes: those of which the data set has images; nil for all
  ///   - progress: called with the number of images done, which may be a fraction
  package static func images(
    _ numbers: Range<Int>, model: PRAModel, configuration: SamplingConfiguration, batch: Int,
    among classes: [Int]? = nil, caching: Bool = true,
    progress: (Double) throws -> Void = { _ in }, each: (SampledImage) throws -> Void
  ) throws {
    let sampler = Sampler(model, configuration, caching: caching)
    let classes = classes ?? Array(0..<model.sizes.classes)
    let positions = Double(model.sizes.positions)
    var first = numbers.lowerBound
    while first < numbers.upperBound {
      let part = Array(first..<min(first + batch, numbers.upperBound))
      let labels = part.map { configuration.label(of: $0, among: classes) }
      let done = Double(first - numbers.lowerBound)
      let drawn = try sampler.patches(part, labels: labels) {
        try progress(done + Double(part.count) * $0 / positions)
      }
      let pixels = joinPatches(drawn, sizes: model.sizes)
      let size = pixels.count / part.count
      for (i, number) in part.enumerated() {
        let mine = pixels[i * size..<(i + 1) * size]
        guard mine.allSatisfy(\.isFinite) else { throw NonFiniteImage(number: number) }
        try each(
          SampledImage(
            number: number, label: labels[i], pixels: mine.map { configuration.byte($0) }))
      }
      first += part.count
    }
  }
}
