// Questions to a store whether this host can use it.

import Digest
import JobQueue
import Postgres
import Synchronization

/// Asks the current store, for one worker, whether its host can use it.
package final class StoreWatch: Sendable {
  private let url: DatabaseURL
  private let environment: [String: String]
  /// The location that was last found to be usable.
  private let known = Mutex<String?>(nil)

  package init(url: DatabaseURL, environment: [String: String]) {
    (self.url, self.environment) = (url, environment)
  }

  /// - Throws: the reason why the store cannot be used; `PostgresError` if it is not known
  package func look() throws {
    let before = known.withLock { known in
      defer { known = nil }
      return known
    }
    var store = ArtifactStore(
      RetryingConnection(
        url: url, role: .worker, name: "pra worker store", giveUp: { true }, report: { _ in }),
      environment: environment, patience: .probe())
    let found = try store.probeCurrent(known: before)
    known.withLock { $0 = found }
  }
}

extension ArtifactStore {
  /// Writes, reads and deletes a small object in a store.
  /// - Throws: the reason why the store cannot be used
  package mutating func probe(_ location: String) throws {
    var store = try StoreLocation.open(location, environment: environment, patience: patience)
    let bytes = Array("pra probes this store: \(UInt64.random(in: 0 ... .max))".utf8)
    let sha256 = SHA256.hexadecimal(of: bytes)
    let artifact = Artifact(
      sha256: sha256, size: Int64(bytes.count), name: "probe", mediaType: "text/plain")
    try store.put(artifact, as: sha256, next: { bytes }, note: { _ in })
    var found: [UInt8] = []
    try store.read(sha256, from: 0, size: artifact.size) { found += $0 }
    try store.delete(sha256)
    guard found == bytes else { throw StoreError("store \(location): gives back other bytes") }
  }

  /// Asks the current store whether this host can use it.
  /// - Parameter known: the location that was last found to be usable: of a bucket that answers
  ///   nothing is then written
  /// - Returns: its location; nil if that is the database
  /// - Throws: the reason why it cannot be used
  package mutating func probeCurrent(known: String?) throws -> String? {
    let current = try connection.run {
      try $0.query(Queries.currentStore).first.map { try OwnedStore($0) }
    }
    guard let current else { return nil }
    let location = current.location
    if location == known, location.hasPrefix("s3://") {
      let bucket = try BucketStore(location, environment: environment, patience: patience)
      if try bucket.answers() { return location }
    }
    var objects = try StoreLocation.open(location, environment: environment, patience: patience)
    try current.prove(&objects)
    try probe(location)
    return location
  }
}
