// The transformer F (model.md section 3.1), causal except in the method `diffusion` (section 9).

import Autodiff
import Configuration
import NeuralNetwork
import Tensor

/// Reads class tokens and patches 0..N-2; its outputs h_i condition the prediction of patch i.
package struct Trunk {
  private let classEmbedding: Parameter
  let patchEmbedding: Linear
  let embeddingNorm: RMSNorm
  let stack: TransformerStack
  private let norm: RMSNorm
  let classTokens: Int
  private let width: Int

  init(_ sizes: ModelSizes, in parameters: Parameters) {
    let trunk = sizes.configuration.trunk
    (classTokens, width) = (trunk.classTokens, trunk.width)
    classEmbedding = parameters.make(
      "trunk.class_embed.weight", [sizes.classes + 1, classTokens * width], .smallNormal)
    patchEmbedding = Linear(
      "trunk.patch_embed", from: sizes.patchWidth, to: width, weight: .smallNormal, in: parameters)
    embeddingNorm = RMSNorm("trunk.embed_norm", width: width, in: parameters)
    // A causal trunk never reads the last patch, so its coordinate is not needed.
    let causal = sizes.configuration.method != .diffusion
    let places = TokenCoordinate.sequence(classTokens: classTokens, grid: sizes.grid)
      .dropLast(causal ? 1 : 0)
    stack = TransformerStack(
      "trunk.blocks",
      TransformerShape(
        width: width, layers: trunk.layers, heads: trunk.heads, mlpMultiple: trunk.mlpMultiple),
      coordinates: Array(places), causal: causal, in: parameters)
    norm = RMSNorm("trunk.norm", width: width, in: parameters)
  }

  func classTokens(_ labels: Indices, on tape: Tape) -> Variable {
    embedding(tape.variable(classEmbedding), index: labels)
      .reshaped([labels.count, classTokens, width])
  }

  /// h for every position of a sequence.
  /// - Parameters:
  ///   - labels: one class per row, `classes` for the null class
  ///   - patches: [batch, N, P], of which the last is not read
  /// - Returns: [batch, N, d]
  package func callAsFunction(_ labels: Indices, _ patches: Variable) -> Variable {
    let count = patches.shape[1]
    var sequence = classTokens(labels, on: patches.tape)
    if count > 1 {
      sequence = concatenatedTokens(
        sequence, patchEmbedding(tokens(patches, 0..<count - 1)))
    }
    let outputs = norm(stack(embeddingNorm(sequence)))
    return tokens(outputs, classTokens - 1..<classTokens - 1 + count)
  }

  /// Outputs at every patch of a sequence without a mask; `time` is first added to every token.
  /// - Parameters:
  ///   - patches: [batch, N, P], all of which are read
  ///   - time: [batch, d]
  /// - Returns: [batch, N, d]
  package func callAsFunction(_ labels: Indices, _ patches: Variable, time: Variable) -> Variable {
    let (batch, count) = (labels.count, patches.shape[1])
    let sequence = concatenatedTokens(
      classTokens(labels, on: patches.tape), patchEmbedding(patches))
    let length = classTokens + count
    let timed = addRepeated(
      sequence.reshaped([batch * length, width]), time, repeats: length
    ).reshaped([batch, length, width])
    return tokens(norm(stack(embeddingNorm(timed))), classTokens..<length)
  }

  /// h one position after the other, from the tokens' cached keys and values.
  package func decoding(batch: Int, on tape: Tape) -> [KeyValueCache] {
    stack.caches(batch: batch, on: tape)
  }

  /// h_0 of [batch] classes: [batch, 1, d].
  package func first(_ labels: Indices, on tape: Tape, caches: [KeyValueCache]) -> Variable {
    let outputs = stack(embeddingNorm(classTokens(labels, on: tape)), caches: caches)
    return norm(tokens(outputs, classTokens - 1..<classTokens))
  }

  /// h_i from patch i - 1, [batch, 1, P]: [batch, 1, d].
  package func next(_ patch: Variable, caches: [KeyValueCache]) -> Variable {
    norm(stack(embeddingNorm(patchEmbedding(patch)), caches: caches))
  }
}
