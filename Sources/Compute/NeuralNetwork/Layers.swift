// Linear maps and norms.

import Autodiff
import Tensor

/// y = x W' + b, W [out, in] under `<name>.weight`, b under `<name>.bias`.
package struct Linear {
  package let weight: Parameter
  package let bias: Parameter?

  package init(
    _ name: String, from inputs: Int, to outputs: Int, bias: Initialization? = .zero,
    weight: Initialization = .xavierUniform, in parameters: Parameters
  ) {
    self.weight = parameters.make("\(name).weight", [outputs, inputs], weight)
    self.bias = bias.map { parameters.make("\(name).bias", [outputs], $0) }
  }

  /// - Parameter type: that of the result; the tape's, or that of its activations
  package func callAsFunction(_ x: Variable, as type: ElementType? = nil) -> Variable {
    if let packed = packed(on: x.tape) { return x.tape.constant(packed(x.value)) }
    return linear(
      x, weight: x.tape.variable(weight), bias: bias.map { x.tape.variable($0) }, as: type)
  }

  /// The weights in packed form, on a tape that packs them.
  package func packed(on tape: Tape) -> PackedWeights? { tape.packedWeights(weight, bias: bias) }
}

/// x * rsqrt(mean(x^2) + 1e-6) * weight.
package struct RMSNorm {
  package let weight: Parameter

  package init(_ name: String, width: Int, in parameters: Parameters) {
    weight = parameters.make("\(name).weight", [width], .one)
  }

  /// - Parameter type: that of the result; the tape's, or that of its activations
  package func callAsFunction(_ x: Variable, as type: ElementType? = nil) -> Variable {
    rmsNormalized(x, gain: x.tape.variable(weight), as: type)
  }
}

/// LayerNorm with weight and bias, eps 1e-6.
package struct LayerNorm {
  package let weight: Parameter
  package let bias: Parameter

  package init(_ name: String, width: Int, in parameters: Parameters) {
    weight = parameters.make("\(name).weight", [width], .one)
    bias = parameters.make("\(name).bias", [width], .zero)
  }

  /// - Parameters:
  ///   - modulation: [..., at least 2 width], with scale and shift first; nil for none
  ///   - type: that of the result; the tape's, or that of its activations
  package func callAsFunction(
    _ x: Variable, modulatedBy modulation: Variable?, as type: ElementType? = nil
  ) -> Variable {
    let (gain, bias) = (x.tape.variable(weight), x.tape.variable(bias))
    guard let modulation else { return layerNormalized(x, gain: gain, bias: bias, as: type) }
    return layerNormModulated(
      x, gain: gain, bias: bias, scale: ModulationColumns(modulation, first: 0),
      shift: ModulationColumns(modulation, first: weight.value.count), as: type)
  }
}
