// What the trunk's blocks know of an image, for linear probes.

import Autodiff
import Configuration
import NeuralNetwork
import Tensor

/// Features of clean images after each block of a causal trunk.
///
/// The null class: a label would tell the answer. All N patches are read, teacher-forced in one pass,
/// so that no pixel is unseen: sampling never reads the last one, which here has its coordinate as
/// well. A feature is a channel's mean over the N patches; class tokens are left out. As iGPT (Chen et
/// al. 2020) pools, with MAE's classifier on top.
package struct TrunkLayers {
  private let model: PRAModel
  private let angles: RotaryAngles

  /// - Returns: nil for a model without a causal trunk
  package init?(_ model: PRAModel) {
    guard model.configuration.method != .diffusion else { return nil }
    self.model = model
    let trunk = model.configuration.trunk
    angles = rotaryAngles(
      TokenCoordinate.sequence(classTokens: trunk.classTokens, grid: model.sizes.grid),
      headSize: trunk.width / trunk.heads, type: model.type, on: model.device)
  }

  /// Layers, that is blocks.
  package var count: Int { model.configuration.trunk.layers }
  /// Features of a layer.
  package var width: Int { model.configuration.trunk.width }

  /// - Parameter patches: [batch, N, P]
  /// - Returns: of each block [batch, d]
  package func callAsFunction(_ patches: Tensor) -> [Tensor] {
    let (batch, positions, _) = patches.dimensions3
    let tape = Tape(
      on: model.device, type: model.type, products: model.products, recording: false)
    let trunk = model.trunk
    let labels = Indices(
      [Int32](repeating: model.nullClass, count: batch), on: model.device)
    let sequence = concatenatedTokens(
      trunk.classTokens(labels, on: tape), trunk.patchEmbedding(tape.constant(patches)))
    let first = trunk.classTokens
    return trunk.stack.outputs(trunk.embeddingNorm(sequence), angles: angles).map { output in
      let x = tokens(output, first..<first + positions).value
      let sums = Tensor(uninitialized: [batch, x.width], type: x.type, on: x.device)
      let kernels = x.kernels.pointee
      kernels.sum_repeats!(
        sums.pointer, x.pointer, Int64(batch), Int64(positions), Int64(x.width), 0,
        Int64(x.width))
      kernels.combine!(
        sums.pointer, 1 / Double(positions), sums.pointer, 0, sums.pointer, Int64(x.width), 0,
        Int64(batch))
      return sums
    }
  }
}
