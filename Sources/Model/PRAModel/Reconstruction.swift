// Encoding and decoding without noise, which shows how much of an image its states keep.

import Autodiff
import Configuration
import NeuralNetwork
import Tensor

extension PRAModel {
  /// D(Norm(G(y))) of clean patches with their classes, not clamped; nil for a method without
  /// states.
  /// - Parameter patches: [batch, N, P]
  package func reconstruction(of patches: Tensor, labels: [Int]) -> Tensor? {
    guard case .states(let parts) = generator else { return nil }
    let tape = Tape(on: device, type: type, products: products, recording: false)
    let clean = tape.constant(patches)
    let hidden =
      parts.readsHiddenBeforeDecoding
      ? trunk(Indices(labels.map(Int32.init), on: device), clean) : nil
    let states = normalizedState(
      parts.encoder(clean, hidden: hidden), configuration.state.norm)
    return parts.decoder(states, hidden: hidden).value
  }
}
