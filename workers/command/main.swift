// Stage `command`: runs a program of a user on a run's checkpoint and images, and takes its report.

import Configuration
import Digest
import Files
import Glibc
import Images
import JobKinds
import RunStore
import StageInputs
import StageKit

/// One attempt of a command.
struct CommandJob {
  private let session: StageSession
  private let arguments: CommandArguments
  /// Where the program runs.
  private let folder: String
  private var inputs = CommandInputs()
  private var figures: [EvaluationRecord] = []
  private var artifacts: [String: String] = [:]

  private static let mostArtifacts = 1000

  init(_ session: StageSession) throws {
    self.session = session
    arguments = try refusingBadInput { try CommandArguments(json: session.arguments) }
    folder = "\(session.scratch)/work"
    guard mkdir(folder, 0o700) == 0 else { throw StageFault(folder, code: errno) }
  }

  mutating func run() throws {
    // Each attempt's series begins anew.
    _ = try session.latestCheckpoint(ofJob: session.jobID)
    for file in arguments.placedFiles { try place(file.sha256, as: file.name) }
    inputs = try CommandInputs(arguments, session)
    try session.releaseIfAsked()
    var report = try Report(path: "\(session.scratch)/report", step: inputs.step ?? 0)
    let program = try Program(
      arguments.command, environment: environment(report: "\(session.scratch)/report"),
      folder: folder)
    var wasAsked = false
    while true {
      for entry in try report.next() { try take(entry) }
      if session.stopRequested, !wasAsked {
        wasAsked = true
        program.requestStop()
      }
      guard let status = program.statusIfEnded() else { continue }
      for entry in try report.available(isLast: true) { try take(entry) }
      // A program that has ended well although it was asked to stop has done its work.
      if wasAsked, status != 0 { throw Released() }
      try program.check(status)
      break
    }
    try finish()
  }

  /// Puts a copy of a stored file beside the program, which may run it and write into it: what is fetched may be a
  /// link to the file that this machine keeps.
  private func place(_ sha256: String, as name: String) throws {
    let fetched = "\(session.scratch)/file-\(sha256)"
    if access(fetched, R_OK) != 0 {
      try session.fetchArtifact(sha256: sha256, to: fetched, called: "files: \(name)")
    }
    let source = try MappedFile(fetched)
    let path = "\(folder)/\(name)"
    let copy = try DurableFile(path)
    try withExtendedLifetime(source) { try copy.write(Array(source.bytes)) }
    try copy.commit()
    guard chmod(path, 0o700) == 0 else { throw StageFault(path, code: errno) }
  }

  /// The program's whole environment.
  private func environment(report: String) -> [String: String] {
    var all = ["PATH", "LANG"].reduce(into: [String: String]()) { $0[$1] = variable($1) }
    all["HOME"] = folder
    all["TMPDIR"] = folder
    for name in (variable("PRA_COMMAND_ENV") ?? "").split(separator: ",").map(String.init) {
      all[name] = variable(name)
    }
    for setting in arguments.environment {
      let equals = setting.firstIndex(of: "=")!
      all[String(setting[..<equals])] = String(setting[setting.index(after: equals)...])
    }
    all["PRA_COMMAND"] = arguments.name
    all["PRA_RUN"] = String(session.runID)
    all["PRA_JOB"] = String(session.jobID)
    all["PRA_ATTEMPT"] = String(session.epoch)
    all["PRA_THREADS"] = String(session.threads)
    all["OMP_NUM_THREADS"] = all["OMP_NUM_THREADS"] ?? String(session.threads)
    // The worker knows by it which processes are its own.
    all["PRA_SCRATCH"] = session.scratch
    all["PRA_REPORT"] = report
    all["PRA_CHECKPOINT"] = inputs.checkpoint
    all["PRA_STEP"] = inputs.step.map { String($0) }
    all["PRA_SAMPLES"] = inputs.samples
    if let device = variable("PRA_DEVICE"), device.hasPrefix("cuda:") {
      all["CUDA_VISIBLE_DEVICES"] = String(device.dropFirst("cuda:".count))
    }
    return all
  }

  private mutating func take(_ entry: Report.Entry) throws {
    switch entry {
    case .metric(let name, let step, let value):
      session.record([MetricPoint(name: "\(arguments.name).\(name)", step: step, value: value)])
    case .figure(let name, let scope, let value, let images):
      figures.removeAll { $0.metric == "\(arguments.name).\(name)" && $0.scope == scope }
      figures.append(
        EvaluationRecord(
          metric: "\(arguments.name).\(name)", scope: scope, value: value,
          images: images ?? inputs.images, details: JSONText.object([("ruler", ruler)])))
    case .artifact(let path, let name):
      do { try Artifact.check(name: name) } catch { throw PermanentFailure("artifact: \(error)") }
      artifacts[name] = path
      guard artifacts.count <= Self.mostArtifacts else {
        throw PermanentFailure("artifact: the program reports more than \(Self.mostArtifacts)")
      }
    case .progress(let done, let total, let unit):
      session.progress(done: done, total: max(done, total), unit: unit)
    }
  }

  /// Figures of another program, or of another number of images, do not stand beside these.
  private var ruler: String {
    let text =
      arguments.command.map(JSONText.string).joined(separator: ",")
      + arguments.placedFiles.map { "\($0.name)=\($0.sha256)" }.sorted().joined(separator: ",")
    return JSONText.object([
      ("program", JSONText.string(String(SHA256.hexadecimal(of: Array(text.utf8)).prefix(12)))),
      ("images", String(inputs.images)),
    ])
  }

  private func finish() throws {
    var outputs: [String: Artifact] = [:]
    for (name, path) in artifacts.sorted(by: { $0.key < $1.key }) {
      try session.releaseIfAsked()
      outputs[name] = try session.storeArtifact(
        file: try place(of: path), name: name, mediaType: Artifact.mediaType(ofName: name))
    }
    try session.finish(
      outputs: outputs, evaluations: figures,
      result: JSONText.object([
        ("command", JSONText.string(arguments.name)),
        ("step", inputs.step.map { String($0) } ?? "null"),
      ]))
  }

  /// The file of a reported path, which is one of the program's own folder.
  private func place(of path: String) throws -> String {
    let given = path.hasPrefix("/") ? path : "\(folder)/\(path)"
    guard let resolved = realpath(given, nil), let home = realpath(folder, nil) else {
      throw PermanentFailure("artifact: the program reports \(path), and there is no such file")
    }
    defer {
      free(resolved)
      free(home)
    }
    let file = String(cString: resolved)
    guard file.hasPrefix(String(cString: home) + "/") else {
      throw PermanentFailure(
        "artifact: \(path) lies outside of the folder in which the program runs")
    }
    var status = stat()
    guard stat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw PermanentFailure("artifact: \(path) is no file")
    }
    return file
  }
}

/// A variable of the stage's environment.
private func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

Stage.run { session in
  var job = try CommandJob(session)
  try job.run()
}
