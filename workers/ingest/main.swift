// Stage `ingest`: packs archives of images into data sets.

import Files
import Images
import JobKinds
import RunStore
import StageInputs
import StageKit

#if canImport(Glibc)
  import Glibc
#endif

/// One ingest job. Every `checkpoint_every` images it registers a checkpoint with one more part,
/// from which another attempt can continue; the last checkpoint is the result itself, so that
/// `pra gc` frees the parts.
struct IngestStage {
  let session: StageSession
  private let arguments: IngestArguments

  private static let result = "result.json"

  init(_ session: StageSession) throws {
    self.session = session
    arguments = try refusingBadInput { try IngestArguments(json: session.arguments) }
  }

  func run() throws {
    let checkpoint = try session.resume { checkpoint in
      guard checkpoint.files[Self.result] != nil else { return }
      for file in checkpoint.files.values {
        let path = "\(session.scratch)/result-\(file.name)"
        defer { unlink(path) }
        try session.fetchArtifact(sha256: file.sha256, to: path)
      }
    } skipped: { _, damage in
      say("everything was done before, and does not read; doing it again: \(damage)")
    }
    if let checkpoint, checkpoint.files[Self.result] != nil {
      say("everything was done before")
      try finish(checkpoint.files)
      return
    }
    let job = try refusingBadInput { try begin() }
    let resumed = try checkpoint.map { try resume(job, from: $0) } ?? []
    while job.done < job.total {
      let every = arguments.checkpointEvery
      let end = min(job.total, (job.done / every + 1) * every)
      // The last part needs no checkpoint of its own: it is minutes of work at most.
      try refusingBadInput {
        try end < job.total ? runPart(job, to: end, keeping: resumed) : runLast(job)
      }
    }
    report(job.total, job.total)
    try session.waitForCheckpoint()
    try store(refusingBadInput { try job.commit() }, images: job.total)
  }

  // MARK: details

  private var imageBytes: Int {
    arguments.image.size * arguments.image.size * arguments.image.channels
  }
  private var packed: String { "\(session.scratch)/\(OutputName.dataSet)" }
  private var validation: String { "\(session.scratch)/\(OutputName.validation)" }

  /// The source's archives, by their given names and the paths of their bytes.
  private var archives: [SourceArchive] {
    let names = [arguments.sourceName] + arguments.shardNames
    return names.indices.map { i in
      let folder = arguments.archiveFolders.isEmpty ? "." : arguments.archiveFolders[i]
      return SourceArchive(
        path: "\(session.scratch)/source-\(i)", name: names[i], folder: folder == "." ? "" : folder)
    }
  }

  private func begin() throws -> IngestJob {
    for (number, digest) in ([arguments.source] + arguments.shards).enumerated() {
      try session.releaseIfAsked()
      let archive = archives[number]
      try session.fetchArtifact(sha256: digest, to: archive.path, called: archive.name)
    }
    var options = Ingest.Options(
      size: arguments.image.size, channels: arguments.image.channels,
      skipLimit: arguments.skipLimit)
    options.folder = arguments.folder ?? ""
    options.threads = session.threads
    let split = arguments.validation
    if split.every > 0 { options.validation = .every(split.every) }
    if split.share > 0 { options.validation = .share(split.share) }
    if split.shards > 0 {
      options.validation = .archives(split.shards, folder: split.folder ?? "")
    } else if let folder = split.folder {
      options.validation = .folder(folder)
    }
    return try IngestJob(archives, to: packed, validationPath: validation, options: options)
  }

  /// Goes on behind the parts that read.
  /// - Returns: those parts
  private func resume(_ job: IngestJob, from checkpoint: Checkpoint) throws -> [Artifact] {
    var parts: [Artifact] = []
    for part in checkpoint.files.values.sorted(by: { $0.name < $1.name }) {
      let path = "\(session.scratch)/\(part.name)"
      do {
        try session.fetchArtifact(
          sha256: part.sha256, to: path, called: "checkpoint of job \(session.jobID): \(part.name)")
      } catch let damage as DamagedArtifact {
        say("\(part.name) does not read, it is made again with all that follow: \(damage)")
        break
      }
      try job.replay(part: path, imageBytes: imageBytes)
      unlink(path)
      parts.append(part)
    }
    say("resumed from image \(job.done)")
    return parts
  }

