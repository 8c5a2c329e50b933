// Deletes objects to which only checkpoints referred that their job's rule has dropped.

import JobQueue
import Postgres

extension ArtifactStore {
  /// Deletes the objects that the job of an attempt has dropped, each in a transaction that locks it. An
  /// object that is left, since its store is away or the process ends, goes with the garbage collection.
  /// - Returns: number of objects deleted
  @discardableResult
  package mutating func deleteDropped(by lease: Lease) throws -> Int {
    let environment = environment
    let patience = StorePatience.probe()
    var open: [Int64: any ObjectStore] = [:]
    var count = 0
    func deleteNext(_ connection: Connection) throws -> Bool {
      guard let row = try connection.query(Queries.nextDropped, lease.parameters).first else {
        return false
      }
      let store = try row.integer("store")
      if open[store] == nil {
        let owned = try OwnedStore(row)
        var objects = try StoreLocation.open(
          owned.location, environment: environment, patience: patience)
        try owned.prove(&objects)
        open[store] = objects
      }
      try open[store]!.delete(try row.string("object"))
      try connection.query(
        Queries.forgetDropped,
        lease.parameters + [
          .integer(store), .text(try row.string("sha256")), .integer(try row.integer("copy")),
        ])
      return true
    }
    while try connection.run({ connection in
      try connection.transaction { try deleteNext(connection) }
    }) {
      count += 1
    }
    return count
  }
}
