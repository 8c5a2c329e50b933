// Deletes checkpoints and artifacts that nobody needs any more.

import JobQueue
import Postgres

/// A checkpoint, and the rule that keeps it.
package struct RetainedCheckpoint: Sendable {
  package let job: Int64
  package let step: Int64
  /// `last`, `best`, `every` or another; nil if it is dropped.
  package let reason: String?

  /// Whether it stays since its job lacks the series by which the best are chosen.
  package var isNotRated: Bool { reason == "not rated" }
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

extension Connection {
  /// Drops checkpoints that no rule keeps; the newest of each job always stays.
  /// - Parameter run: nil for all runs
  package func retain(_ rules: Retention, run id: Int64?, dry: Bool) throws
    -> [RetainedCheckpoint]
  {
    try query(
      Queries.retainCheckpoints,
      [
        .optional(id) { .integer($0) }, .integer(rules.keepLast), .integer(rules.keepBest),
        .text(rules.metric), .optional(rules.keepEvery) { .integer($0) }, .boolean(dry),
      ]
    ).map {
      RetainedCheckpoint(
        job: try $0.integer("job_id"), step: try $0.integer("step"), reason: try $0.text("reason"))
    }
  }

  /// Artifacts without references, which are forgotten unless `dry`.
  /// - Parameter grace: age in seconds below which bytes are kept
  package func garbage(grace: Double, dry: Bool) throws -> [Garbage] {
    try query(Queries.collectGarbage, [.double(grace), .boolean(dry)]).map {
      Garbage(
        what: try $0.string("what"), count: try $0.integer("number"), bytes: try $0.integer("bytes")
      )
    }
  }
}

extension ArtifactStore {
  /// Drops checkpoints that no rule keeps; the newest of each job always stays.
  /// - Parameter run: nil for all runs
  package mutating func retain(_ rules: Retention, run id: Int64?, dry: Bool) throws
    -> [RetainedCheckpoint]
  {
    try connection.run { try $0.retain(rules, run: id, dry: dry) }
  }

  /// Forgets artifacts without references and deletes their bytes from every store.
  /// - Parameters:
  ///   - grace: age in seconds below which bytes are kept
  ///   - failed: takes the location of a store that cannot be collected now, and the reason; what is
  ///     marked there stays marked, and the other stores go on
  package mutating func collectGarbage(
    grace: Double, dry: Bool, failed: (String, any Error) throws -> Void = { throw $1 }
  ) throws -> [Garbage] {
    let found = try connection.run { try $0.garbage(grace: grace, dry: dry) }
    if dry { return found }
    try sweepStores(by: nil, failed)
    return found
  }

  /// Collects garbage by the owner's rule, if that is due and no other worker does it.
  /// - Returns: what went, as a JSON object of numbers; nil where nothing was due
  package mutating func keepUp(by worker: Registration) throws -> String? {
    let own = worker.parameters
    let collected = try connection.run {
      try $0.query(Queries.beginUpkeep, own).single().text("collected")
    }
    guard let collected else { return nil }
    var away: [String] = []
    try sweepStores(by: worker) { away.append("\($0): \($1)") }
    let error = away.isEmpty ? nil : away.joined(separator: "; ")
    try connection.run {
      _ = try $0.query(Queries.endUpkeep, own + [.optional(error) { .text($0) }])
    }
    return collected
  }

  private mutating func sweepStores(
    by worker: Registration?, _ failed: (String, any Error) throws -> Void
  ) throws {
    let stores = try connection.run {
      try $0.query(Queries.stores).map { (try $0.integer("id"), try $0.string("location")) }
    }
    for (store, location) in stores {
      do {
        try sweep(store, location, by: worker)
      } catch let error where error is StoreError || error is StoreAway {
        try failed(location, error)
      }
    }
  }

  /// Deletes the marked objects of a store, also those of a collector that crashed, and ends uploads
  /// that were left. Each is locked meanwhile.
  /// - Parameter worker: the one that does the upkeep; nil for the owner of the database
  private mutating func sweep(_ store: Int64, _ location: String, by worker: Registration?) throws {
    let (next, forget) =
      worker == nil
      ? (Queries.nextDoomed, Queries.forgetObject)
      : (Queries.upkeepObject, Queries.forgetUpkeepObject)
    let own = worker?.parameters ?? []
    let environment = environment
    let patience = patience
    var after = ""
    var open: (any ObjectStore)?
    while true {
      let deleted = try connection.run { connection -> String? in
        try connection.transaction {
          guard
            let row = try connection.query(
              next, own + [.integer(store), .text(after)]
            ).first
          else { return nil }
          if open == nil {
            open =
              try worker == nil
              ? Self.owned(store, location, environment, patience, connection)
              : Self.proven(OwnedStore(row), environment, patience)
          }
          let sha256 = try row.string("sha256")
          let number = try row.integer("copy")
          let object = try row.string("object")
          for upload in try row.string("uploads").split(separator: "\n") {
            try open!.abort(String(upload), of: object)
          }
          if try row.boolean("is_doomed") { try open!.delete(object) }
          try connection.query(
            forget, own + [.integer(store), .text(sha256), .integer(number)])
          return object
        }
      }
      guard let deleted else { break }
      after = deleted
    }
    guard worker == nil, location.hasPrefix("file:") else { return }
    let folder = try FileStore(location)
    guard folder.hasAbandoned else { return }
    if open == nil {
      _ = try connection.run { try Self.owned(store, location, [:], patience, $0) }
    }
    folder.removeAbandoned()
  }

  /// Opens a store whose mark shows that this database may delete from it.
  private static func proven(
    _ owned: OwnedStore, _ environment: [String: String], _ patience: StorePatience
  ) throws -> any ObjectStore {
    var objects = try StoreLocation.open(
      owned.location, environment: environment, patience: patience)
    try owned.prove(&objects)
    return objects
  }

  /// Opens a store from which this database may delete.
  private static func owned(
    _ store: Int64, _ location: String, _ environment: [String: String],
    _ patience: StorePatience, _ connection: Connection
  ) throws -> any ObjectStore {
    let owned = try OwnedStore(
      try connection.query(Queries.findStore, [.text(location)]).single())
    let objects = try proven(owned, environment, patience)
    if !owned.isMarked { try connection.query(Queries.markStore, [.integer(store)]) }
    return objects
  }
}
