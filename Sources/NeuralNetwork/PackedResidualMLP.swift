// The residual MLP for inference: packed weights, and no memory taken per evaluation.

import Autodiff
import Tensor

/// A modulated residual MLP that is evaluated hundreds of times for every token that is drawn.
package struct PackedResidualMLP {
  private struct Block {
    let gain: Tensor
    let bias: Tensor
    let up: PackedWeights
    let down: PackedWeights
  }
  private let input: PackedWeights
  private let blocks: [Block]
  private let modulations: [PackedWeights]
  private let finalModulation: PackedWeights
  private let output: PackedWeights
  private let shape: ResidualMLPShape

  /// - Parameter tape: one that packs weights
  init?(_ mlp: ResidualMLP, on tape: Tape) {
    guard let input = mlp.input.packed(on: tape), let output = mlp.output.packed(on: tape),
      let final = mlp.finalModulation?.packed(on: tape)
    else { return nil }
    shape = mlp.shape
    self.input = input
    self.output = output
    finalModulation = final
    modulations = mlp.modulations.map { $0.packed(on: tape)! }
    blocks = mlp.blocks.map {
      Block(
        gain: $0.norm.weight.value, bias: $0.norm.bias.value, up: $0.up.packed(on: tape)!,
        down: $0.down.packed(on: tape)!)
    }
  }

  package var inputs: Int { shape.inputs }
  package var width: Int { shape.width }
  package var outputs: Int { shape.outputs }
  /// Elements to work in, for each row.
  package var workspacePerRow: Int { 12 * shape.width }
  /// Of all products of one evaluation.
  package var weightCount: Int {
    let w = shape.width
    return (shape.inputs + shape.outputs) * w
      + (2 + 3 * shape.groups) * w * w + shape.blocks * (3 * w * w + 3 * w / 2 * w)
  }

  /// y[rows, outputs] for x[rows, inputs] under the condition SiLU(c[rows, width] + time[width]).
  package func evaluate(
    _ loops: RowLoops, into y: UnsafeMutableRawPointer, _ x: UnsafeRawPointer,
    condition c: UnsafeRawPointer, time: UnsafeRawPointer, workspace: UnsafeMutableRawPointer
  ) {
    let w = shape.width
    let row = loops.rows * w * loops.type.size
    let m = workspace
    let modulation = m + row  // 3 w, of which the final modulation takes 2
    let u = modulation + 3 * row
    let wide = u + row  // 3 w
    let gated = wide + 3 * row  // 1.5 w
    var (x0, x1) = (gated + 3 * row / 2, gated + 5 * row / 2)

    loops.siluOfSum(m, c, row: time, width: w)
    loops.product(x0, input, x)
    let perGroup = shape.blocks / shape.groups
    for (b, block) in blocks.enumerated() {
      if b % perGroup == 0 { loops.product(modulation, modulations[b / perGroup], m) }
      loops.layerNormModulated(
        u, x0, gain: block.gain, bias: block.bias, by: modulation, scale: 0, shift: w,
        stride: 3 * w, width: w)
      loops.product(wide, block.up, u)
      loops.swiglu(gated, wide, width: 3 * w / 2)
      loops.product(u, block.down, gated)
      loops.gatedAdd(x1, x0, u, by: modulation, gate: 2 * w, stride: 3 * w, width: w)
      swap(&x0, &x1)
    }
    loops.product(modulation, finalModulation, m)
    loops.layerNormModulated(
      u, x0, gain: nil, bias: nil, by: modulation, scale: 0, shift: w, stride: 2 * w, width: w)
    loops.product(y, output, u)
  }
}

extension ResidualMLP {
  /// This MLP with the weights that it has now, on a tape that packs them; nil without modulation.
  package func packed(on tape: Tape) -> PackedResidualMLP? { PackedResidualMLP(self, on: tape) }
}
