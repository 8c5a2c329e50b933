// Deletes checkpoints and artifacts that nobody needs any more.

import JobQueue
import Postgres

/// A checkpoint, and the rule that keeps it.
package struct RetainedCheckpoint: Sendable {
  package let job: Int64
  package let step: Int64
  /// `last`, `best` or `every`; nil if it is dropped.
  package let reason: String?
}

/// One kind of garbage that is, or would be, collected.
package struct Garbage: Sendable {
  package let what: String
  package let count: Int64
  package let bytes: Int64

  package init(what: String, count: Int64, bytes: Int64) {
    self.what = what
    self.count = count
    self.bytes = bytes
  }
}

/// Rules that say which checkpoints of a job are kept.
package struct Retention: Sendable {
  package var keepLast: Int64
  package var keepBest: Int64
  /// The series that decides which checkpoints are best.
  package var metric: String
  package var keepEvery: Int64?

  package init(
    keepLast: Int64 = 1, keepBest: Int64 = 0, metric: String = "loss", keepEvery: Int64? = nil
  ) {
    self.keepLast = keepLast
    self.keepBest = keepBest
    self.metric = metric
    self.keepEvery = keepEvery
  }
}

extension ArtifactStore {
  /// Drops checkpoints that no rule keeps; the newest of each job always stays.
  /// - Parameter run: nil for all runs
  package mutating func retain(_ rules: Retention, run id: Int64?, dry: Bool) throws
    -> [RetainedCheckpoint]
  {
    try connection.run { connection in
      try connection.query(
        Queries.retainCheckpoints,
        [
          .optional(id) { .integer($0) }, .integer(rules.keepLast), .integer(rules.keepBest),
          .text(rules.metric), .optional(rules.keepEvery) { .integer($0) }, .boolean(dry),
        ]
      ).map {
        RetainedCheckpoint(
          job: try $0.integer("job_id"), step: try $0.integer("step"), reason: try $0.text("reason")
        )
      }
    }
  }

  /// Forgets artifacts without references and deletes their bytes from every store.
  /// - Parameter grace: age in seconds below which bytes are kept
  package mutating func collectGarbage(grace: Double, dry: Bool) throws -> [Garbage] {
    let found = try connection.run { connection in
      try connection.query(Queries.collectGarbage, [.double(grace), .boolean(dry)]).map {
        Garbage(
          what: try $0.string("what"), count: try $0.integer("number"),
          bytes: try $0.integer("bytes"))
      }
    }
    if !dry {
      try deleteDoomed()
      let folders = try connection.run {
        try $0.query(Queries.storeFolders).map { try $0.string("location") }
      }
      for folder in folders { try FileStore(folder).removeAbandoned() }
    }
    return found
  }

  /// Deletes marked objects, also those of a collector that crashed. Each is locked meanwhile: a
  /// writer of the same bytes waits and then writes them again.
  private mutating func deleteDoomed() throws {
    var after = ""
    let environment = environment
    while true {
      let deleted = try connection.run { connection -> String? in
        try connection.transaction {
          guard let row = try connection.query(Queries.nextDoomed, [.text(after)]).first else {
            return nil
          }
          let sha256 = try row.string("sha256")
          var store = try StoreLocation.open(
            try row.string("location"), environment: environment)
          try store.delete(sha256: sha256)
          try connection.query(
            Queries.forgetObject, [.integer(try row.integer("store")), .text(sha256)])
          return sha256
        }
      }
      guard let deleted else { return }
      after = deleted
    }
  }
}
