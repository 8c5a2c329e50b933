// Stage `train`: trains a model on a data set, writes checkpoints and metrics.

import Configuration
import Files
import Images
import JobKinds
import NeuralNetwork
import PRAModel
import StageInputs
import StageKit
import Tensor
import TensorFiles
import Threads
import Training

#if canImport(Glibc)
  import Glibc
#endif

/// One training job: its inputs and its state.
struct TrainingJob {
  let session: StageSession
  let data: PackedDataSet
  let trainer: Trainer
  private let loader: ImageLoader
  private var pace = Pace()
  /// Reads the images of the next steps ahead; begun with the first step.
  private var reader: BatchReader?
  /// Seconds for which the steps that are not reported waited for their images.
  private var waits: [Double] = []
  /// Waits until the ranges of images are there.
  private let require: @Sendable ([Int]) throws -> Bool
  /// Nil where the data set holds nothing out.
  private let heldOut: HeldOutImages?
  /// Value of the key `init`.
  let start: TrainArguments.Start
  /// Nil for a stage that trains alone.
  let ranks: Ranks?

  init(_ session: StageSession) throws {
    self.session = session
    let arguments = try refusingBadInput { try TrainArguments(json: session.arguments) }
    let data = try session.openDataSet(ofJob: arguments.data, output: OutputName.dataSet)
    self.data = data
    require = try session.beginFetching(data)
    start = arguments.start
    let configuration = try Self.complete(arguments.config, with: data)
    let device = try session.device(configuration.device, lower: "training.micro_batch")
    let model = try refusingBadInput {
      try PRAModel(configuration, classes: data.classes.count, on: device)
    }
    heldOut = try HeldOutImages(ofJob: arguments.data, model, session)
    if heldOut == nil, let (key, metric) = configuration.training.validationMetric {
      throw PermanentFailure(
        "config.training.\(key): \(metric) needs images that are held out, and ingest job "
          + "\(arguments.data) has none; give data.validation, as in {every: 20}")
    }
    ranks = try Ranks(session, configuration, data: data.fingerprint, on: device)
    trainer = Trainer(
      model, perceptual: try Self.perceptual(arguments, session, configuration, device),
      team: ranks?.team)
    let training = configuration.training
    let places = model.sizes.pixelPlaces
    loader = ImageLoader(
      data, batch: training.batch, seed: configuration.seed,
      augmentation: Augmentation(
        crop: training.crop.map { $0[0]...$0[1] }, flip: training.flip, seed: configuration.seed),
      places: PixelPlaces(rows: places.rows, columns: places.columns))
    say(
      "\(counted(model.parameters.elementCount, "parameter")), \(counted(data.count, "image")) in \(data.classes.count) "
        + "classes, \(counted(training.total, "step")) of \(training.batch), "
        + (device.nameOfGPU.map { "on \($0)" } ?? "\(session.threads) threads"))
    if ranks != nil, training.shardOptimizer {
      let all = 4 * model.parameters.elementCount * (2 + training.ema.count)
      say("keeps \(trainer.optimizer.keptBytes) of \(all) bytes of moments and averages")
    }
  }

  /// The network of `loss.lpips` from the artifacts that the job names.
  private static func perceptual(
    _ arguments: TrainArguments, _ session: StageSession, _ configuration: ModelConfiguration,
    _ device: Device
  ) throws -> LPIPS? {
    guard configuration.loss.lpips > 0 else { return nil }
    let names = configuration.loss.lpipsFile
    let paths = try zip(names, arguments.lpipsWeights).enumerated().map { number, file in
      let path = "\(session.scratch)/lpips-\(number)-\(file.0.split(separator: "/").last ?? "")"
      try session.fetchArtifact(sha256: file.1, to: path, called: "loss.lpips_file: \(file.0)")
      return path
    }
    return try refusingBadInput {
      let files = try WeightFiles(paths: paths)
      return try LPIPS(
        { try files.read($0, shape: $1) }, precision: configuration.training.precision.products,
        on: device)
    }
  }

