// Results as files for other tools.

import ArgumentParser
import Files
import Foundation
import Postgres
import RunStore

struct Export: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write checkpoints, images, metrics or outputs of jobs to files.",
    discussion: "Example: pra export images emoji -o images",
    subcommands: [
      ExportCheckpoint.self, ExportImages.self, ExportNPZ.self, ExportTensorBoard.self,
      ExportCSV.self, ExportComparison.self, ExportOutputs.self,
    ])
}

struct ExportImages: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "images", abstract: "Write a run's images as PNG files, 000007.png and so on.",
    discussion: """
      They are those of one sampling run, the newest; --job chooses another. --all writes those of every sampling run, \
      each into a folder job-14 of its own, as of a run that compares variants.
      Example: pra export images emoji -o images
      """)

  @OptionGroup var target: RunTarget
  @Option(name: .shortAndLong, help: "The folder to write into; it is created if it is missing.")
  var output: String
  @Option(help: "Number of a sampling job, for its images.") var job: Int64?
  @Flag(help: "Write the images of every sampling run.") var all = false
  @Flag(help: "Print JSON.") var json = false

  func validate() throws {
    try requireFolder(output)
    guard !all || job == nil else { throw ValidationError("--all and --job: give one of the two") }
  }

  func run() throws {
    let connection = try Database.connect(.read)
    let found = try connection.run(named: target.name, with: .images)
    let samplings =
      try all
      ? connection.samplings(ofRun: found.id) : [connection.sampling(of: found, job: job)]
    guard !samplings.isEmpty else { throw try connection.lacks(.images, found) }
    var reader = try DrawnImages()
    for sampling in samplings {
      let folder = all ? "\(output)/job-\(sampling.job)" : output
      let count = try write(sampling, of: found, to: folder, &reader, connection)
      if json {
        printExactly(
          JSONText.object(
            JSONText.members(of: found) + [
              ("job", String(sampling.job)),
              ("folder", JSONText.string(folder)), ("images", String(count)),
            ]))
      } else {
        print("\(folder): \(counted(count, "image")) of run \(found.id), \(sampling.words)")
      }
    }
  }

  /// - Returns: the number of images
  private func write(
    _ sampling: Sampling, of run: NamedRun, to folder: String, _ reader: inout DrawnImages,
    _ connection: Connection
  ) throws -> Int {
    let rows = try connection.query(
      SamplingQueries.images,
      [.integer(run.id), .integers(sampling.jobs), .texts([]), .texts([]), .null, .null])
    try makeFolder(folder)
    reader.expect(try rows.map { try ImagePlace($0) })
    var (last, count): (Int64, Int) = (-1, 0)
    // Jobs that drew an image twice drew the same; the newest comes first.
    for row in rows where try row.integer("number") != last {
      last = try row.integer("number")
      count += 1
      let digits = try row.string("number")
      let name = String(repeating: "0", count: max(0, 6 - digits.count)) + digits
      try writeQuickly(try reader.png(ImagePlace(row)), to: "\(folder)/\(name).png")
    }
    return count
  }
}

struct ExportCSV: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "csv",
    abstract: "Write metrics of a run or a sweep as CSV: run, name, step, value.",
    discussion: "Example: pra export csv emoji -o metrics.csv")

  @OptionGroup var target: RunTarget
  @Option(name: .shortAndLong, help: "The file to write; by default, and for -, standard output.")
  var output: String?

  func run() throws {
    let connection = try Database.connect(.read)
    let runs = try connection.runs(named: [target.name], with: .metrics).map(\.id)
    guard let output, output != "-" else {
      return try writeRows(runs, connection) { StandardOutput.write($0) }
    }
    try reportingFiles {
      let file = try DurableFile(output)
      try writeRows(runs, connection) { try file.write($0) }
      try file.commit()
    }
  }

  /// Writes the lines series by series, a page at a time: a run of a hundred million points takes no more
  /// memory than a small one.
  private func writeRows(
    _ runs: [Int64], _ connection: Connection, to write: ([UInt8]) throws -> Void
  ) throws {
    try write(Array("run,name,step,value\n".utf8))
    for series in try runs.flatMap({
      Array(try connection.query(Queries.seriesOfRun, [.integer($0)]))
    }) {
      let name = try series.string("name")
      let start = "\(commaSeparated(try series.string("run_name"))),\(commaSeparated(name)),"
      try connection.forEachPage(ofJob: series.integer("job_id"), name) {
        var text = ""
        for row in $0 { text += "\(start)\(try row.string("step")),\(try row.string("value"))\n" }
        try write(Array(text.utf8))
      }
    }
  }
}

