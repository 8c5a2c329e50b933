// Trunk and decoder one position after the other, with caches or without; the results are the same
// bits.

import Autodiff
import Configuration
import NeuralNetwork
import PRAModel
import Tensor

/// Computes the trunk's hidden states of a batch, to which patches are fed back.
struct Reading {
  private let model: PRAModel
  private let labels: Indices
  private let tape: Tape
  private let caches: [KeyValueCache]?

  init(_ model: PRAModel, _ labels: [Int32], caching: Bool, on tape: Tape) {
    (self.model, self.tape) = (model, tape)
    self.labels = Indices(labels, on: tape.device)
    caches = caching ? model.trunk.decoding(batch: labels.count, on: tape) : nil
  }

  /// h_0, [labels.count, 1, d].
  mutating func first() -> Variable {
    if let caches { return model.trunk.first(labels, on: tape, caches: caches) }
    let sizes = model.sizes
    let nothing = Tensor(
      repeating: 0, [1, sizes.positions, sizes.patchWidth], type: tape.type, on: tape.device)
    return whole(nothing, position: 0)
  }

  /// h_i from patch i - 1.
  /// - Parameters:
  ///   - patch: [count, 1, P]
  ///   - all: patches so far, [count, N, P]; finite also where they are not drawn yet
  mutating func next(_ patch: Tensor, all: Tensor, position: Int) -> Variable {
    guard let caches else { return whole(all, position: position) }
    let fedBack = [Tensor](repeating: patch, count: labels.count / patch.shape[0])
    return model.trunk.next(tape.constant(.stacked(fedBack)), caches: caches)
  }

  /// Runs the whole sequence; the causal mask hides patches that are not drawn yet.
  private func whole(_ patches: Tensor, position: Int) -> Variable {
    let fed = [Tensor](repeating: patches, count: labels.count / patches.shape[0])
    let hidden = model.trunk(labels, tape.constant(.stacked(fed)))
    return tokens(hidden, position..<position + 1)
  }
}

/// Decodes the patches of a batch from states as they are generated.
struct Decoding {
  private let decoder: PixelDecoder
  private let tape: Tape
  private let caches: [KeyValueCache]?
  /// Without caches: states so far [count, N, k], and hidden states if the decoder reads them.
  private let states: Tensor
  private let hidden: Tensor

  init(_ decoder: PixelDecoder, _ model: PRAModel, count: Int, caching: Bool, on tape: Tape) {
    self.decoder = decoder
    self.tape = tape
    caches = caching ? decoder.caches(batch: count, on: tape) : nil
    let positions = caching ? 0 : model.sizes.positions
    func zeros(_ width: Int) -> Tensor {
      Tensor(repeating: 0, [count, positions, width], type: tape.type, on: tape.device)
    }
    (states, hidden) = (
      zeros(model.sizes.stateWidth), zeros(model.configuration.trunk.width)
    )
  }

  /// Patch i from state i, [count, 1, P].
  mutating func patch(_ state: Variable, hidden h: Variable, position i: Int) -> Variable {
    guard states.shape[1] > 0 else { return decoder(state, hidden: h, caches: caches) }
    states.copyTokens(i..<i + 1, from: state.value, 0..<1)
    hidden.copyTokens(i..<i + 1, from: h.value, 0..<1)
    let all = decoder(tape.constant(states), hidden: tape.constant(hidden))
    return tokens(all, i..<i + 1)
  }
}
