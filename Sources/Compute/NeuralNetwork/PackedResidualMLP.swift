// The residual MLP for inference: packed weights, and no allocation per evaluation.

import Autodiff
import Tensor

/// A modulated residual MLP that is evaluated hundreds of times for each token drawn.
///
/// Everything that depends on the condition m alone comes from one product, for many conditions at
/// once: the modulations of the blocks (scale, shift, gate of each group), and the scale and shift
/// before the output. That shift is linear in m, and the output is linear in the shift: if there
/// are fewer outputs than columns, the product of their weights replaces both and gives the shift's
/// part of the output.
package struct PackedResidualMLP {
  private struct Block {
    let gain: Tensor
    let bias: Tensor
    let up: PackedWeights
    let down: PackedWeights
  }
  private let input: PackedWeights
  private let blocks: [Block]
  private let modulation: PackedWeights
  private let output: PackedWeights
  private let shape: ResidualMLPShape
  /// Whether the product of the final shift's and the output's weights replaces both.
  private let shiftsOutput: Bool

  /// - Parameter tape: one that packs weights
  init?(_ mlp: ResidualMLP, on tape: Tape) {
    guard let input = mlp.input.packed(on: tape), let final = mlp.finalModulation else {
      return nil
    }
    shape = mlp.shape
    self.input = input
    let w = mlp.shape.width
    shiftsOutput = mlp.shape.outputs < w
    output = PackedWeights(
      mlp.output.weight.value, bias: shiftsOutput ? nil : mlp.output.bias!.value,
      precision: tape.products)
    func rows(_ range: Range<Int>) -> (weight: Tensor, bias: Tensor) {
      (final.weight.value.slice(range), final.bias!.value.slice(range))
    }
    let parts =
      mlp.modulations.map { (weight: $0.weight.value, bias: $0.bias!.value) }
      + [rows(0..<w), shiftsOutput ? shiftedOutput(mlp.output, final) : rows(w..<2 * w)]
    modulation = PackedWeights(
      .stacked(parts.map(\.weight)), bias: .stacked(parts.map(\.bias)), precision: tape.products)
    blocks = mlp.blocks.map {
      Block(
        gain: $0.norm.weight.value, bias: $0.norm.bias.value, up: $0.up.packed(on: tape)!,
        down: $0.down.packed(on: tape)!)
    }
  }

  package var inputs: Int { shape.inputs }
  package var width: Int { shape.width }
  package var outputs: Int { shape.outputs }
  /// Number of columns in the modulations of one condition.
  package var modulationWidth: Int { modulation.outputs }
  /// Number of elements of working memory per row.
  package var workspacePerRow: Int { 8 * shape.width }
  /// Number of weights in all products of one evaluation.
  package var weightCount: Int {
    let w = shape.width
    return (shape.inputs + shape.outputs) * w + modulationWidth * w
      + shape.blocks * (3 * w * w + 3 * w / 2 * w)
  }

  /// The modulations under the conditions SiLU(c[rows, width] + times[t][width]).
  /// - Parameters:
  ///   - y: [times, rows, modulationWidth]
  ///   - workspace: [times, rows, width]
  package func modulations(
    _ loops: RowLoops, into y: UnsafeMutableRawPointer, condition c: UnsafeRawPointer,
    times: [UnsafeRawPointer], workspace m: UnsafeMutableRawPointer
  ) {
    loops.siluOfSums(m, c, with: times, width: shape.width)
    loops.repeated(times.count).product(y, modulation, m)
  }

  /// y[rows, outputs] for x[rows, inputs] under modulations[rows, modulationWidth].
  package func evaluate(
    _ loops: RowLoops, into y: UnsafeMutableRawPointer, _ x: UnsafeRawPointer,
    modulations: UnsafeRawPointer, workspace u: UnsafeMutableRawPointer
  ) {
    let (w, stride) = (shape.width, modulationWidth)
    let row = loops.rows * w * loops.type.size
    let wide = u + row  // 3 w
    let gated = wide + 3 * row  // 1.5 w
    var (x0, x1) = (gated + 3 * row / 2, gated + 5 * row / 2)

    loops.product(x0, input, x)
    let perGroup = shape.blocks / shape.groups
    for (b, block) in blocks.enumerated() {
      let first = b / perGroup * 3 * w
      loops.layerNormModulated(
        u, x0, gain: block.gain, bias: block.bias, by: modulations, scale: first, shift: first + w,
        stride: stride, width: w)
      loops.product(wide, block.up, u)
      loops.swiglu(gated, wide, width: 3 * w / 2)
      loops.product(u, block.down, gated)
      loops.gatedAdd(
        x1, x0, u, by: modulations, gate: first + 2 * w, stride: stride, width: w)
      swap(&x0, &x1)
    }
    let final = 3 * w * shape.groups
    loops.layerNormModulated(
      u, x0, gain: nil, bias: nil, by: modulations, scale: final,
      shift: shiftsOutput ? nil : final + w, stride: stride, width: w)
    loops.product(y, output, u)
    guard shiftsOutput else { return }
    loops.add(y, modulations, column: final + w, stride: stride, width: shape.outputs)
  }
}

extension ResidualMLP {
  /// This MLP with its present weights, on a tape that packs them; nil without modulation.
  package func packed(on tape: Tape) -> PackedResidualMLP? { PackedResidualMLP(self, on: tape) }
}

/// The final modulation's shift, carried through the output: weight O S [k, w] and bias O s + o [k]
/// for an output O, o and the shift's rows S, s of the modulation.
private func shiftedOutput(_ output: Linear, _ final: Linear) -> (weight: Tensor, bias: Tensor) {
  let (outer, inner) = (output.weight.value, final.weight.value)
  let (k, w) = outer.dimensions2
  let weight = Tensor(uninitialized: [k, w], type: outer.type, on: outer.device)
  matrixProduct(
    into: Matrix(weight), Matrix(outer), Matrix(inner, first: w * w, row: w), m: k, n: w, k: w)
  let bias = Tensor(uninitialized: [k], type: outer.type, on: outer.device)
  matrixProduct(
    into: Matrix(bias, row: 1), Matrix(outer), Matrix(final.bias!.value, first: w, row: 1), m: k,
    n: 1, k: w)
  bias.combine(1, bias, 1, output.bias!.value)
  return (weight, bias)
}
