// The parts of the method `diffusion` besides its trunk (model.md section 9).

import Autodiff
import Configuration
import NeuralNetwork
import Tensor

/// Embeds the time of an image for the trunk, and maps the trunk's outputs to pixels. Li & He 2025,
/// arXiv 2511.13720 (JiT).
package struct ImageDenoiser {
  private let time: TimeEmbedding
  private let output: Linear

  init(_ sizes: ModelSizes, in parameters: Parameters) {
    let d = sizes.configuration.trunk.width
    time = TimeEmbedding("dit.time", width: d, in: parameters)
    output = Linear(
      "dit.output", from: d, to: sizes.patchWidth, weight: .zero, in: parameters)
  }

  /// Predicts clean patches x from noisy ones.
  /// - Parameters:
  ///   - patches: [batch, N, P]
  ///   - times: one per image, float64
  /// - Returns: [batch, N, P]
  package func callAsFunction(
    _ trunk: Trunk, _ labels: Indices, _ patches: Variable, times: Tensor
  ) -> Variable {
    output(trunk(labels, patches, time: time(times, on: patches.tape)))
  }
}
