// The pixel decoder D (model.md section 3.4).

import Autodiff
import Configuration
import NeuralNetwork
import Tensor

/// Maps states to patches, in parallel over positions or one after the other.
package struct PixelDecoder {
  private enum Body {
    case causal(input: Linear, TransformerStack, RMSNorm, output: Linear)
    case hidden(ResidualMLP, condition: Linear)
    case alone(ResidualMLP)
  }
  private let body: Body

  init(_ sizes: ModelSizes, in parameters: Parameters) {
    let decoder = sizes.configuration.decoder
    let shape = ResidualMLPShape(
      inputs: sizes.stateWidth, width: decoder.width, outputs: sizes.patchWidth,
      blocks: decoder.blocks)
    switch decoder.context {
    case .causal:
      let stack = TransformerShape(
        width: decoder.width, layers: decoder.blocks, heads: decoder.width / decoder.headDim,
        mlpMultiple: sizes.configuration.trunk.mlpMultiple)
      body = .causal(
        input: Linear(
          "decoder.input", from: sizes.stateWidth, to: decoder.width, in: parameters),
        TransformerStack(
          "decoder.blocks", stack,
          coordinates: TokenCoordinate.sequence(classTokens: 0, grid: sizes.grid), causal: true,
          in: parameters),
        RMSNorm("decoder.norm", width: decoder.width, in: parameters),
        output: Linear(
          "decoder.output", from: decoder.width, to: sizes.patchWidth, in: parameters))
    case .hidden:
      let condition = Linear(
        "decoder.cond", from: sizes.configuration.trunk.width, to: decoder.width, in: parameters)
      body = .hidden(
        ResidualMLP(
          "decoder", shape, modulated: true, gateBias: .openGate, in: parameters),
        condition: condition)
    case .none:
      body = .alone(ResidualMLP("decoder", shape, modulated: false, in: parameters))
    }
  }

  var readsHidden: Bool {
    if case .hidden = body { true } else { false }
  }

  /// - Parameters:
  ///   - states: [batch, tokens, k]
  ///   - hidden: h of these positions, if the context is `hidden`; no gradient flows into it
  ///   - caches: caches of earlier positions, for decoding one position after the other
  /// - Returns: patches [batch, tokens, P], not clamped
  package func callAsFunction(
    _ states: Variable, hidden: Variable?, caches: [KeyValueCache]? = nil
  ) -> Variable {
    switch body {
    case .causal(let input, let stack, let norm, let output):
      return output(norm(stack(input(states), caches: caches)))
    case .hidden(let mlp, let condition):
      guard let hidden else { preconditionFailure("PixelDecoder: no hidden state") }
      return mlp(states, condition: silu(condition(hidden.detached)))
    case .alone(let mlp): return mlp(states)
    }
  }

  /// Empty caches for `batch` images; nil if positions do not see each other.
  package func caches(batch: Int, on tape: Tape) -> [KeyValueCache]? {
    if case .causal(_, let stack, _, _) = body {
      stack.caches(batch: batch, on: tape)
    } else {
      nil
    }
  }
}
