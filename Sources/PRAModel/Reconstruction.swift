// Encoding and decoding without noise: what the states keep of an image.

import Autodiff
import Configuration
import NeuralNetwork
import Tensor

extension PRAModel {
  /// D(Norm(G(y))) of clean patches under their classes, not clamped.
  /// - Parameter patches: [batch, N, P]
  package func reconstruction(of patches: Tensor, labels: [Int]) -> Tensor {
    let tape = Tape(on: device, type: type, products: products, recording: false)
    let clean = tape.constant(patches)
    let hidden = readsHiddenBeforeDecoding ? trunk(labels.map(Int32.init), clean) : nil
    let states = normalizedState(encoder(clean, hidden: hidden), configuration.state.norm)
    return decoder(states, hidden: hidden).value
  }
}