  /// Fills in values that depend on the data set: the number of classes, and steps from epochs.
  private static func complete(
    _ given: ModelConfiguration, with data: PackedDataSet
  ) throws -> ModelConfiguration {
    var configuration = given
    let image = configuration.image
    guard image.size == data.size, image.channels == data.channels else {
      throw PermanentFailure(
        "image: the data set has \(data.size) pixels and \(data.channels) channels, the "
          + "configuration \(image.size) and \(image.channels)")
    }
    if let classes = configuration.classes, classes != data.classes.count {
      throw PermanentFailure(
        "classes: the data set has \(data.classes.count), the configuration says \(classes)")
    }
    configuration.classes = data.classes.count
    configuration.training.total = configuration.training.steps(images: data.count)
    guard configuration.training.total > 0 else {
      let training = configuration.training
      throw PermanentFailure(
        "training.epochs: \(training.epochs ?? 0) passes over \(counted(data.count, "image")) in batches of "
          + "\(training.batch) are no whole step; lower training.batch or raise training.epochs")
    }
    return configuration
  }

  /// Number of steps of the whole job.
  private var total: Int { trainer.model.configuration.training.total }

  mutating func run() throws {
    // Declares where this attempt's series begins, and so comes before the first metric.
    var registered = -1
    var folder = ""
    func fetch(_ checkpoint: Checkpoint) throws {
      folder = "\(session.scratch)/resume-\(checkpoint.step)"
      try session.fetch(checkpoint, ofJob: session.seriesJob, to: folder)
    }
    func newest() throws -> Checkpoint? {
      try session.resume(fetch: fetch) {
        say("checkpoint at step \($0.step) does not read, going back to the one before: \($1)")
      }
    }
    let isResumed =
      try ranks?.resume(session, choose: newest, fetch: fetch) ?? (newest() != nil)
    if isResumed {
      try refusingBadInput {
        try trainer.restore(from: folder, dataFingerprint: data.fingerprint)
      }
      registered = trainer.step
      say("resumed from step \(trainer.step)")
    } else if let file = start.weights.first {
      try begin(from: file)
    }
    // With `init` a job may have no step to make: it draws from weights that were checked as they were read.
    let isTrained = registered >= 0 || trainer.step < total
    let every = trainer.model.configuration.training.checkpointEvery
    // Each file of a checkpoint has a number for each parameter.
    if session.isRecording {
      try session.requirePlace(for: 4 * Int64(trainer.model.parameters.elementCount))
    }
    var lastDue = monotonicSeconds()
    if session.isRecording, trainer.keepsSnapshotsInMemory, needsSnapshotMemory(every) {
      let memory = trainer.snapshotMemory()
      try DedicatedThread("touch") {
        // On Linux this lowers the priority of this thread alone: it must not slow down training.
        _ = nice(19)
        memory.touch()
      }
    }
    if let heldOut, trainer.step < total {
      guard try heldOut.waitUntilFetched() else { throw Released() }
    }
    while trainer.step < total, !trainer.stop.isOver {
      // Several ranks stop all behind the same step.
      if ranks?.stops ?? session.stopRequested {
        try report(all: true)
        try registerNow(unless: registered)
        try session.waitForCheckpoint()
        say("stopped at step \(trainer.step)")
        try ranks?.meet()
        if !session.stopRequested {
          throw PeerLost("another rank was asked to stop; all have, at step \(trainer.step)")
        }
        throw Released()
      }
      guard try step() else { continue }
      if let kept = trainer.takeSnapshot() {
        try register(kept)
        registered = kept.state.step
      }
      guard session.isRecording, trainer.step < total, !trainer.stop.isOver,
        every.isDue(step: trainer.step, elapsed: monotonicSeconds() - lastDue)
      else { continue }
      lastDue = monotonicSeconds()
      // The snapshot memory holds one checkpoint at a time.
      if let outage = try session.waitForCheckpointOrOutage() {
        // Training goes on (G8); the next checkpoint after the outage makes up for this one.
        say("no checkpoint at step \(trainer.step): the \(outage.rawValue) is away")
      } else {
        try report(all: true)
        trainer.keep(state)
      }
    }
    try report(all: true)
    let reason = trainer.stop.reason(trainer.model.configuration.training.stop)
    if reason != nil {
      let made = Int64(trainer.step)
      session.progress(done: made, total: made, unit: "steps")
    }
    if isTrained { try checkResult() }
    // A run without steps of its own still leaves the weights of `init`.
    try registerNow(unless: registered)
    if let ranks {
      // Nobody ends before the last checkpoint is there: whoever is left could not make it alone.
      try session.waitForCheckpoint()
      try session.flushMetrics()
      try ranks.meet()
    }
    try session.finish(
      outputs: [:],
      result: JSONText.object([
        ("steps", String(trainer.step)), ("bad_steps", String(trainer.badSteps)),
        ("stopped", reason.map(JSONText.string) ?? "null"),
        ("parameters", String(trainer.model.parameters.elementCount)),
      ]))
  }

