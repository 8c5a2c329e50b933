// VGG-16 as LPIPS uses it. Simonyan & Zisserman 2015, arXiv 1409.1556; torchvision's `features`.

import Autodiff
import Tensor

/// Looks up a tensor's elements by name.
/// - Throws: if it is missing or has another shape
package typealias WeightReader = (_ name: String, _ shape: [Int]) throws -> [Float]

/// The thirteen frozen convolutions, with taps after the last ReLU of each of the five stages.
package struct VGG16 {
  /// Channels of the taps: relu1_2, relu2_2, relu3_3, relu4_3, relu5_3.
  package static let tapChannels = [64, 128, 256, 512, 512]

  /// Numbers of the convolutions in torchvision's `features`, by stage.
  private static let stages = [[0, 2], [5, 7], [10, 12, 14], [17, 19, 21], [24, 26, 28]]
  private let stages: [[FrozenConvolution]]

  /// - Parameters:
  ///   - weights: `features.N.weight` and `features.N.bias`
  ///   - precision: of the products, on devices that round factors of convolutions
  package init(
    _ weights: WeightReader, type: ElementType = .float32, precision: ProductPrecision = .full,
    on device: Device
  ) throws {
    var inputs = 3
    stages = try zip(Self.stages, Self.tapChannels).map { numbers, channels in
      try numbers.map { number in
        func tensor(_ part: String, _ shape: [Int]) throws -> Tensor {
          Tensor(
            try weights("features.\(number).\(part)", shape), shape, type: type, on: device)
        }
        defer { inputs = channels }
        return FrozenConvolution(
          weight: try tensor("weight", [channels, inputs, 3, 3]),
          bias: try tensor("bias", [channels]), window: Window(3, padding: 1),
          differentiable: true, precision: precision)
      }
    }
  }

  /// The five taps of images [batch, height, width, 3], whose sides are at least 16.
  package func callAsFunction(_ x: Variable) -> [Variable] {
    var x = x
    return stages.enumerated().map { number, convolutions in
      if number > 0 { x = maxPooled(x, Window(2, stride: 2)) }
      for convolution in convolutions { x = convolution(x) }
      return x
    }
  }
}
