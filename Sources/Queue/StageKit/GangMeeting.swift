// Where the ranks of a gang meet: rows of the database that are gone with the start.

import Glibc
import JobQueue
import Postgres
import Synchronization
import Threads

/// A stage's place in its gang.
package struct Gang: Sendable, Equatable {
  /// The job that the gang is, to which its series and checkpoints belong.
  package let job: Int64
  /// Number of this start, which all ranks share.
  package let start: Int64
  /// From 0 on; rank 0 writes for the gang.
  package let rank: Int
  package let size: Int
}

/// Another rank is gone, or all have been asked to stop: the gang starts again from its last checkpoint, and this rank
/// is at no fault.
package struct PeerLost: Error, Sendable, CustomStringConvertible {
  package let description: String

  package init(_ description: String) { self.description = description }
}

/// Tells the other ranks of a start something, and hears what they tell. May be used by several threads.
package final class GangMeeting: Sendable {
  package let gang: Gang
  private let lease: Lease
  private let connection: Mutex<RetryingConnection>

  /// Seconds between two looks for what others have not told yet, at first and at most.
  private static let looks = (first: 0.005, most: 0.2)

  init(
    _ gang: Gang, lease: Lease, url: DatabaseURL, isOver: @escaping @Sendable () -> Bool,
    report: @escaping @Sendable (String) -> Void
  ) {
    (self.gang, self.lease) = (gang, lease)
    connection = Mutex(
      RetryingConnection(
        url: url, role: .worker, name: "pra stage \(lease.job) meeting", giveUp: isOver,
        report: report))
  }

  /// Tells all ranks something under a key.
  package func put(_ key: String, _ value: [UInt8]) throws {
    let parameters = lease.parameters + [.text(key), .bytes(value)]
    try connection.withLock { connection in
      _ = try connection.run { try $0.query(Queries.meet, parameters) }
    }
  }

  /// The values that ranks have told under a key so far, by rank.
  package func values(_ key: String) throws -> [Int: [UInt8]] {
    let parameters = lease.parameters + [.text(key)]
    return try connection.withLock { connection in
      try connection.run { connection in
        try connection.query(Queries.met, parameters).reduce(into: [:]) {
          $0[Int(try $1.integer("rank"))] = try $1.bytes("value")
        }
      }
    }
  }

  /// Waits until so many ranks have told something under a key.
  /// - Parameters:
  ///   - seconds: as long as it waits, by the monotonic clock
  ///   - isStopped: asked between two looks
  /// - Returns: nil if the time was over or it was stopped first
  package func values(
    _ key: String, of count: Int, within seconds: Double, isStopped: () -> Bool = { false }
  ) throws -> [Int: [UInt8]]? {
    let end = monotonicSeconds() + seconds
    var pause = Self.looks.first
    while true {
      let found = try values(key)
      if found.count >= count { return found }
      if isStopped() || monotonicSeconds() > end { return nil }
      // Ranks wait for one another once a start: a look now and then needs no channel that every rank listens to.
      usleep(UInt32(pause * 1e6))
      pause = min(2 * pause, Self.looks.most)
    }
  }
}

extension StageSession {
  /// The gang of which an attempt is a member, and the address from which the database sees this host.
  static func join(_ lease: Lease, _ url: DatabaseURL) throws -> (Gang?, String?) {
    var connection = RetryingConnection(
      url: url, role: .worker, name: "pra stage \(lease.job) start", report: Self.report)
    return try connection.run { connection in
      guard let row = try connection.query(Queries.joinGang, lease.parameters).first else {
        return (nil, nil)
      }
      let gang = Gang(
        job: try row.integer("gang"), start: try row.integer("start"),
        rank: Int(try row.integer("rank")), size: Int(try row.integer("size")))
      return (gang, try row.text("address"))
    }
  }

  /// The place where this stage meets the other ranks of its gang, in a session of its own.
  package func meeting(_ gang: Gang) -> GangMeeting {
    GangMeeting(gang, lease: ownLease, url: url, isOver: stopWatch, report: Self.report)
  }
}
