// The ranks that train one model, as their trainer sees them.

import Autodiff
import Tensor

/// Ranks that share each batch, and what they agree on at every step.
package final class RankTeam {
  package let communicator: any Communicator
  /// Whether this rank has been asked to stop; set before a step.
  package var asksToStop = false
  /// Whether any rank had been asked to stop before the last step, which all have made.
  package private(set) var stops = false
  /// Whether this rank wants the state before a step's update for a checkpoint; set before the step.
  var asksToKeep = false
  /// Whether any rank had asked so before the last step.
  private(set) var keeps = false
  /// An existing folder of this rank's, in which files of a checkpoint wait until it is stored.
  let folder: String

  /// Bytes of gradients from which on they are sent.
  private let bucketBytes: Int
  /// Adds what has come while the trainer's device computes; made with the first sum.
  private var adder: Device?

  /// Bytes in which the last rank says what it has measured.
  private static let room = 2048

  /// - Parameters:
  ///   - folder: in which files of a checkpoint wait, where ranks keep parts of the optimizer
  ///   - bucketBytes: gradients are sent when so many bytes of them are complete. A bucket of 1 MiB takes 8 ms at 1 Gbit/s,
  ///     which is what a step waits for at its end, and some twenty times the delay of a network at 10 Gbit/s.
  package init(_ communicator: any Communicator, folder: String, bucketBytes: Int = 1 << 20) {
    (self.communicator, self.folder, self.bucketBytes) = (communicator, folder, bucketBytes)
  }

  /// Whether this rank writes for all.
  package var isFirst: Bool { communicator.rank == 0 }

  func buckets(_ parameters: [Parameter], on device: Device) -> GradientBuckets {
    GradientBuckets(parameters, ranks: communicator.size, bytes: bucketBytes, on: device)
  }

  func gathering(_ parameters: [Parameter]) -> OptimizerGathering {
    OptimizerGathering(parameters, communicator, bytes: bucketBytes)
  }

  func sum(_ buckets: GradientBuckets, _ series: DeviceList<Double>) -> RankedSum {
    let adder = adder ?? Device(threads: 1, kind: series.device.kind)
    self.adder = adder
    return RankedSum(communicator, buckets, series, adder: adder)
  }

  /// Sums over ranks while the passes go on, which tell the number of each bucket that is complete.
  func run(
    _ sum: RankedSum, _ passes: (_ isComplete: (_ bucket: Int) throws -> Void) throws -> Void
  ) throws {
    let granted = try sum.run(wishes: [asksToStop, asksToKeep], passes)
    (stops, keeps) = (granted[0], granted[1])
  }

  /// The measurements of the last rank, which has the last part of the batch, to the bit for all.
  func ofLast(
    _ measure: () -> [(name: String, value: Double)]
  ) throws -> [(name: String, value: Double)] {
    let isLast = communicator.rank == communicator.size - 1
    let text =
      isLast ? measure().map { "\($0.name)=\($0.value.bitPattern)" }.joined(separator: " ") : ""
    return try communicator.textOfLast(text, most: Self.room).split(separator: " ").map { entry in
      let parts = entry.split(separator: "=")
      return (String(parts[0]), Double(bitPattern: UInt64(parts[1])!))
    }
  }
}
