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
  /// How the model's matrix products multiply (key `training.precision`).
  package var products: ProductPrecision {
    configuration.training.precision == .bf16 ? .bfloat16 : .full
  }
  /// The label of no class.
  package var nullClass: Int32 { Int32(sizes.classes) }

  /// A model with the first weights of its configuration's seed.
  /// - Throws: `ConfigurationError` for what is not built
  package init(
    _ configuration: ModelConfiguration, classes: Int, type: ElementType = .float32,
    on device: Device
  ) throws {
    try configuration.requireSupported()
    sizes = ModelSizes(configuration, classes: classes)
    parameters = Parameters(seed: configuration.seed, type: type, on: device)
    trunk = Trunk(sizes, in: parameters)
    head = FlowHead(sizes, in: parameters)
    encoder = StateEncoder(sizes, in: parameters)
    decoder = PixelDecoder(sizes, in: parameters)
    patchPrediction = Linear(
      "norm_pix", from: configuration.trunk.width, to: sizes.patchWidth, in: parameters)
  }

  /// Whether the clean trunk pass of a training step is needed (section 4, 1).
  package var readsHiddenBeforeDecoding: Bool { encoder.readsHidden || decoder.readsHidden }
}
