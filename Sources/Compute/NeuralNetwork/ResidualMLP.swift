// The residual MLP of flow head, state encoder and pixel decoder (model.md 3.2 to 3.4).

import Autodiff
import Tensor

/// Sizes and names of a residual MLP.
package struct ResidualMLPShape: Sendable {
  package let inputs: Int
  package let width: Int
  package let outputs: Int
  package let blocks: Int
  /// Consecutive blocks share one modulation within a group.
  package let groups: Int

  package init(inputs: Int, width: Int, outputs: Int, blocks: Int, groups: Int = 1) {
    precondition(width % 2 == 0 && blocks % groups == 0, "ResidualMLP: sizes")
    self.inputs = inputs
    self.width = width
    self.outputs = outputs
    self.blocks = blocks
    self.groups = groups
  }
}

/// x += (gate *) down(SwiGLU(up(u))), where u is the normalized, modulated x; then a final norm and
/// output.
package struct ResidualMLP {
  struct Block {
    let norm: LayerNorm
    let up: Linear
    let down: Linear

    /// - Parameter modulation: scale, shift and gate, [..., 3 width]
    func callAsFunction(_ x: Variable, modulation: Variable?) -> Variable {
      let type = x.tape.activations
      let change = down(swiglu(up(norm(x, modulatedBy: modulation, as: type), as: type)))
      guard let modulation else { return add(x, change) }
      return gatedAdd(x, change, gate: ModulationColumns(modulation, first: 2 * x.value.width))
    }
  }
  let input: Linear
  let blocks: [Block]
  let modulations: [Linear]
  let finalModulation: Linear?
  let output: Linear
  let shape: ResidualMLPShape

  /// - Parameters:
  ///   - modulated: whether a condition m [.., width] drives scale, shift and gate
  ///   - gateBias: initial values of the modulations' bias
  ///   - outputWeight: initial values of the output's weight
  package init(
    _ name: String, _ shape: ResidualMLPShape, modulated: Bool, gateBias: Initialization = .zero,
    outputWeight: Initialization = .xavierUniform, in parameters: Parameters
  ) {
    self.shape = shape
    let w = shape.width
    input = Linear("\(name).input", from: shape.inputs, to: w, in: parameters)
    blocks = (0..<shape.blocks).map { b in
      Block(
        norm: LayerNorm("\(name).blocks.\(b).norm", width: w, in: parameters),
        up: Linear("\(name).blocks.\(b).up", from: w, to: 3 * w, in: parameters),
        down: Linear("\(name).blocks.\(b).down", from: 3 * w / 2, to: w, in: parameters))
    }
    modulations =
      modulated
      ? (0..<shape.groups).map {
        Linear(
          "\(name).modulation.\($0)", from: w, to: 3 * w, bias: gateBias, weight: .zero,
          in: parameters)
      } : []
    finalModulation =
      modulated
      ? Linear(
        "\(name).final_modulation", from: w, to: 2 * w, weight: .zero, in: parameters) : nil
    output = Linear(
      "\(name).output", from: w, to: shape.outputs, weight: outputWeight, in: parameters)
  }

  /// - Parameters:
  ///   - x: [..., inputs]
  ///   - m: the condition, [..., width], if the MLP is modulated
  /// - Returns: [..., outputs]
  package func callAsFunction(_ x: Variable, condition m: Variable? = nil) -> Variable {
    precondition((m != nil) == (finalModulation != nil), "ResidualMLP: condition")
    let perGroup = shape.blocks / shape.groups
    var x = input(x)
    // Blocks that share a modulation are recomputed together, so that its gradient is the same sum
    // bit for bit.
    for first in stride(from: 0, to: blocks.count, by: perGroup) {
      let modulation = m.map { modulations[first / perGroup]($0) }
      x = recomputed([x] + (modulation.map { [$0] } ?? [])) { inputs in
        blocks[first..<first + perGroup].reduce(inputs[0]) {
          $1($0, modulation: inputs.dropFirst().first)
        }
      }
    }
    let type = x.tape.activations
    guard let m, let finalModulation else { return output(layerNormalized(x, as: type)) }
    let last = finalModulation(m)
    return output(
      layerNormModulated(
        x, scale: ModulationColumns(last, first: 0),
        shift: ModulationColumns(last, first: shape.width), as: type))
  }
}

/// Time features and their two-layer embedding: 256 -> w, SiLU, w -> w.
package struct TimeEmbedding {
  /// Number of cosines and sines together.
  package static let features = 256
  private let first: Linear
  private let second: Linear

  /// - Parameter name: such as `head.time`
  package init(_ name: String, width: Int, in parameters: Parameters) {
    first = Linear("\(name).0", from: Self.features, to: width, in: parameters)
    second = Linear("\(name).2", from: width, to: width, in: parameters)
  }

  /// - Parameter t: one time per row, float64
  /// - Returns: [t.count, width]
  package func callAsFunction(_ t: Tensor, on tape: Tape) -> Variable {
    let features = timeFeatures(t, half: Self.features / 2, type: tape.type)
    return second(silu(first(tape.constant(features))))
  }
}
