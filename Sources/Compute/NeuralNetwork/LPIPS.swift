// Learned perceptual image patch similarity 0.1. Zhang et al. 2018, arXiv 1801.03924.

import Autodiff
import Tensor

/// The distance of two images in VGG-16's features (model.md section 4, LPIPS).
package struct LPIPS {
  private let network: VGG16
  /// Weights of the five taps.
  private let linear: [Tensor]
  /// (x - shift) / scale as a map of the channels.
  private let scaling: (weight: Tensor, bias: Tensor)

  private static let shift = [-0.030, -0.088, -0.188]
  private static let scale = [0.458, 0.448, 0.450]

  /// - Parameters:
  ///   - weights: torchvision's `features.*` and lpips' `linM.model.1.weight`
  ///   - precision: of the products, on devices that round factors of convolutions
  package init(
    _ weights: WeightReader, type: ElementType = .float32, precision: ProductPrecision = .full,
    on device: Device
  ) throws {
    network = try VGG16(weights, type: type, precision: precision, on: device)
    linear = try VGG16.tapChannels.enumerated().map { tap, channels in
      Tensor(
        try weights("lin\(tap).model.1.weight", [1, channels, 1, 1]), [channels], type: type,
        on: device)
    }
    let diagonal = (0..<9).map { $0 % 4 == 0 ? 1 / Self.scale[$0 / 4] : 0 }
    scaling = (
      weight: Tensor(diagonal, [3, 3], type: type, on: device),
      bias: Tensor(
        zip(Self.shift, Self.scale).map { -$0 / $1 }, [3], type: type, on: device)
    )
  }

  private func features(_ images: Variable) -> [Variable] {
    let tape = images.tape
    return network(
      linear(images, weight: tape.constant(scaling.weight), bias: tape.constant(scaling.bias)))
  }

  private func linear(_ x: Variable, weight: Variable, bias: Variable) -> Variable {
    Autodiff.linear(x, weight: weight, bias: bias)
  }

  /// The distance at each tap, a mean over images.
  /// - Parameters:
  ///   - x: images [batch, height, width, 3] in [-1, 1], not clamped; the gradient reaches them
  ///   - y: constant images of the same shape
  package func taps(_ x: Variable, _ y: Tensor) -> [Scalar] {
    // The target's activations are freed tap by tap, and need no graph.
    let silent = Tape(on: x.tape.device, type: x.tape.type, recording: false)
    let targets = features(silent.constant(y)).map(\.value)
    return zip(features(x), zip(targets, linear)).map { found, wanted in
      featureDistance(
        found, wanted.0, weight: wanted.1, factor: 1 / Double(found.value.rows))
    }
  }

  /// The sum over taps, a mean over images.
  package func callAsFunction(_ x: Variable, _ y: Tensor) -> Scalar { .sum(taps(x, y)) }
}
