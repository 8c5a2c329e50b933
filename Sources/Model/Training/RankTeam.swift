// The ranks that train one model, as their trainer sees them.

/// Ranks that share each batch, and what they agree on at every step.
package final class RankTeam {
  package let communicator: any Communicator
  /// Whether this rank has been asked to stop; set before a step.
  package var asksToStop = false
  /// Whether any rank had been asked to stop before the last step, which all have made.
  package private(set) var stops = false

  /// Bytes in which the last rank says what it has measured.
  private static let room = 2048

  package init(_ communicator: any Communicator) { self.communicator = communicator }

  /// Whether this rank writes for all.
  package var isFirst: Bool { communicator.rank == 0 }

  func run(_ sum: RankedSum) throws { stops = try sum.run(asksToStop: asksToStop) }

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
