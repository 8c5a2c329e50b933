// The state encoder G and the norm of states (model.md section 3.3).

import Autodiff
import Configuration
import NeuralNetwork
import Tensor

/// z_i = Norm(G(y_i, sg(h_i))).
package struct StateEncoder {
  private enum Body {
    case hidden(ResidualMLP, condition: Linear)
    case alone(ResidualMLP)
    case image(input: Linear, TransformerStack, RMSNorm, output: Linear)
  }
  private let body: Body

  init(_ sizes: ModelSizes, in parameters: Parameters) {
    let encoder = sizes.configuration.encoder
    let shape = ResidualMLPShape(
      inputs: sizes.patchWidth, width: encoder.width, outputs: sizes.stateWidth,
      blocks: encoder.blocks)
    switch encoder.context {
    case .hidden:
      let condition = Linear(
        "encoder.cond", from: sizes.configuration.trunk.width, to: encoder.width, in: parameters)
      body = .hidden(
        ResidualMLP(
          "encoder", shape, modulated: true, gateBias: .openGate, in: parameters),
        condition: condition)
    case .none:
      body = .alone(ResidualMLP("encoder", shape, modulated: false, in: parameters))
    case .image:
      let stack = TransformerShape(
        width: encoder.width, layers: encoder.blocks, heads: encoder.width / encoder.headDim,
        mlpMultiple: sizes.configuration.trunk.mlpMultiple)
      body = .image(
        input: Linear(
          "encoder.input", from: sizes.patchWidth, to: encoder.width, in: parameters),
        TransformerStack(
          "encoder.blocks", stack,
          coordinates: TokenCoordinate.sequence(classTokens: 0, grid: sizes.grid), causal: false,
          in: parameters),
        RMSNorm("encoder.norm", width: encoder.width, in: parameters),
        output: Linear(
          "encoder.output", from: encoder.width, to: sizes.stateWidth, in: parameters))
    }
  }

  var readsHidden: Bool {
    if case .hidden = body { true } else { false }
  }

  /// States before the norm.
  /// - Parameters:
  ///   - patches: [batch, N, P]
  ///   - hidden: h [batch, N, d], if the context is `hidden`; no gradient flows into it
  /// - Returns: [batch, N, k]
  package func callAsFunction(_ patches: Variable, hidden: Variable?) -> Variable {
    switch body {
    case .hidden(let mlp, let condition):
      guard let hidden else { preconditionFailure("StateEncoder: no hidden state") }
      return mlp(patches, condition: silu(condition(hidden.detached)))
    case .alone(let mlp): return mlp(patches)
    case .image(let input, let stack, let norm, let output):
      return output(norm(stack(input(patches))))
    }
  }
}

/// The norm of states [..., k].
package func normalizedState(_ z: Variable, _ norm: StateNorm) -> Variable {
  switch norm {
  case .sphere: sphereNormalized(z)
  case .layer: layerNormalized(z)
  case .none: z
  }
}