  private func report(_ done: Int, _ total: Int) {
    session.progress(done: Int64(done), total: Int64(total), unit: "images")
  }

  private func runLast(_ job: IngestJob) throws {
    try job.run(to: job.total) { done, total in
      try session.releaseIfAsked()
      report(done, total)
    }
  }

  /// - Parameter resumed: parts of earlier attempts, which the first checkpoint of this one keeps
  private func runPart(_ job: IngestJob, to end: Int, keeping resumed: [Artifact]) throws {
    let name = "part-" + String(repeating: "0", count: 12 - String(job.done).count) + "\(job.done)"
    let path = "\(session.scratch)/\(name)"
    let part = try IngestPartWriter(path, imageBytes: imageBytes, first: job.done)
    var isReleased = false
    do {
      try job.run(to: end) { done, total in
        try session.releaseIfAsked()
        report(done, total)
      } finished: {
        try part.append($0)
      }
    } catch is Released {
      isReleased = true
    }
    try part.commit()
    // The earlier checkpoint must be stored by now, so that the next one keeps its parts without
    // sending them again.
    try session.waitForCheckpoint()
    let latest = try session.latestCheckpoint(ofJob: session.jobID)
    let stored = latest?.epoch == session.epoch ? Array(latest!.files.values) : resumed
    let done = job.done
    try session.beginCheckpoint(step: Int64(done), keeping: stored) { _ in
      [CheckpointPart(name: name, path: path)]
    } registered: {
      unlink(path)
      say("checkpoint at image \(done)")
    }
    if isReleased {
      try session.waitForCheckpoint()
      throw Released()
    }
  }

  private func store(_ report: IngestReport, images: Int) throws {
    for skipped in report.skipped { say("skipped \(skipped.name): \(skipped.reason)") }
    for sentence in report.sentences { say(sentence) }
    say(
      "\(report.training.images) images in \(report.classes.count) classes, "
        + report.training.fingerprint)
    var files = [
      OutputName.dataSet: try session.storeArtifact(
        file: packed, name: OutputName.dataSet, mediaType: "application/octet-stream"),
      OutputName.ingestReport: try session.storeArtifact(
        bytes: Array(report.json.utf8), name: OutputName.ingestReport,
        mediaType: "application/json"),
    ]
    if report.validation != nil {
      files[OutputName.validation] = try session.storeArtifact(
        file: validation, name: OutputName.validation, mediaType: "application/octet-stream")
    }
    files[Self.result] = try session.storeArtifact(
      bytes: Array(Self.json(report, size: arguments.image.size).utf8), name: Self.result,
      mediaType: "application/json")
    if try session.latestCheckpoint(ofJob: session.jobID) != nil {
      try session.registerCheckpoint(
        step: Int64(images), files: [], keeping: Array(files.values))
    }
    try finish(files)
  }

  private func finish(_ files: [String: Artifact]) throws {
    let result = String(
      decoding: try session.fetchArtifact(sha256: files[Self.result]!.sha256), as: UTF8.self)
    try session.finish(outputs: files.filter { $0.key != Self.result }, result: result)
  }

  /// The result that is shown with the job.
  private static func json(_ report: IngestReport, size: Int) -> String {
    var members = [
      ("images", String(report.training.images)), ("classes", String(report.classes.count)),
      ("size", String(size)), ("layout", JSONText.string(report.layout.rawValue)),
      ("skipped", String(report.skippedCount)), ("ignored", String(report.ignored.count)),
      ("ignored_reasons", report.ignoredReasons),
      ("empty_classes", String(report.emptyClasses.count)),
      ("fingerprint", JSONText.string(report.training.fingerprint)),
    ]
    if let held = report.validation {
      members += [
        ("validation_images", String(held.images)),
        ("validation_fingerprint", JSONText.string(held.fingerprint)),
      ]
    }
    return JSONText.object(members)
  }
}

Ingest.keepMemory()
Stage.run { session in
  let stage = try IngestStage(session)
  try stage.run()
}
