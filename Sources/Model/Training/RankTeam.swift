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

  /// Bytes of gradients from which on they are sent.
  private let bucketBytes: Int
  /// Adds what has come while the trainer's device computes.
  private let adder = Device(threads: 1)

  /// Bytes in which the last rank says what it has measured.
  private static let room = 2048

  /// - Parameter bucketBytes: gradients are sent when so many bytes of them are complete. A bucket of 1 MiB takes 8 ms at
  ///   1 Gbit/s, which is what a step waits for at its end, and some twenty times the delay of a network at 10 Gbit/s.
  package init(_ communicator: any Communicator, bucketBytes: Int = 1 << 20) {
    (self.communicator, self.bucketBytes) = (communicator, bucketBytes)
  }

  /// Whether this rank writes for all.
  package var isFirst: Bool { communicator.rank == 0 }

  func buckets(_ parameters: [Parameter], on device: Device) -> GradientBuckets {
    GradientBuckets(parameters, ranks: communicator.size, bytes: bucketBytes, on: device)
  }

  func sum(_ buckets: GradientBuckets, _ series: DeviceList<Double>) -> RankedSum {
    RankedSum(communicator, buckets, series, adder: adder)
  }

  /// Sums over ranks while the passes go on, which tell the number of each bucket that is complete.
  func run(
    _ sum: RankedSum, _ passes: (_ isComplete: (_ bucket: Int) throws -> Void) throws -> Void
  ) throws { stops = try sum.run(asksToStop: asksToStop, passes) }

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
