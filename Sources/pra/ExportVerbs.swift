// Results as files for other tools.

import ArgumentParser
import Files
import Foundation
import Postgres
import RunStore

struct Export: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write checkpoints, images, metrics or a comparison to files of other tools.",
    discussion: "Example: pra export images emoji -o images",
    subcommands: [
      ExportCheckpoint.self, ExportImages.self, ExportNPZ.self, ExportTensorBoard.self,
      ExportCSV.self, ExportComparison.self,
    ])
}

struct ExportCheckpoint: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "checkpoint", abstract: "Write the files of a checkpoint, by default the newest.",
    discussion: """
      Every file is checked against its SHA-256. A number names a run where there is one, else a job.
      Example: pra export checkpoint emoji -o checkpoint
      """)

  @Argument(
    help: ArgumentHelp("Number or name of a run, or number of a job.", valueName: "run-or-job"))
  var target: String?
  @Option(help: "A training job, where the number is a run's as well.") var job: Int64?
  @Option(help: "The checkpoint's step; without it the last.") var step: Int64?
  @Option(name: .shortAndLong, help: "The folder to write into; made where it is missing.")
  var output: String
  @Flag(help: "Print JSON.") var json = false

  func validate() throws {
    guard (target == nil) != (job == nil) else {
      throw ValidationError("name a run or job, or --job, one of the two")
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
    let id = try row.integer("id")
    let found = try row.integer("step")
    try makeFolder(output)
    var store = try Database.store(.read)
    var paths: [String] = []
    for file in try connection.query(Queries.checkpointFiles, [.integer(id)]) {
      // A checked logical name, never a path (RunStore, Artifact).
      paths.append("\(output)/\(try file.string("name"))")
      try store.fetch(sha256: try file.string("sha256"), to: paths.last!)
    }
    if json {
      print(
        JSONText.object([
          ("job", try row.string("job_id")), ("step", String(found)),
          ("files", JSONText.array(paths.map(JSONText.string))),
        ]))
    } else {
      print("\(output): \(paths.count) files of job \(try row.string("job_id")), step \(found)")
    }
  }

  private func owner(_ connection: Connection) throws -> (run: Int64?, job: Int64?) {
    if let job {
      try connection.requireJob(job)
      return (nil, job)
    }
    let word = target ?? ""
    do {
      return (try connection.run(named: word).id, nil)
    } catch is NotFound {
      guard let id = Int64(word) else { throw NotFound(message: "there is no run '\(word)'") }
      guard try !connection.query(Queries.jobExists, [.integer(id)]).isEmpty else {
        throw NotFound(message: "there is neither a run nor a job \(id)")
      }
      return (nil, id)
    }
  }
}

struct ExportImages: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "images", abstract: "Write a run's images as PNG files, 000007.png and so on.",
    discussion: "Example: pra export images emoji -o images")

  @Argument(help: ArgumentHelp("Number or name of the run.", valueName: "run")) var runName: String
  @Option(name: .shortAndLong, help: "The folder to write into; made where it is missing.")
  var output: String
  @Flag(help: "Print JSON.") var json = false

  func run() throws {
    let connection = try Database.connect(.read)
    let found = try connection.run(named: runName)
    let rows = try connection.query(Queries.imagesOfRun, [.integer(found.id), .null])
    guard !rows.isEmpty else { throw NotFound(message: "run \(found.id) has no images") }
    var last: Int64 = -1
    for row in rows {
      let number = try row.integer("number")
      guard number != last else {
        throw Failure(
          message: "run \(found.id) has several images \(number): it has more than one sampling run"
        )
      }
      last = number
    }
    try makeFolder(output)
    var store = try Database.store(.read)
    for row in rows {
      let digits = try row.string("number")
      let name = String(repeating: "0", count: max(0, 6 - digits.count)) + digits
      try store.fetch(sha256: try row.string("sha256"), to: "\(output)/\(name).png")
    }
    if json {
      print(
        JSONText.object([
          ("run", String(found.id)), ("folder", JSONText.string(output)),
          ("images", String(rows.count)),
        ]))
    } else {
      print("\(output): \(rows.count) images of run \(found.id)")
    }
  }
}

struct ExportCSV: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "csv", abstract: "Write a run's metrics as CSV: run, name, step, value.",
    discussion: "Example: pra export csv emoji -o metrics.csv")

  @Argument(help: ArgumentHelp("Number or name of the run.", valueName: "run")) var runName: String
  @Option(name: .shortAndLong, help: "The file to write; without it standard output.")
  var output: String?

  func run() throws {
    let connection = try Database.connect(.read)
    let found = try connection.run(named: runName)
    let text = commaSeparated(try connection.query(Queries.metrics, [.integer(found.id)]))
    guard let output else {
      print(text)
      return
    }
    try write(Array((text + "\n").utf8), to: output)
  }
}

struct ExportComparison: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "comparison",
    abstract: "Write the figure and the table of a run that compares variants.",
    discussion: "Example: pra export comparison claims -o claims")

  @Argument(help: ArgumentHelp("Number or name of the run.", valueName: "run")) var runName: String
  @Option(name: .shortAndLong, help: "The folder to write into; made where it is missing.")
  var output: String
  @Flag(help: "Print JSON.") var json = false

  func run() throws {
    let connection = try Database.connect(.read)
    let found = try connection.run(named: runName)
    let rows = try connection.query(Queries.comparison, [.integer(found.id)])
    guard !rows.isEmpty else {
      throw NotFound(
        message:
          "run \(found.id) has no finished comparison; a run file with variants or seeds and "
          + "evaluate: true makes one")
    }
    try makeFolder(output)
    var store = try Database.store(.read)
    var paths: [String] = []
    for row in rows {
      paths.append("\(output)/\(try row.string("name"))")
      try store.fetch(sha256: try row.string("sha256"), to: paths.last!)
    }
    if json {
      print(
        JSONText.object([
          ("run", String(found.id)), ("files", JSONText.array(paths.map(JSONText.string))),
        ]))
    } else {
      for path in paths { print(path) }
    }
  }
}

func makeFolder(_ path: String) throws {
  do {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  } catch {
    throw Failure(message: "\(path): cannot be made a folder: \(error.localizedDescription)")
  }
}
