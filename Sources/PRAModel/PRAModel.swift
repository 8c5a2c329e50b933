// The whole model: its parts, their parameters and what it cannot do yet.

import Autodiff
import Configuration
import NeuralNetwork
import Tensor

/// Sizes that follow from a configuration and the number of classes.
package struct ModelSizes: Sendable {
  package let configuration: ModelConfiguration
  package let classes: Int

  package init(_ configuration: ModelConfiguration, classes: Int) {
    self.configuration = configuration
    self.classes = classes
  }

  /// g, patches along a side.
  package var grid: Int { configuration.image.size / configuration.image.patch }
  /// N.
  package var positions: Int { grid * grid }
  /// P.
  package var patchWidth: Int {
    configuration.image.patch * configuration.image.patch * configuration.image.channels
  }
  /// k.
  package var stateWidth: Int { configuration.state.dim }
}

/// A configuration that is well formed but asks for what this version cannot do.
package struct UnsupportedConfiguration: Error, CustomStringConvertible {
  package let description: String
}

/// A PRA model (arXiv 2606.27978) with the parts and tensor names of model.md section 3.
package final class PRAModel {
  package let sizes: ModelSizes
  package let parameters: Parameters
  package let trunk: Trunk
  package let head: FlowHead
  package let encoder: StateEncoder
  package let decoder: PixelDecoder
  package let patchPrediction: Linear

  package var configuration: ModelConfiguration { sizes.configuration }
  package var device: Device { parameters.device }
  package var type: ElementType { parameters.type }
  /// The label of no class.
  package var nullClass: Int32 { Int32(sizes.classes) }

  /// A model with the first weights of its configuration's seed.
  /// - Throws: `UnsupportedConfiguration`
  package init(
    _ configuration: ModelConfiguration, classes: Int, type: ElementType = .float32,
    on device: Device
  ) throws {
    try Self.check(configuration)
    sizes = ModelSizes(configuration, classes: classes)
    parameters = Parameters(seed: configuration.seed, type: type, on: device)
    trunk = Trunk(sizes, in: parameters)
    head = FlowHead(sizes, in: parameters)
    encoder = StateEncoder(sizes, in: parameters)
    decoder = PixelDecoder(sizes, in: parameters)
    patchPrediction = Linear(
      "norm_pix", from: configuration.trunk.width, to: sizes.patchWidth, in: parameters)
  }

  /// What is understood but not built: refused before any work is done.
  package static func check(_ configuration: ModelConfiguration) throws {
    let method = configuration.method
    guard method == .pra || method == .cleanInput else {
      throw UnsupportedConfiguration(
        description: "method: \(method.rawValue) is not built yet; use pra or clean-input")
    }
    guard configuration.loss.lpips == 0 else {
      throw UnsupportedConfiguration(
        description: "loss.lpips: \(configuration.loss.lpips) is not built yet; use 0")
    }
    guard configuration.training.precision == .fp32 else {
      throw UnsupportedConfiguration(
        description: "training.precision: bf16 is not built yet; use fp32")
    }
  }

  /// Whether the clean trunk pass of a training step is needed (section 4, 1).
  package var readsHiddenBeforeDecoding: Bool { encoder.readsHidden || decoder.readsHidden }
}
