// The report of a training step: its losses and the results of its passes.

import Autodiff
import Tensor

/// One of the losses of a step, before its weight.
package struct LossTerm {
  /// Its series, as `loss.flow`.
  package let name: String
  package let weight: Double
  package let scalar: Scalar
}

/// Losses of a step (section 4).
package struct StepLosses {
  /// In the order in which they are reported.
  package let terms: [LossTerm]

  /// Series whose weighted sum is L_rec.
  private static let reconstruction: Set<String> = ["loss.l1", "loss.l2", "loss.lpips"]

  /// L_rec, the weighted sum; 0 for a method without states.
  package var reconstruction: Double {
    sum { Self.reconstruction.contains($0.name) }
  }
  /// L.
  package var total: Double { sum { _ in true } }

  private func sum(where included: (LossTerm) -> Bool) -> Double {
    // A loss of weight 0 is reported and may be infinite: it is no part of L.
    terms.reduce(0) { $1.weight != 0 && included($1) ? $0 + $1.weight * $1.scalar.value : $0 }
  }

  /// The same losses without their derivatives, which hold what the passes computed.
  package var settled: StepLosses {
    StepLosses(
      terms: terms.map { LossTerm(name: $0.name, weight: $0.weight, scalar: $0.scalar.settled) })
  }

  /// - Parameter share: of these images in the batch, by which gradients are multiplied
  package func backward(on tape: Tape, share: Double = 1) {
    tape.backward(
      terms.filter { $0.weight != 0 }.map { (weight: share * $0.weight, of: $0.scalar) })
  }

  /// Names of the series: L, L_rec, and each loss before its weight.
  package var names: [String] { ["loss", "loss.rec"] + terms.map(\.name) }

  /// The value of a series as the last run of its operations left it.
  package func value(_ series: Int) -> Double {
    switch series {
    case 0: total
    case 1: reconstruction
    default: terms[series - 2].scalar.value
    }
  }
}

/// Results of the passes by name, for diagnostics and for tests against an independent
/// implementation.
package typealias StepActivations = [String: Tensor]
