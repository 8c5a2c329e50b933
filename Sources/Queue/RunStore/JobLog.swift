// The output that an attempt printed.

import JobQueue
import Postgres

/// A piece of an attempt's output, byte for byte.
package struct LogChunk: Sendable, Equatable {
  package let epoch: Int64
  /// Number within the attempt, from 0.
  package let ordinal: Int64
  package let bytes: [UInt8]
}

extension RetryingConnection {
  /// The output of a job after a chunk, in order; that of its latest attempt unless another is
  /// named.
  package mutating func log(job: Int64, epoch: Int64? = nil, after ordinal: Int64 = -1) throws
    -> [LogChunk]
  {
    try run { connection in
      try connection.query(
        Queries.log, [.integer(job), .optional(epoch) { .integer($0) }, .integer(ordinal)]
      ).map {
        LogChunk(
          epoch: try $0.integer("epoch"), ordinal: try $0.integer("ordinal"),
          bytes: try $0.bytes("bytes"))
      }
    }
  }
}
