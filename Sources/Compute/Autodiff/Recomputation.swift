// Activations that the backward pass computes again instead of keeping them. Chen et al. 2016,
// arXiv 1604.06174.

import Tensor

/// work(inputs). On a tape that recomputes, only inputs and result are kept, and the backward pass
/// runs `work` again. The same operations in the same order give the same bits.
/// - Parameter work: computes on the tape of the variables that it is given
package func recomputed(
  _ inputs: [Variable], _ work: @escaping ([Variable]) -> Variable
) -> Variable {
  let tape = inputs[0].tape
  guard tape.recomputes, tape.isRecording else { return work(inputs) }
  let silent = tape.another(recording: false)
  let result = work(inputs.map { silent.constant($0.value) }).value
  return tape.record(result, from: inputs, by: silent) { tape, gradient in
    let again = tape.another(recording: true)
    let fresh = inputs.map {
      $0.needsGradient ? again.input($0.value) : again.constant($0.value)
    }
    again.backward(from: work(fresh), gradient: gradient)
    for (variable, copy) in zip(inputs, fresh) {
      if let found = again.gradient(of: copy) { tape.add(found, to: variable.place) }
    }
    for (parameter, found) in again.parameterGradients {
      tape.add(found, to: tape.variable(parameter).place)
    }
  }
}
