// The whole model: its parts and their parameters.

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
  /// Width of the head's output: k, or P if it generates patches.
  package var stateWidth: Int {
    configuration.method.hasStates ? configuration.state.dim : patchWidth
  }
}

/// The part that generates pixels from a trunk's outputs.
package enum Generator {
  /// A head that generates states, an encoder and a decoder between states and pixels.
  case states(StateGenerator)
  /// A head that generates patches.
  case patches(PatchGenerator)
  /// Generates all patches at once, from noise.
  case image(ImageDenoiser)
}

/// Parts of `pra`, `clean-input` and `exact-rollout`.
package struct StateGenerator {
  package let head: FlowHead
  package let encoder: StateEncoder
  package let decoder: PixelDecoder
  package let patchPrediction: Linear

  /// Whether the clean trunk pass of a training step is needed (section 4, 1).
  package var readsHiddenBeforeDecoding: Bool { encoder.readsHidden || decoder.readsHidden }
}

/// Parts of `teacher-forced`, `x-prediction` and `noise-injection`.
package struct PatchGenerator {
  package let head: FlowHead
  package let patchPrediction: Linear
}

/// A model with the parts and tensor names of model.md sections 3 and 9: PRA (arXiv 2606.27978), or
/// one of the methods that it is compared with.
package final class PRAModel {
  package let sizes: ModelSizes
  package let parameters: Parameters
  package let trunk: Trunk
  package let generator: Generator

  package var configuration: ModelConfiguration { sizes.configuration }
  package var device: Device { parameters.device }
  package var type: ElementType { parameters.type }
  /// Precision of the model's matrix products (key `training.precision`).
  package var products: ProductPrecision { configuration.training.precision.products }
  /// The label that stands for no class.
  package var nullClass: Int32 { Int32(sizes.classes) }

  /// A model with initial weights by its configuration's seed.
  /// - Parameter initializing: false if weights are loaded next
  /// - Throws: `ConfigurationError` for settings that do not fit each other
  package init(
    _ configuration: ModelConfiguration, classes: Int, type: ElementType = .float32,
    on device: Device, initializing: Bool = true
  ) throws {
    try configuration.validate()
    sizes = ModelSizes(configuration, classes: classes)
    parameters = Parameters(
      seed: configuration.seed, type: type, on: device, initializing: initializing)
    trunk = Trunk(sizes, in: parameters)
    generator = Self.generator(sizes, in: parameters)
  }

  private static func generator(_ sizes: ModelSizes, in parameters: Parameters) -> Generator {
    func patchPrediction() -> Linear {
      Linear(
        "norm_pix", from: sizes.configuration.trunk.width, to: sizes.patchWidth, in: parameters)
    }
    switch sizes.configuration.method {
    case .pra, .cleanInput, .exactRollout:
      return .states(
        StateGenerator(
          head: FlowHead(sizes, in: parameters), encoder: StateEncoder(sizes, in: parameters),
          decoder: PixelDecoder(sizes, in: parameters), patchPrediction: patchPrediction()))
    case .teacherForced, .xPrediction, .noiseInjection:
      return .patches(
        PatchGenerator(
          head: FlowHead(sizes, in: parameters), patchPrediction: patchPrediction()))
    case .diffusion:
      return .image(ImageDenoiser(sizes, in: parameters))
    }
  }
}

extension Precision {
  /// The precision of factors that the key `training.precision` asks for.
  package var products: ProductPrecision { self == .bf16 ? .bfloat16 : .full }
}
