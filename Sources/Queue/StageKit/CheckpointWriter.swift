// Writes checkpoints on a thread of their own.

import Files
import FoundationEssentials
import Glibc
import JobQueue
import Postgres
import RunStore
import Threads

/// Writes, stores and registers one checkpoint, in a session of its own.
struct CheckpointWriter: Sendable {
  let url: DatabaseURL
  let environment: [String: String]
  let lease: Lease
  let metrics: MetricWriter
  /// A folder created for the files, and deleted with them.
  let folder: String
  let patience: StorePatience
  let secrets: OutputSecrets
  let report: @Sendable (String) -> Void

  /// The registration is the commit point: until then there is no checkpoint, afterwards all of it.
  /// - Parameters:
  ///   - keeping: files that the store already has
  ///   - rule: JSON by which earlier checkpoints of the job stay; nil for all
  func run(
    step: Int64, keeping: [Artifact], rule: String?, write: (String) throws -> [CheckpointPart]
  ) throws {
    guard mkdir(folder, 0o700) == 0 || errno == EEXIST else {
      throw StoreError("cannot create \(folder): \(lastSystemError())", code: errno)
    }
    defer { try? FileManager.default.removeItem(atPath: folder) }
    var store = ArtifactStore(
      RetryingConnection(
        url: url, role: .worker, name: "pra stage \(lease.job) checkpoint", report: report,
        prepare: { try $0.leaveSessionsToPeople() }),
      environment: environment, patience: patience, reader: .attempt(lease))
    let files = try write(folder)
    for file in files {
      // State that a job goes on from is never changed: one that holds a secret is refused.
      _ = try secrets.replacement(
        forFile: file.path, of: file.name, mediaType: "application/octet-stream")
    }
    _ = try metrics.flush()
    let stored = try files.map { file in
      try store.store(
        givenAway: file.path, digest: file.digest, name: file.name,
        mediaType: Artifact.mediaType(ofName: file.name), owner: .attempt(lease))
    }
    let documents = (keeping + stored).map { stored in
      JSONText.object([
        ("name", JSONText.string(stored.name)), ("sha256", JSONText.string(stored.sha256)),
      ])
    }
    let dropped = try store.connection.run {
      try $0.query(
        Queries.registerCheckpoint,
        lease.parameters + [
          .integer(step), .text(JSONText.array(documents)), .optional(rule) { .text($0) },
        ]
      ).single().integer("dropped")
    }
    guard dropped > 0 else { return }
    do {
      try store.deleteDropped(by: lease)
    } catch let error where error is StoreError || error is StoreAway {
      report("a dropped checkpoint's bytes stay until `pra gc`: \(error)")
    }
  }
}

/// A checkpoint that is being written.
final class PendingCheckpoint: Sendable {
  private let outcome = Monitor<Result<Void, any Error>?>(nil)

  init(_ work: @escaping @Sendable () throws -> Void) throws(ThreadError) {
    let outcome = outcome
    try DedicatedThread("checkpoint") {
      let result = Result { try work() }
      outcome.update { $0 = result }
    }
  }

  var isOver: Bool { outcome.read { $0 != nil } }

  /// - Throws: the error that the checkpoint met
  func wait() throws { try wait(until: .infinity)?.get() }

  /// - Returns: nil if the deadline passed first
  func wait(until deadline: Double) -> Result<Void, any Error>? {
    outcome.wait(until: deadline) { $0 }
  }
}