  /// Whether a checkpoint may be due before the last step.
  private func needsSnapshotMemory(_ every: CheckpointInterval) -> Bool {
    switch every {
    case .steps(let steps): trainer.step + steps < total
    case .time: trainer.step < total
    }
  }

  /// Takes weights and state from the file of `init`.
  private func begin(from artifact: String) throws {
    let folder = "\(session.scratch)/init"
    guard mkdir(folder, 0o700) == 0 || errno == EEXIST else {
      throw StageFault(folder, code: errno)
    }
    let path = "\(folder)/\(plainName(start.name, otherwise: "init.safetensors"))"
    if start.files.isEmpty {
      try session.fetchArtifact(sha256: artifact, to: path, called: "init.file: \(start.name)")
    } else {
      for (name, sha256) in zip(start.files, start.weights) {
        try session.fetchArtifact(
          sha256: sha256, to: "\(folder)/\(name)", called: "init.run: \(start.name): \(name)")
      }
    }
    try refusingBadInput {
      let archive =
        try start.files.isEmpty
        ? CheckpointArchive(path: path)
        : CheckpointArchive(folder: folder, files: start.files, name: start.name)
      for remark in try trainer.begin(from: archive, restart: start.restart) {
        say("init: \(start.name): \(remark)")
      }
      if let given = archive.state, given.dataFingerprint != data.fingerprint {
        say("init: \(start.name): was trained on another data set")
      }
    }
    guard trainer.step <= total else {
      throw PermanentFailure(
        "training.total: \(total) is below step \(trainer.step) of \(start.key) (\(start.name)); raise "
          + "it, or set init.restart to true")
    }
    say("begins at step \(trainer.step) with the weights of \(start.name)")
  }

  /// The images of the next step, and the seconds waited for them.
  /// - Returns: nil if the attempt is asked to stop first
  private mutating func nextBatch() throws -> (batch: TrainingBatch, waited: Double)? {
    let require = require
    let reader =
      try reader
      ?? BatchReader(loader, steps: trainer.step...total) {
        guard try require($0) else { throw Released() }
      }
    self.reader = reader
    let batch = trainer.batch
    do {
      let next = try reader.next(step: trainer.step, into: batch.patches) {
        ranks == nil && session.stopRequested
      }
      guard let (images, waited) = next else { return nil }
      batch.begin(step: trainer.step, labels: images.labels)
      return (batch, waited)
    } catch is Released where ranks == nil {
      return nil
    }
  }

  /// Refuses weights from which no image can be drawn, before another job waits for one.
  private mutating func checkResult() throws {
    guard let (batch, _) = try nextBatch() else { throw Released() }
    try refusingBadInput { try trainer.checkResult(batch) }
  }

