// The flow head v (model.md section 3.2).

import Autodiff
import Configuration
import NeuralNetwork
import Tensor

/// A residual MLP, modulated by time and condition. It predicts the velocity of a rectified flow,
/// or in the method `x-prediction` the end of its path.
package struct FlowHead {
  private let position: Parameter
  private let condition: Linear
  private let time: TimeEmbedding
  private let mlp: ResidualMLP
  private let width: Int

  init(_ sizes: ModelSizes, in parameters: Parameters) {
    let (head, d) = (sizes.configuration.head, sizes.configuration.trunk.width)
    width = head.width
    position = parameters.make("head.position", [sizes.positions, d], .smallNormal)
    condition = Linear("head.cond", from: d, to: head.width, in: parameters)
    time = TimeEmbedding("head.time", width: head.width, in: parameters)
    mlp = ResidualMLP(
      "head",
      ResidualMLPShape(
        inputs: sizes.stateWidth, width: head.width, outputs: sizes.stateWidth,
        blocks: head.blocks, groups: head.groups),
      modulated: true, outputWeight: .zero, in: parameters)
  }

  /// The output at points of the path, in training.
  /// - Parameters:
  ///   - x: [batch * repeats, N, k]
  ///   - times: one per position of x, in the same order, float64
  ///   - hidden: h' [batch, N, d]
  /// - Returns: [batch * repeats, N, k]
  package func callAsFunction(
    _ x: Variable, times: Tensor, hidden: Variable, repeats: Int
  ) -> Variable {
    let (rows, count) = (x.shape[0], x.shape[1])
    let placed = addRepeated(hidden, hidden.tape.variable(position), repeats: hidden.shape[0])
    let conditions = condition(placed)
    let embedded = time(times, on: x.tape).reshaped([rows, count, width])
    return mlp(x, condition: silu(addRepeated(embedded, conditions, repeats: repeats)))
  }

  /// The term that position i adds to every step of its integration: [batch, 1, d] ->
  /// [batch, 1, w].
  package func condition(_ hidden: Variable, position i: Int) -> Variable {
    let d = position.value.width
    let row = Tensor(uninitialized: [1, d], type: hidden.value.type, on: hidden.value.device)
    row.copyRow(0, from: position.value, i)
    return condition(addRepeated(hidden, hidden.tape.constant(row), repeats: hidden.shape[0]))
  }

  /// The output at one position; each row has its own time.
  /// - Parameters:
  ///   - x: [batch, 1, k]
  ///   - condition: condition of the position, [batch, 1, w]
  package func callAsFunction(_ x: Variable, times: [Double], condition: Variable) -> Variable {
    let embedded = time(exactTimes(times, on: x.tape), on: x.tape)
      .reshaped([times.count, 1, width])
    return mlp(x, condition: silu(add(embedded, condition)))
  }

  /// Embedded times, each [1, w], which serve every position and image.
  package func embedded(times: [Double], on tape: Tape) -> [Variable] {
    times.map { time(exactTimes([$0], on: tape), on: tape) }
  }

  /// The head for inference, with its present weights packed on `tape`.
  package func packed(on tape: Tape) -> PackedResidualMLP {
    guard let packed = mlp.packed(on: tape) else {
      preconditionFailure("FlowHead: a tape that packs weights")
    }
    return packed
  }
}

private func exactTimes(_ times: [Double], on tape: Tape) -> Tensor {
  Tensor(times, [times.count], type: .float64, on: tape.device)
}
