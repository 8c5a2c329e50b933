// A checkpoint for other programs: its files, or one file with everything.

import ArgumentParser
import Configuration
import Files
import Foundation
import Postgres
import RunStore
import TensorFiles

struct ExportCheckpoint: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "checkpoint",
    abstract: "Write a checkpoint, by default the newest, as a folder or as one file.",
    discussion: """
      Every file is checked against its SHA-256. A number means the run of that number if there is one, \
      else the job.
      An output that ends in .safetensors is one file: the weights under their names, averages as \
      ema-<decay>.<name>, step, configuration and classes as text in __metadata__. A run file with the key init \
      starts from it; with --optimizer that training continues with the same bits.
      Example: pra export checkpoint emoji -o emoji.safetensors
      """)

  @Argument(
    help: ArgumentHelp("Number or name of a run, or number of a job.", valueName: "run-or-job"))
  var target: String?
  @Option(
    name: .customLong("run"), help: ArgumentHelp("Number or name of a run.", valueName: "run"))
  var runName: String?
  @Option(help: "Number of a training job, if a run has that number, too.") var job: Int64?
  @Option(help: "Step of the checkpoint; by default the last.") var step: Int64?
  @Option(
    name: .shortAndLong,
    help:
      "A folder, which is created, or a file whose name ends in .safetensors; - is standard output."
  )
  var output: String
  @Flag(help: "Include the optimizer's moments, as optimizer.<name>.m and .v.")
  var optimizer = false
  @Flag(help: "Print JSON.") var json = false

  /// Standard output, a device or a pipe takes one file, too.
  private var isOneFile: Bool {
    if output.hasSuffix(".safetensors") { return true }
    guard let target = try? OutputTarget(output) else { return false }
    if case .file = target { return false }
    return true
  }

  func validate() throws {
    guard [target != nil, runName != nil, job != nil].count(where: \.self) == 1 else {
      throw ValidationError("name a run or job, --run or --job, one of the three")
    }
    guard isOneFile || !optimizer else {
      throw ValidationError(
        "--optimizer: a folder has the moments already; for one file name it \(output).safetensors")
    }
  }

  func run() throws {
    let connection = try Database.connect(.read)
    let (run, job) = try owner(connection)
    let rows = try connection.query(
      Queries.lastCheckpoint,
      [
        .optional(run, Parameter.integer), .optional(job, Parameter.integer),
        .optional(step, Parameter.integer),
      ])
    guard let row = rows.first else {
      let which = step.map { "checkpoint of step \($0)" } ?? "checkpoint"
      throw NotFound(
        message: "\(run.map { "run \($0)" } ?? "job \(job ?? 0)") has no \(which)")
    }
    let files = try connection.query(Queries.checkpointFiles, [.integer(try row.integer("id"))])
    let (found, trained) = (try row.string("step"), try row.string("job_id"))
    let paths: [String]
    if isOneFile {
      paths = [output]
      try record(try writeOne(files), job: try row.integer("job_id"), step: try row.integer("step"))
    } else {
      paths = try write(files, into: output)
    }
    if json {
      report(
        JSONText.object([
          ("job", trained), ("step", found),
          ("files", JSONText.array(paths.map(JSONText.string))),
        ]), of: output, isJSON: true)
    } else {
      let what = isOneFile ? "all tensors" : "\(counted(paths.count, "file"))"
      report("\(output): \(what) of job \(trained), step \(found)", of: output)
    }
  }

  /// - Returns: paths of the files
  private func write(_ files: Rows, into folder: String) throws -> [String] {
    try makeFolder(folder)
    var store = try Database.store(.read)
    return try files.map { file in
      // A checked logical name, never a path (RunStore, Artifact).
      let path = "\(folder)/\(try file.string("name"))"
      try store.fetch(sha256: try file.string("sha256"), into: path)
      return path
    }
  }

  /// Records the file's bytes, so that they lead to their run (pra.exports). A reader may not, and has his file.
  private func record(_ digest: FileDigest, job: Int64, step: Int64) throws {
    do {
      try Database.connect(.submit).query(
        TrainedQueries.recordExport, [.text(digest.sha256), .integer(job), .integer(step)])
    } catch let error as PostgresError {
      guard error.sqlState == "42501" else { throw error }
    }
  }

  /// Writes one file, and leaves nothing else beside it.
  private func writeOne(_ files: Rows) throws -> FileDigest {
    var folder = "\(FileManager.default.temporaryDirectory.path(percentEncoded: false))/pra-output"
    if case .file(let path, _) = try reportingFiles({ try OutputTarget(output) }) {
      folder = "\(path).parts"
    }
    folder += "-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    do {
      let paths = try write(files, into: folder)
      var state: CheckpointState?
      var metadata = ["format": "pt"]
      var parts: [(prefix: String, file: SafetensorsFile)] = []
      for path in paths {
        let name = URL(filePath: path).lastPathComponent
        switch name {
        case "state.json":
          state = try CheckpointState(
            canonicalJSON: String(contentsOfFile: path, encoding: .utf8))
        case ClassTable.file:
          metadata[ClassTable.metadataKey] = try ClassTable(
            json: String(contentsOfFile: path, encoding: .utf8)
          ).json
        case "optimizer.safetensors" where !optimizer: break
        case "model.safetensors": parts.append(("", try SafetensorsFile(path: path)))
        default:
          let stem = name.dropLast(".safetensors".count)
          parts.append(("\(stem).", try SafetensorsFile(path: path)))
        }
      }
      guard let state else { throw Failure(message: "the checkpoint has no state.json") }
      return try SafetensorsWriter.merge(
        parts, to: output, metadata: state.metadata.merging(metadata) { own, _ in own })
    } catch let error as FileError {
      throw Failure(message: error.description.replacing("\(folder)/", with: ""))
    } catch let error as StoreError {
      throw Failure(message: Self.inGivenWords(error.description, folder, output))
    } catch let error as Failure {
      throw Failure(message: Self.inGivenWords(error.message, folder, output))
    }
  }

  /// A message that names the output in the place of the folder of its parts, which nobody has named.
  private static func inGivenWords(_ message: String, _ folder: String, _ output: String) -> String
  {
    message.replacing("\(folder)/", with: "\(output), part ").replacing(folder, with: output)
  }

  private func owner(_ connection: Connection) throws -> (run: Int64?, job: Int64?) {
    if let job {
      try connection.requireJob(job)
      return (nil, job)
    }
    if let runName { return (try connection.run(named: runName, with: .checkpoints).id, nil) }
    let word = target ?? ""
    do {
      return (try connection.run(named: word, with: .checkpoints).id, nil)
    } catch is NotFound {
      guard let id = Int64(word) else { throw NotFound(message: "there is no run '\(word)'") }
      guard try !connection.query(Queries.jobExists, [.integer(id)]).isEmpty else {
        throw NotFound(message: "there is neither a run nor a job \(id)")
      }
      return (nil, id)
    }
  }
}