  /// Begins a step and reports the one before it.
  /// - Returns: false if the attempt is asked to stop first
  private mutating func step() throws -> Bool {
    guard let (batch, waited) = try nextBatch() else { return false }
    ranks?.team.asksToStop = session.stopRequested
    try trainer.begin(batch)
    waits.append(waited)
    // An end by a series comes at the same step however often the attempt is resumed.
    try report(all: isMeasured || !trainer.model.configuration.training.stop.metric.isEmpty)
    return true
  }

  /// Records the figures of steps that have begun: of all, or of all but the last, which the device
  /// may still run.
  private mutating func report(all: Bool) throws {
    while trainer.unreported > (all ? 0 : 1),
      let report = try refusingBadInput({ try trainer.report() })
    {
      var values = report.values + [(name: Self.waiting, value: waits.removeFirst())]
      if let heldOut, report.step == trainer.step - 1, isMeasured, isMeasuring {
        values += heldOut.losses(trainer)
      }
      session.record(
        values.map { MetricPoint(name: $0.name, step: Int64(report.step), value: $0.value) })
      let reason = trainer.reasonToStop(after: values, step: report.step)
      session.progress(done: Int64(report.step) + 1, total: Int64(total), unit: "steps")
      let count = trainer.model.configuration.training.batch
      if let rate = pace.add(count, isLast: reason != nil || report.step + 1 == total) {
        session.record([MetricPoint(name: Pace.metric, step: Int64(report.step), value: rate)])
        guard session.isRecording else { continue }
        say(Pace.line(report, rate: rate, batch: count, total: total))
      }
      if let reason { say("training ends at step \(trainer.step) of \(total): \(reason)") }
    }
  }

  /// Whether this rank measures the held-out images: one that records, and every one where training ends by them.
  private var isMeasuring: Bool {
    session.isRecording
      || MetricSeries.isValidation(trainer.model.configuration.training.stop.metric)
  }

  /// Whether losses of held-out images are due behind the last step.
  private var isMeasured: Bool {
    let every = trainer.model.configuration.training.validation.every
    return heldOut != nil && (trainer.step % every == 0 || trainer.step == total)
  }

  /// The series of the seconds that a step waited for its images.
  private static let waiting = "loader.wait"

  private var state: CheckpointState {
    trainer.state(codeVersion: codeVersion, dataFingerprint: data.fingerprint)
  }

  /// Registers the state of now if none of its step is. All ranks come here behind the same step.
  /// - Parameter registered: step of the last checkpoint
  private func registerNow(unless registered: Int) throws {
    let isWanted = session.isRecording && trainer.step > registered
    if let snapshot = try trainer.snapshot(state, isWanted: isWanted) { try register(snapshot) }
  }

  /// Writes, stores and registers a state while training goes on.
  private func register(_ snapshot: TrainerSnapshot) throws {
    let step = snapshot.state.step
    let classes = ClassTable(data).json
    let rule = trainer.model.configuration.training.keep.json
    try session.beginCheckpoint(step: Int64(step), rule: rule) { folder in
      let path = "\(folder)/\(ClassTable.file)"
      let file = try DurableFile(path)
      try file.write(Array(classes.utf8))
      try file.commit()
      return try refusingBadInput { try snapshot.write(to: folder) }.map {
        CheckpointPart(name: $0.name, path: "\(folder)/\($0.name)", digest: $0.digest)
      } + [CheckpointPart(name: ClassTable.file, path: path)]
    } registered: {
      say("checkpoint at step \(step)")
    }
  }
}

ProfileCommand.runIfAsked(CommandLine.arguments)
Stage.run(joinsGang: true) { session in
  var job = try TrainingJob(session)
  do {
    try job.run()
  } catch {
    job.ranks?.abort()
    throw error
  }
}
