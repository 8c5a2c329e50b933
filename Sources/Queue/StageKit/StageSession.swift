// One attempt of one job, as seen by its stage.

import Files
import FoundationEssentials
import Glibc
import JobQueue
import Postgres
import RunStore
import Threads

/// The interface of a stage to the database. Every write carries the attempt's epoch and token; a stale one
/// throws `LeaseLost`. If the database or the store is away, a write waits until it is back, while
/// metrics and progress collect in the background. Used by one thread, which it blocks.
package final class StageSession {
  /// The attempt under which the stage writes: its own, or that of its gang if it is rank 0.
  let lease: Lease
  /// The attempt that the agent started.
  let ownLease: Lease
  /// The stage's place among ranks that work together; nil for one that works alone.
  package let gang: Gang?
  /// The address of this host as the database sees it; nil for a stage that works alone, and through a Unix socket.
  package let seenAddress: String?
  package var jobID: Int64 { lease.job }
  package var epoch: Int64 { lease.epoch }
  /// Whether series, progress and checkpoints are this stage's to write.
  package var isRecording: Bool { gang == nil || gang!.rank == 0 }
  /// The job to which checkpoints and series belong.
  package var seriesJob: Int64 { gang?.job ?? jobID }
  package let runID: Int64
  /// The arguments of the job's kind, as JSON text with secrets filled in.
  package let arguments: String
  /// A folder of this attempt alone, deleted after it.
  package let scratch: String
  /// The number of threads for computation.
  package let threads: Int

  let metrics: MetricWriter
  private let copies: CopyReport
  private let metricThread: DedicatedThread
  let control: ControlChannel
  var store: ArtifactStore
  let url: DatabaseURL
  let environment: [String: String]
  /// The wait of checkpoints for their store.
  private let checkpointPatience = StorePatience(tries: nil, report: StageSession.report)
  private let secrets: OutputSecrets
  private var given: GivenNames
  private var pending: PendingCheckpoint?
  /// Whether the database knows from which earlier attempt and step the series continues.
  private var hasLineage = false

  /// Opens the attempt that the environment names and begins to listen to the agent.
  ///
  /// The process ends at once, with `StageExit.leaseLost`, when the agent goes away or a metric is
  /// refused as stale: all further work would be in vain.
  /// - Parameter joinsGang: whether the stage works together with the other members, if it is one of a gang
  package static func open(joinsGang: Bool = false) throws -> StageSession {
    try StageSession(
      environment: ProcessInfo.processInfo.environment, control: STDIN_FILENO, joinsGang: joinsGang
    ) {
      StageExit.leaseLost.end(saying: $0)
    }
  }

  /// - Parameters:
  ///   - control: file descriptor of the control channel
  ///   - joinsGang: whether the stage works together with the other members, if it is one of a gang
  ///   - onLost: called on a thread of the session when nothing may be written any more
  package init(
    environment: [String: String], control descriptor: Int32, joinsGang: Bool = false,
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
    let (jobID, epoch) = (try integer("PRA_JOB"), try integer("PRA_EPOCH"))
    threads = Int(try integer("PRA_THREADS"))
    scratch = try value("PRA_SCRATCH")
    given = GivenNames(scratch: scratch)
    let url = try DatabaseURL(try value("PRA_DATABASE_URL"))
    self.url = url
    self.environment = environment

    let ownLease = Lease(job: jobID, epoch: epoch, token: try ControlChannel.token(descriptor))
    self.ownLease = ownLease
    control = ControlChannel()
    try control.start(descriptor: descriptor) { onLost("the agent is gone") }
    (gang, seenAddress) = try joinsGang ? Self.join(ownLease, url) : (nil, nil)
    let lease =
      gang.flatMap {
        $0.rank == 0 ? Lease(job: $0.job, epoch: $0.start, token: ownLease.token) : nil
      }
      ?? ownLease
    self.lease = lease
    metrics = MetricWriter(lease: lease, folder: scratch) { onLost($0.description) }
    copies = CopyReport(metrics, say: Stage.say)
    let isStopped = { @Sendable [control] in control.stopRequested }
    store = ArtifactStore(
      RetryingConnection(
        url: url, role: .worker, name: "pra stage \(jobID)", report: Self.report,
        prepare: { try $0.leaveSessionsToPeople() }),
      environment: environment,
      patience: StorePatience(tries: nil, giveUp: isStopped, report: Self.report),
      reader: .attempt(lease), cache: try ArtifactCache(environment: environment),
      watch: CopyWatch(isStopped: isStopped) { [copies] in copies.moved($0) })
    let stored: String
    (runID, stored) = try store.connection.run { connection in
      let job = try connection.query(Queries.job, [.integer(jobID)]).single()
      guard try job.string("state") == "running", try job.integer("epoch") == epoch else {
        throw LeaseLost(
          description: "attempt \(epoch) of job \(jobID) is not the one that runs")
      }
      return (try job.integer("run_id"), try job.string("arguments"))
    }
    var resolved: [String: String] = [:]
    if SecretReferences.mayStand(in: stored) {
      (arguments, resolved) = try Self.references(of: jobID, &store, environment).resolve(stored)
    } else {
      arguments = stored
    }
    secrets = OutputSecrets(environment: environment, resolved: resolved)
    metricThread = try metrics.start(url: url, report: Self.report)
  }

  /// The rules for the references of the job on this worker.
  /// - Throws: `PermanentFailure` if one stands where the contract of the kind marks no secret
  private static func references(
    of job: Int64, _ store: inout ArtifactStore, _ environment: [String: String]
  ) throws -> SecretReferences {
    let row = try store.connection.run {
      try $0.query(Queries.secretUse, [.integer(job)]).single()
    }
    if let place = try row.text("misplaced") {
      throw PermanentFailure(
        "\(place): the contract of the kind does not mark this field as a secret")
    }
    return SecretReferences(
      rules: try SecretRules(environment: environment), environment: environment,
      user: try row.string("login"), kind: try row.string("kind"))
  }

  static let report: @Sendable (String) -> Void = { Stage.say("warning: \($0)") }

  /// Time after which a stage that computes gives up the session that it does not use: metrics have one of their own.
  private static let rest = Duration.seconds(5)

  // MARK: while it runs

  /// Whether the agent asks for a checkpoint and `Released`. Cheap enough to ask at every step.
  package var stopRequested: Bool { control.stopRequested }

  /// `stopRequested` for other threads.
  package var stopWatch: @Sendable () -> Bool { { [control] in control.stopRequested } }

  /// Hands points to the background thread, which sends them within about a second.
  package func record(_ points: [MetricPoint]) {
    if isRecording { metrics.record(points.map(secrets.redacted)) }
    store.connection.close(unusedFor: Self.rest)
  }

  /// Recorded points that are not known to be on the server's disk.
  package var metricBacklog: Int { metrics.backlog }

  /// Reports the progress; the latest report of each half second reaches the database.
  package func progress(done: Int64, total: Int64, unit: String) {
    store.connection.close(unusedFor: Self.rest)
    guard isRecording else { return }
    metrics.progress(done: done, total: total, unit: secrets.redacted(unit))
  }

  /// Waits until all points recorded so far are on the server's disk.
  /// - Returns: the number of the last batch, 0 when there was none
  @discardableResult
  package func flushMetrics() throws -> Int64 {
    // Stages that all wait for a second session would hold all that there are.
    if metrics.isAway || metrics.backlog > 0 { store.connection.close() }
    return try metrics.flush()
  }

  // MARK: artifacts

  /// Stores a file. Bytes that the store already has are not sent.
  package func storeArtifact(file path: String, name: String, mediaType: String) throws -> Artifact
  {
    if let text = try secrets.replacement(forFile: path, of: name, mediaType: mediaType) {
      return try storeArtifact(bytes: text, name: name, mediaType: mediaType)
    }
    copies.begin(name)
    return try store.store(
      file: path, name: name, mediaType: mediaType, owner: .attempt(lease))
  }

  /// Stores a file into which nobody writes any more. A store on the same file system takes the file itself,
  /// and the cache of this machine keeps it for the next job.
  /// - Parameter digest: of the file, where its writer has computed it: it is not read again then
  package func storeArtifact(
    givenAway path: String, digest: FileDigest? = nil, name: String, mediaType: String
  ) throws -> Artifact {
    // A file that holds a secret of the arguments is refused; it is of no text.
    _ = try secrets.replacement(
      forFile: path, of: name, mediaType: "application/octet-stream")
    copies.begin(name)
    return try store.store(
      givenAway: path, digest: digest, name: name, mediaType: mediaType, owner: .attempt(lease),
      isKept: true)
  }

  /// Stores bytes that lie in memory.
  package func storeArtifact(bytes: [UInt8], name: String, mediaType: String) throws -> Artifact {
    try store.store(
      bytes: secrets.redacted(bytes, of: name, mediaType: mediaType), name: name,
      mediaType: mediaType, owner: .attempt(lease))
  }

  /// Makes an artifact a file, which appears when its bytes are complete and correct, and into which nobody
  /// may write: it may be the one that this machine keeps for all its jobs.
  /// - Parameter name: what messages call it: the argument and the name that the user gave
  package func fetchArtifact(sha256: String, to path: String, called name: String? = nil) throws {
    if let name {
      given.call(path, name)
      given.call("artifact \(sha256)", "\(name) (artifact \(sha256.prefix(12)))")
    }
    copies.begin(name)
    try store.fetch(sha256: sha256, to: path)
  }

  /// Makes sure that the scratch folder has room for what the stage is about to write; otherwise another host
  /// gets the job.
  package func requireRoom(_ bytes: Int64) throws {
    try store.requireRoom(bytes, in: scratch, isRecorded: true)
  }

  /// Makes sure that artifacts of a size have a place, before hours are spent on one.
  package func requirePlace(for size: Int64) throws { try store.requirePlace(for: size) }

  /// Removes a fetched file before the attempt ends.
  package func discard(_ path: String) { store.discard(path) }

  /// Says what messages call a file or a folder of the scratch folder.
  package func call(_ path: String, _ name: String) { given.call(path, name) }

  /// A message with the names that the user gave in the place of paths of this worker.
  func inGivenWords(_ message: String) -> String { given.words(message) }

  /// The bytes of a small artifact, checked.
  package func fetchArtifact(sha256: String) throws -> [UInt8] {
    copies.begin(nil)
    return try store.bytes(sha256: sha256)
  }

  /// The outputs of a finished job, by name.
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

  /// A finished job with its arguments as JSON; for an array, its parts in the order of their
  /// elements.
  /// - Throws: `StoreError` if the job has not succeeded
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

  /// Makes a state of the job durable: first its metrics, then its files, then the checkpoint
  /// itself.
  /// - Parameters:
  ///   - step: steps made so far, which is also the step with which a resumed attempt starts
  ///   - files: into which nobody writes any more, as a store may keep the files themselves
  ///   - keeping: further files, which the store already has
  ///   - rule: as in `beginCheckpoint`
  package func registerCheckpoint(
    step: Int64, files: [CheckpointPart], keeping: [Artifact] = [], rule: String? = nil
  ) throws {
    try beginCheckpoint(step: step, keeping: keeping, rule: rule) { _ in files }
    try waitForCheckpoint()
  }

  /// Like `registerCheckpoint`, but in the background, one at a time: a second call waits for the
  /// first checkpoint.
  /// - Parameters:
  ///   - keeping: further files, which the store already has
  ///   - rule: the rule by which earlier checkpoints of the job stay, as `pra.register_checkpoint` takes it;
  ///     nil for all
  ///   - write: called on the background thread; writes the files into a folder that is deleted
  ///     afterwards, from data that nobody else uses. A store may keep the files themselves
  ///   - registered: called on the background thread when the checkpoint is durable
  /// - Throws: the error of the checkpoint before
  package func beginCheckpoint(
    step: Int64, keeping: [Artifact] = [], rule: String? = nil,
    write: @escaping @Sendable (String) throws -> [CheckpointPart],
    registered: @escaping @Sendable () -> Void = {}
  ) throws {
    try waitForCheckpoint()
    try declareFromScratchIfNothingElseIs()
    let writer = CheckpointWriter(
      url: url, environment: environment, lease: lease, metrics: metrics,
      folder: "\(scratch)/checkpoint-\(step)", patience: checkpointPatience, secrets: secrets,
      report: Self.report)
    pending = try PendingCheckpoint {
      try writer.run(step: step, keeping: keeping, rule: rule, write: write)
      registered()
    }
  }

  /// A service that may be away.
  package enum Outage: String, Sendable {
    case database, store
  }

  /// The service that a checkpoint waits for since it is away: beginning another would block.
  package var heldUpBy: Outage? {
    guard isWritingCheckpoint else { return nil }
    return metrics.isAway ? .database : checkpointPatience.isAway ? .store : nil
  }

  /// Waits until the checkpoint that was begun is durable, unless it waits itself.
  /// - Returns: what it waits for; nil when another checkpoint may begin
  /// - Throws: the error that prevented it
  package func waitForCheckpointOrOutage() throws -> Outage? {
    while let pending, pending.wait(until: monotonicSeconds() + Self.outageLook) == nil {
      if let outage = heldUpBy { return outage }
    }
    try waitForCheckpoint()
    return nil
  }

  /// Seconds between looks for an outage during a wait.
  private static let outageLook = 0.1

  /// Waits for the checkpoint that was begun, but no longer than this.
  /// - Throws: the error that prevented it
  package func waitForCheckpoint(atMost seconds: Double) throws {
    if let outcome = pending?.wait(until: monotonicSeconds() + seconds) {
      pending = nil
      try outcome.get()
    }
  }

  package var isWritingCheckpoint: Bool { pending?.isOver == false }

  /// Waits until the checkpoint that was begun is durable.
  /// - Throws: the error that prevented it; there is no such checkpoint then
  package func waitForCheckpoint() throws {
    defer { pending = nil }
    try pending?.wait()
  }

  /// The newest checkpoint of a job. For this job itself, it also declares, before the first
  /// metric, that the attempt's series continues from there, or from scratch if there is none.
  package func latestCheckpoint(ofJob job: Int64) throws -> Checkpoint? {
    guard job == seriesJob else { return try checkpoints(ofJob: job, most: 1).first }
    return try resume { _ in }
  }

  /// Goes on from the newest checkpoint of this job that reads, and declares, before the first metric,
  /// that the attempt's series continues from there, or from scratch if none does.
  /// - Parameters:
  ///   - fetch: fetches the files; throws `DamagedArtifact` if one of them does not read
  ///   - skipped: called for each checkpoint that does not read
  package func resume(
    fetch: (Checkpoint) throws -> Void,
    skipped: (Checkpoint, DamagedArtifact) -> Void = { _, _ in }
  ) throws -> Checkpoint? {
    for checkpoint in try checkpoints(ofJob: seriesJob, most: Self.triedCheckpoints) {
      do {
        try fetch(checkpoint)
      } catch let damage as DamagedArtifact {
        skipped(checkpoint, damage)
        continue
      }
      if isRecording, checkpoint.epoch != epoch, !hasLineage {
        try declare(from: checkpoint.epoch, step: checkpoint.step)
      }
      return checkpoint
    }
    try declareFromScratchIfNothingElseIs()
    return nil
  }

  /// Number of checkpoints after which the rest is believed to be damaged, too.
  private static let triedCheckpoints: Int64 = 1000

  /// The checkpoint of another job at a step; nil if it has none there.
  package func checkpoint(ofJob job: Int64, step: Int64) throws -> Checkpoint? {
    try checkpoints(ofJob: job, most: 1, step: step).first
  }

  private func checkpoints(ofJob job: Int64, most: Int64, step: Int64? = nil) throws -> [Checkpoint]
  {
    let parameters: [Parameter] = [.integer(job), .integer(most), .optional(step) { .integer($0) }]
    return try store.connection.run { connection in
      try connection.query(Queries.checkpoints, parameters).map { row in
        let files = try connection.query(
          Queries.checkpointFiles, [.integer(try row.integer("id"))])
        return Checkpoint(
          step: try row.integer("step"), epoch: try row.integer("epoch"),
          files: try Self.artifacts(files))
      }
    }
  }

  private func declareFromScratchIfNothingElseIs() throws {
    // A repetition where metrics came first.
    if isRecording, !hasLineage { try declare(from: nil, step: 0) }
  }

  private func declare(from earlier: Int64?, step: Int64) throws {
    try store.connection.run {
      try $0.query(
        Queries.continueFrom,
        lease.parameters + [.optional(earlier) { .integer($0) }, .integer(step)])
    }
    hasLineage = true
  }

  // MARK: the end

  /// Commits the attempt: outputs, images, evaluations, result, metrics, state and the release of
  /// dependents, all or nothing (G4). The stage then returns from its main function.
  /// - Parameter result: a JSON object, shown with the job
  package func finish(
    outputs: [String: Artifact], images: ImageSet? = nil, evaluations: [EvaluationRecord] = [],
    result: String = "{}"
  ) throws {
    for name in outputs.keys { try Artifact.check(name: name) }
    try waitForCheckpoint()
    let lastBatch = try flushMetrics()
    if let name = outputs.keys.first(where: { secrets.redacted($0) != $0 }) {
      throw PermanentFailure("\(secrets.redacted(name)): the name of an output holds a secret")
    }
    let named = outputs.sorted { $0.key < $1.key }.map { name, artifact in
      JSONText.object([
        ("name", JSONText.string(name)), ("sha256", JSONText.string(artifact.sha256)),
        ("media_type", JSONText.string(artifact.mediaType)),
      ])
    }
    try store.connection.run {
      // The metrics of a gang are absorbed, and belong to its own attempt.
      try WorkerQueue($0).finish(
        ownLease, outputs: JSONText.array(named),
        images: secrets.redacted(JSONText.array(images.map { [$0.json] } ?? [])),
        evaluations: secrets.redacted(JSONText.array(evaluations.map(\.json))),
        result: secrets.redacted(result),
        metricBatch: gang == nil ? lastBatch : 0)
    }
    close()
  }

  /// Sends the rest and ends the session's threads.
  /// - Parameter seconds: time limit, after which the rest is given up
  package func close(within seconds: Double = .infinity) {
    control.close()
    // A checkpoint begun before a failure is still useful to the next attempt.
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
