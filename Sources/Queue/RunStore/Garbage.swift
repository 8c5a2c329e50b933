// What nobody needs any more, out of the stores.

import JobQueue
import Postgres

/// A checkpoint and whether a rule keeps it.
package struct RetainedCheckpoint: Sendable {
  package let job: Int64
  package let step: Int64
  /// `last`, `best` or `every`; nil where it is dropped.
  package let reason: String?
}

/// What is, or would be, collected.
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

/// Which checkpoints of a job stay.
package struct Retention: Sendable {
  package var keepLast: Int64
  package var keepBest: Int64
  /// The series that says which is best.
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
  /// - Parameter grace: seconds in which nobody may have stored the bytes
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

  /// Objects marked by this collector, and by one that crashed. Each is locked while it is deleted: who
  /// wants to write the same bytes waits and writes them anew.
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
