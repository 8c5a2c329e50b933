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
    let (batch, side) = (x.shape[0], model.sizes.grid / parts)
    let y = Tensor(
      uninitialized: [batch * parts * parts, side * side, x.width], type: x.type, on: x.device)
    // A row of a part is contiguous in both: line l of column c is token l r + c, and becomes c side + l.
    let run = side * x.width
    let (lines, sorted) = (
      x.reshaped([batch * parts, side * parts, run]),
      y.reshaped([batch * parts, parts * side, run])
    )
    for line in 0..<side {
      for column in 0..<parts {
        let (from, to) = (line * parts + column, column * side + line)
        sorted.copyTokens(to..<to + 1, from: lines, from..<from + 1)
      }
    }
    return y
  }

  /// Means over the tokens of each part: [batch, r r d].
  private func means(_ x: Tensor) -> Tensor {
    let sums = x.tokenSums()
    sums.combine(1 / Double(x.shape[1]), sums, 0, sums)
    return sums.reshaped([x.shape[0] / (parts * parts), parts * parts * x.width])
  }
}
