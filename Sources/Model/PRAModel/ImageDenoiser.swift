// What the method `diffusion` has besides its trunk (model.md section 9).

import Autodiff
import Configuration
import NeuralNetwork
import Tensor

/// The time of an image before the trunk, and pixels after it. Li & He 2025, arXiv 2511.13720 (JiT).
package struct ImageDenoiser {
  private let time: TimeEmbedding
  private let output: Linear

  init(_ sizes: ModelSizes, in parameters: Parameters) {
    let d = sizes.configuration.trunk.width
    time = TimeEmbedding("dit.time", width: d, in: parameters)
    output = Linear(
      "dit.output", from: d, to: sizes.patchWidth, weight: .zero, in: parameters)
  }

  /// The clean patches x that noisy ones stand for.
  /// - Parameters:
  ///   - patches: [batch, N, P]
  ///   - times: one an image, float64
  /// - Returns: [batch, N, P]
  package func callAsFunction(
    _ trunk: Trunk, _ labels: Indices, _ patches: Variable, times: Tensor
  ) -> Variable {
    output(trunk(labels, patches, time: time(times, on: patches.tape)))
  }
}
