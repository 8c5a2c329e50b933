// The residual MLP for inference: packed weights, as `integrate_states` reads them.

import Autodiff
import CKernels
import Tensor

/// A modulated residual MLP that is evaluated hundreds of times for each token drawn.
///
/// Everything that depends on the condition m alone comes from one product, for many conditions at
/// once: the modulations of the blocks (scale, shift, gate of each group), and the scale and shift
/// before the output. That shift is linear in m, and the output is linear in the shift: if there
/// are fewer outputs than columns, the product of their weights replaces both and gives the shift's
/// part of the output.
package struct PackedResidualMLP {
  private let shape: ResidualMLPShape
  /// Keeps the memory of all addresses in `weights`.
  private let packed: [PackedWeights]
  private let norms: [LayerNorm]
  private let blocks: DeviceList<HeadBlock>
  /// The head as an operation reads it: one element.
  package let weights: DeviceList<HeadWeights>
  private let modulationWidth: Int

  /// - Parameter tape: one that packs weights
  init?(_ mlp: ResidualMLP, on tape: Tape) {
    guard let input = mlp.input.packed(on: tape), let final = mlp.finalModulation else {
      return nil
    }
    shape = mlp.shape
    let w = mlp.shape.width
    let shiftsOutput = mlp.shape.outputs < w
    let output = PackedWeights(
      mlp.output.weight.value, bias: shiftsOutput ? nil : mlp.output.bias!.value,
      precision: tape.products)
    func rows(_ range: Range<Int>) -> (weight: Tensor, bias: Tensor) {
      (final.weight.value.slice(range), final.bias!.value.slice(range))
    }
    let parts =
      mlp.modulations.map { (weight: $0.weight.value, bias: $0.bias!.value) }
      + [rows(0..<w), shiftsOutput ? shiftedOutput(mlp.output, final) : rows(w..<2 * w)]
    let modulation = PackedWeights(
      .stacked(parts.map(\.weight)), bias: .stacked(parts.map(\.bias)), precision: tape.products)
    norms = mlp.blocks.map(\.norm)
    let maps = mlp.blocks.map { (up: $0.up.packed(on: tape)!, down: $0.down.packed(on: tape)!) }
    packed = [input, output, modulation] + maps.flatMap { [$0.up, $0.down] }
    modulationWidth = modulation.outputs
    blocks = DeviceList(
      zip(norms, maps).map { norm, maps in
        HeadBlock(
          gain: norm.weight.value.address, bias: norm.bias.value.address, up: maps.up.address,
          up_bias: maps.up.biasAddress, down: maps.down.address,
          down_bias: maps.down.biasAddress)
      }, on: tape.device)
    weights = DeviceList(
      [
        HeadWeights(
          inputs: shape.inputs, width: w, outputs: shape.outputs, blocks: shape.blocks,
          groups: shape.groups, modulation_width: modulation.outputs, shifts_output: shiftsOutput,
          rounded: tape.products == .bfloat16, input: input.address,
          input_bias: input.biasAddress, modulation: modulation.address,
          modulation_bias: modulation.biasAddress, output: output.address,
          output_bias: output.biasAddress, block_list: blocks.address)
      ], on: tape.device)
  }

  package var inputs: Int { shape.inputs }
  /// Whether the weights are bfloat16.
  package var isRounded: Bool { packed[0].isRounded }
  /// Number of weights in all products of one evaluation.
  package var weightCount: Int {
    let w = shape.width
    return (shape.inputs + shape.outputs) * w + modulationWidth * w
      + shape.blocks * (3 * w * w + 3 * w / 2 * w)
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