struct ExportComparison: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "comparison",
    abstract: "Write the figure and the table of a run that compares variants.",
    discussion: "Example: pra export comparison claims -o claims")

  @OptionGroup var target: RunTarget
  @Option(name: .shortAndLong, help: "The folder to write into; it is created if it is missing.")
  var output: String
  @Flag(help: "Print JSON.") var json = false

  func validate() throws { try requireFolder(output) }

  func run() throws {
    let connection = try Database.connect(.read)
    let found = try connection.run(named: target.name, with: .comparison)
    let rows = try connection.query(Queries.comparison, [.integer(found.id)])
    guard !rows.isEmpty else {
      throw NotFound(
        message:
          "run \(found.id) has no finished comparison; a run file with variants or seeds and "
          + "evaluate: true makes one")
    }
    try fetchOutputs(rows, to: output, of: JSONText.members(of: found), json: json)
  }
}

struct ExportOutputs: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "outputs",
    abstract: "Write the output files of a job, such as a probe's figure.",
    discussion: "Example: pra export outputs 12 -o probe")

  @Argument(help: "Number of the job.") var id: Int64
  @Option(name: .shortAndLong, help: "The folder to write into; it is created if it is missing.")
  var output: String
  @Flag(help: "Print JSON.") var json = false

  func validate() throws { try requireFolder(output) }

  func run() throws {
    let connection = try Database.connect(.read)
    let rows = try connection.query(Queries.outputsOfJob, [.integer(id)])
    guard !rows.isEmpty else {
      guard try !connection.query(Queries.jobExists, [.integer(id)]).isEmpty else {
        throw NotFound(message: "there is no job \(id)")
      }
      try connection.refuseArray(id, has: "the outputs")
      throw NotFound(message: "job \(id) has no outputs; those of a job come when it succeeds")
    }
    try fetchOutputs(rows, to: output, of: [("job", String(id))], json: json)
  }
}

/// Writes outputs under their names and prints their paths.
/// - Parameter rows: name and sha256
private func fetchOutputs(
  _ rows: Rows, to folder: String, of owner: [(String, String)], json: Bool
) throws {
  try makeFolder(folder)
  var store = try Database.store(.read)
  var paths: [String] = []
  for row in rows {
    paths.append("\(folder)/\(try row.string("name"))")
    try store.fetch(sha256: try row.string("sha256"), into: paths.last!)
  }
  if json {
    printExactly(
      JSONText.object(owner + [("files", JSONText.array(paths.map(JSONText.string)))]))
  } else {
    for path in paths { print(path) }
  }
}

/// Writes one of many files, which appears when it is complete. To wait for the disk after each of fifty thousand would
/// take minutes: they can be exported again.
private func writeQuickly(_ bytes: [UInt8], to path: String) throws {
  guard case .file(let file, _) = try reportingFiles({ try OutputTarget(path) }) else {
    return try write(bytes, to: path)
  }
  let partial = "\(file).partial"
  func failed() -> Failure { Failure(message: "\(path): \(String(cString: strerror(errno)))") }
  let descriptor = open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
  guard descriptor >= 0 else { throw failed() }
  let code = writeWhole(bytes[...], to: descriptor)
  guard close(descriptor) == 0, code == nil, rename(partial, file) == 0 else {
    if let code { errno = code }
    let failure = failed()
    unlink(partial)
    throw failure
  }
}

/// Refuses standard output where an output is several files.
func requireFolder(_ output: String) throws {
  guard output != "-" else {
    throw ValidationError("-o -: expected a folder, as there are several files")
  }
  var isFolder: ObjCBool = false
  if FileManager.default.fileExists(atPath: output, isDirectory: &isFolder), !isFolder.boolValue {
    throw ValidationError("-o \(output): is a file; expected a folder, as there are several files")
  }
}

func makeFolder(_ path: String) throws {
  do {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  } catch {
    // Foundation's own message says but a number where a file lies in the way.
    let code = mkdir(path, 0o777) == 0 ? 0 : errno
    if code == 0 { return }
    throw Failure(
      message: "\(path): cannot be made a folder"
        + ([EEXIST, ENOTDIR].contains(code)
          ? "; a file lies in its place, or in that of a folder around it"
          : ": \(String(cString: strerror(code)))"))
  }
}

extension ArtifactStore {
  /// Writes an artifact to a path in a folder of a person, who may have put a link or a pipe there.
  mutating func fetch(sha256: String, into path: String) throws {
    switch try reportingFiles({ try OutputTarget(path) }) {
    case .file(let file, let mode):
      try fetch(sha256: sha256, to: file, mode: mode ?? 0o666)
    case .device, .socket, .descriptor: try pra.write(try bytes(sha256: sha256), to: path)
    }
  }
}
