// One attempt of one job, as its stage sees it.

import Files
import FoundationEssentials
import Glibc
import JobQueue
import Postgres
import RunStore
import Threads

/// What a stage reads and writes. Every write carries the attempt's epoch; a stale one throws
/// `LeaseLost`. An absent database stops nobody: a write waits until it is back, metrics and progress
/// wait beside the compute loop. Used by one thread, which it blocks.
package final class StageSession {
  package let jobID: Int64
  package let epoch: Int64
  package let runID: Int64
  /// Of the job's kind, as JSON text; with the secrets that they refer to.
  package let arguments: String
  /// A folder of this attempt alone, deleted afterwards.
  package let scratch: String
  /// How many threads to compute with.
  package let threads: Int

  let metrics: MetricWriter
  private let metricThread: DedicatedThread
  private let control: ControlChannel
  private var store: ArtifactStore
  private let url: DatabaseURL
  private let environment: [String: String]
  private var pending: PendingCheckpoint?
  /// Whether it is known from which step of which earlier attempt the series goes on.
  private var hasLineage = false

  /// Opens the attempt that the environment names and starts to listen to the agent.
  ///
  /// The process ends at once, with `StageExit.leaseLost`, when the agent goes away or a metric is
  /// refused as stale: whatever it did from then on would be in vain.
  package static func open() throws -> StageSession {
    try StageSession(environment: ProcessInfo.processInfo.environment, control: STDIN_FILENO) {
      StageExit.leaseLost.end(saying: $0)
    }
  }

  /// - Parameters:
  ///   - control: descriptor of the control channel
  ///   - onLost: called by a thread of the session when nothing may be written any more
  package init(
    environment: [String: String], control descriptor: Int32,
    onLost: @escaping @Sendable (String) -> Void
  ) throws {
    func value(_ name: String) throws -> String {
      guard let value = environment[name], !value.isEmpty else {
        throw StoreError("\(name) is not set: a stage is started by `pra worker`")
      }
      return value
    }
    func integer(_ name: String) throws -> Int64 {
      let text = try value(name)
      guard let integer = Int64(text), integer > 0 else {
        throw StoreError("\(name) is \"\(text)\", not a positive integer")
      }
      return integer
    }
    jobID = try integer("PRA_JOB")
    epoch = try integer("PRA_EPOCH")
    threads = Int(try integer("PRA_THREADS"))
    scratch = try value("PRA_SCRATCH")
    let url = try DatabaseURL(try value("PRA_DATABASE_URL"))
    self.url = url
    self.environment = environment

    control = ControlChannel()
    control.start(descriptor: descriptor) { onLost("the agent is gone") }
    store = ArtifactStore(
      RetryingConnection(
        url: url, role: .worker, name: "pra stage \(jobID)", report: Self.report),
      environment: environment)
    let (jobID, epoch) = (jobID, epoch)
    let stored: String
    (runID, stored) = try store.connection.run { connection in
      let job = try connection.query(Queries.job, [.integer(jobID)]).single()
      guard try job.string("state") == "running", try job.integer("epoch") == epoch else {
        throw LeaseLost(
          description: "attempt \(epoch) of job \(jobID) is not the one that runs")
      }
      return (try job.integer("run_id"), try job.string("arguments"))
    }
    arguments = try SecretReferences.resolve(stored, environment: environment)
    metrics = MetricWriter(job: jobID, epoch: epoch, folder: scratch) { onLost($0.description) }
    metricThread = metrics.start(url: url, report: Self.report)
  }

  private static let report: @Sendable (String) -> Void = { Stage.say("warning: \($0)") }

  // MARK: while it runs

  /// The agent asks for a checkpoint and `Released`. Cheap enough for every step.
  package var stopRequested: Bool { control.stopRequested }

  /// Leaves points with the background thread; they are sent within about a second.
  package func record(_ points: [MetricPoint]) { metrics.record(points) }

  /// Points recorded that the server does not have for certain.
  package var metricBacklog: Int { metrics.backlog }

  /// Says how far the work is; the last word of each half second reaches the database.
  package func progress(done: Int64, total: Int64, unit: String) {
    metrics.progress(done: done, total: total, unit: unit)
  }

  /// Waits until every point that was recorded before is on the server's disk.
  /// - Returns: the number of the last batch, 0 when there was none
  @discardableResult
  package func flushMetrics() throws -> Int64 { try metrics.flush() }

  // MARK: artifacts

  /// Stores a file. Bytes that the store has already are not sent.
  package func storeArtifact(file path: String, name: String, mediaType: String) throws -> Artifact
  {
    try store.store(
      file: path, name: name, mediaType: mediaType, owner: .attempt(job: jobID, epoch: epoch))
  }

  /// Stores bytes that lie in memory.
  package func storeArtifact(bytes: [UInt8], name: String, mediaType: String) throws -> Artifact {
    try store.store(
      bytes: bytes, name: name, mediaType: mediaType, owner: .attempt(job: jobID, epoch: epoch))
  }

  /// Writes an artifact to a file, which appears when its bytes are complete and right.
  package func fetchArtifact(sha256: String, to path: String) throws {
    try store.fetch(sha256: sha256, to: path)
  }

  /// The bytes of a small artifact, checked.
  package func fetchArtifact(sha256: String) throws -> [UInt8] {
    try store.bytes(sha256: sha256)
  }

  /// What a finished job left, by name.
  package func outputs(ofJob job: Int64) throws -> [String: Artifact] {
    try store.connection.run { connection in
      guard let row = try connection.query(Queries.job, [.integer(job)]).first else {
        throw StoreError("there is no job \(job)")
      }
      let state = try row.string("state")
      guard state == "succeeded" else { throw StoreError("job \(job) is \(state): no outputs yet") }
      return try Self.artifacts(try connection.query(Queries.outputs, [.integer(job)]))
    }
  }

  /// A finished job with its arguments, as JSON; in the place of an array its parts, in the order of
  /// their elements.
  /// - Throws: `StoreError` where it has not succeeded
  package func finishedJobs(of job: Int64) throws -> [(id: Int64, arguments: String)] {
    try store.connection.run { connection in
      guard let row = try connection.query(Queries.job, [.integer(job)]).first else {
        throw StoreError("there is no job \(job)")
      }
      let state = try row.string("state")
      guard state == "succeeded" else { throw StoreError("job \(job) is \(state): no outputs yet") }
      return try connection.query(Queries.finishedJobs, [.integer(job)]).map {
        (id: try $0.integer("id"), arguments: try $0.string("arguments"))
      }
    }
  }

  // MARK: checkpoints

  /// Makes a state of the job durable: its metrics, then its files, then the checkpoint itself.
  /// - Parameters:
  ///   - step: steps made so far, which is the number of the step with which a resumed attempt starts
  ///   - files: logical names and where the bytes lie; nobody writes into them any more, as a store may
  ///     take the files themselves
  ///   - keeping: further files, which the store has already
  package func registerCheckpoint(
    step: Int64, files: [CheckpointPart], keeping: [Artifact] = []
  ) throws {
    try beginCheckpoint(step: step, keeping: keeping) { _ in files }
    try waitForCheckpoint()
  }

  /// As `registerCheckpoint`, on a thread of its own: the caller goes on at once. One at a time; a
  /// second waits for the first.
  /// - Parameters:
  ///   - keeping: further files, which the store has already
  ///   - write: writes the files into a folder that is deleted afterwards, on that thread, from what it
  ///     alone holds; a store may take the files themselves
  ///   - registered: called on that thread when the checkpoint is durable
  /// - Throws: what the checkpoint before it met
  package func beginCheckpoint(
    step: Int64, keeping: [Artifact] = [],
    write: @escaping @Sendable (String) throws -> [CheckpointPart],
    registered: @escaping @Sendable () -> Void = {}
  ) throws {
    try waitForCheckpoint()
    try declareFromScratchIfNothingElseIs()
    let writer = CheckpointWriter(
      url: url, environment: environment, job: jobID, epoch: epoch, metrics: metrics,
      folder: "\(scratch)/checkpoint-\(step)", report: Self.report)
    pending = PendingCheckpoint {
      try writer.run(step: step, keeping: keeping, write: write)
      registered()
    }
  }

  /// A checkpoint waits for a database that is away: whoever begins another now waits as well.
  package var isHeldUp: Bool { isWritingCheckpoint && metrics.isAway }

  package var isWritingCheckpoint: Bool { pending?.isOver == false }

  /// Waits until the checkpoint that was begun is durable.
  /// - Throws: what went wrong with it; it is not there then
  package func waitForCheckpoint() throws {
    defer { pending = nil }
    try pending?.wait()
  }

  /// The newest checkpoint of a job. Asked for the job's own, it declares before the first metric
  /// that this attempt's series goes on from there, or from scratch when there is none.
  package func latestCheckpoint(ofJob job: Int64) throws -> Checkpoint? {
    let found = try store.connection.run { connection -> (Checkpoint, epoch: Int64)? in
      guard
        let row = try connection.query(Queries.latestCheckpoint, [.integer(job)]).first
      else { return nil }
      let files = try connection.query(
        Queries.checkpointFiles, [.integer(try row.integer("id"))])
      return (
        Checkpoint(step: try row.integer("step"), files: try Self.artifacts(files)),
        try row.integer("epoch")
      )
    }
    if job == jobID, found?.epoch != epoch, !hasLineage {
      try declare(from: found?.epoch, step: found?.0.step ?? 0)
    }
    return found?.0
  }

  private func declareFromScratchIfNothingElseIs() throws {
    if !hasLineage { try declare(from: nil, step: 0) }  // a repetition when metrics came first
  }

  private func declare(from earlier: Int64?, step: Int64) throws {
    try store.connection.run {
      try $0.query(
        Queries.continueFrom,
        [.integer(jobID), .integer(epoch), .optional(earlier) { .integer($0) }, .integer(step)])
    }
    hasLineage = true
  }

  // MARK: the end

  /// Commits the attempt: outputs, images, evaluations, result, metrics, status and the release of
  /// dependents, all or nothing (G4). The stage then returns from its main function.
  /// - Parameter result: a JSON object, shown with the job
  package func finish(
    outputs: [String: Artifact], images: [ImageRecord] = [], evaluations: [EvaluationRecord] = [],
    result: String = "{}"
  ) throws {
    for name in outputs.keys { try Artifact.check(name: name) }
    try waitForCheckpoint()
    let lastBatch = try flushMetrics()
    let named = outputs.sorted { $0.key < $1.key }.map { name, artifact in
      JSONText.object([
        ("name", JSONText.string(name)), ("sha256", JSONText.string(artifact.sha256)),
        ("media_type", JSONText.string(artifact.mediaType)),
      ])
    }
    let parameters: [Parameter] = [
      .integer(jobID), .integer(epoch), .text(JSONText.array(named)),
      .text(JSONText.array(images.map(\.json))), .text(JSONText.array(evaluations.map(\.json))),
      .text(result), .integer(lastBatch),
    ]
    try store.connection.run { try $0.query(Queries.finish, parameters) }
    close()
  }

  /// Sends what is left and ends the session's threads.
  /// - Parameter seconds: after which what is left is given up
  package func close(within seconds: Double = .infinity) {
    control.close()
    // What a session that ends badly has begun is still of use to the next attempt.
    _ = pending?.wait(until: monotonicSeconds() + seconds)
    metrics.close(within: seconds)
    metricThread.join()
    store.connection.close()
  }

  private static func artifacts(_ rows: Rows) throws -> [String: Artifact] {
    var artifacts: [String: Artifact] = [:]
    for row in rows {
      let name = try row.string("name")
      artifacts[name] = Artifact(
        sha256: try row.string("sha256"), size: try row.integer("size"), name: name,
        mediaType: try row.string("media_type"))
    }
    return artifacts
  }
}
