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
  private static let reconstructions: Set<String> = ["loss.l1", "loss.l2", "loss.lpips"]

  /// L_rec, the weighted sum; 0 for a method without states.
  package var reconstruction: Double {
    sum { Self.reconstructions.contains($0.name) }.reduce(0) { $0 + $1.weight * $1.of.value }
  }
  /// L.
  package var total: Double { sum { _ in true }.reduce(0) { $0 + $1.weight * $1.of.value } }

  /// A loss of weight 0 is reported and may be infinite: it is no part of L.
  private func sum(
    where included: (LossTerm) -> Bool
  ) -> [(weight: Double, of: DeviceNumber)] {
    terms.filter { $0.weight != 0 && included($0) }.map {
      (weight: $0.weight, of: $0.scalar.number)
    }
  }

  /// The same losses without their derivatives, which hold what the passes computed.
  package var settled: StepLosses {
    StepLosses(
      terms: terms.map { LossTerm(name: $0.name, weight: $0.weight, scalar: $0.scalar.settled) })
  }

  /// - Parameters:
  ///   - share: of these images in the batch, by which gradients are multiplied
  ///   - take: gets each parameter's gradient when it is complete; the tape keeps none
  package func backward(
    on tape: Tape, share: Double, _ take: (_ parameter: Parameter, _ gradient: Tensor) -> Void
  ) {
    tape.backward(
      terms.filter { $0.weight != 0 }.map { (weight: share * $0.weight, of: $0.scalar) }, take)
  }

  /// Names of the series: L, L_rec, and each loss before its weight.
  package var names: [String] { ["loss", "loss.rec"] + terms.map(\.name) }

  /// Writes the value of every series, in the order of the names, to numbers of a list.
  /// - Parameter share: factor of all values
  package func write(to list: DeviceList<Double>, share: Double) {
    let device = list.device
    let (total, part) = (DeviceNumber(on: device), DeviceNumber(on: device))
    total.setToSum(sum { _ in true })
    part.setToSum(sum { Self.reconstructions.contains($0.name) })
    for (i, number) in ([total, part] + terms.map(\.scalar.number)).enumerated() {
      DeviceNumber(list, i).setToSum([(weight: share, of: number)])
    }
  }
}

/// Results of the passes by name, for diagnostics and for tests against an independent
/// implementation.
package typealias StepActivations = [String: Tensor]
