// Features of images after each block of the trunk, for linear probes.

import Autodiff
import Configuration
import NeuralNetwork
import Tensor

/// Features of clean images after each block of a causal trunk.
///
/// The trunk reads the null class, as a label would give the answer away. All N patches are read in
/// one teacher-forced pass, so that every pixel is seen; sampling never reads the last one, which
/// here also gets its coordinate. A feature is a channel's mean over the N patches, as iGPT (Chen
/// et al. 2020) pools, or over each of r x r equal parts of the image, row by row. Class tokens are
/// left out.
package struct TrunkLayers {
  private let model: PRAModel
  private let angles: RotaryAngles
  private let parts: Int

  /// - Parameter parts: r, a divisor of the number of patches along a side
  /// - Returns: nil for a model without a causal trunk
  package init?(_ model: PRAModel, parts: Int = 1) {
    guard model.configuration.method != .diffusion else { return nil }
    precondition(model.sizes.grid % parts == 0, "TrunkLayers: \(parts) of \(model.sizes.grid)")
    (self.model, self.parts) = (model, parts)
    let trunk = model.configuration.trunk
    angles = rotaryAngles(
      TokenCoordinate.sequence(classTokens: trunk.classTokens, grid: model.sizes.grid),
      headSize: trunk.width / trunk.heads, type: model.type, on: model.device)
  }

  /// Number of layers, that is of blocks.
  package var count: Int { model.configuration.trunk.layers }
  /// Number of features of a layer.
  package var width: Int { model.configuration.trunk.width * parts * parts }

  /// - Parameter patches: [batch, N, P]
  /// - Returns: one tensor per block, [batch, r r d]
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
      means(byParts(tokens(output, first..<first + positions).value))
    }
  }

  /// The tokens sorted by parts of the image: [batch, N, d] as [batch r r, N/(r r), d].
  private func byParts(_ x: Tensor) -> Tensor {
    guard parts > 1 else { return x }
    let (batch, grid, side) = (x.shape[0], model.sizes.grid, model.sizes.grid / parts)
    let y = Tensor(
      uninitialized: [batch * parts * parts, side * side, x.width], type: x.type, on: x.device)
    // A row of a part is contiguous in both.
    let run = side * x.width
    for row in 0..<batch * grid {
      for column in 0..<parts {
        let (image, line) = (row / grid, row % grid)
        let part = (image * parts + line / side) * parts + column
        y.pointer(at: (part * side + line % side) * run).copyMemory(
          from: x.pointer(at: (row * parts + column) * run), byteCount: run * x.type.size)
      }
    }
    return y
  }

  /// Means over the tokens of each part: [batch, r r d].
  private func means(_ x: Tensor) -> Tensor {
    let (count, positions, width) = x.dimensions3
    let sums = Tensor(
      uninitialized: [count / (parts * parts), parts * parts * width], type: x.type, on: x.device)
    let kernels = x.kernels.pointee
    kernels.sum_repeats!(
      sums.pointer, x.pointer, Int64(count), Int64(positions), Int64(width), 0, Int64(width))
    kernels.combine!(
      sums.pointer, 1 / Double(positions), sums.pointer, 0, sums.pointer, Int64(width), 0,
      Int64(count))
    return sums
  }
}
