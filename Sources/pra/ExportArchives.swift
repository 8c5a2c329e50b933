// Results in the formats of other programs: TensorBoard, the ADM evaluator.

import ArgumentParser
import Files
import Foundation
import Postgres
import Raster
import RunStore
import TensorFiles

struct ExportTensorBoard: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tensorboard",
    abstract: "Write the metrics and evaluations of runs as event files of TensorBoard.",
    discussion: """
      Writes one folder per job below the given one, named after run, kind and job. A step that a resumed \
      job repeated is written once.
      Example: pra export tensorboard emoji emoji-clean -o tensorboard
      """)

  @OptionGroup var targets: RunTargets
  @Option(name: .shortAndLong, help: "The folder to write into; it is created if it is missing.")
  var output: String
  @Flag(help: "Print JSON.") var json = false

  func validate() throws {
    try targets.requireSome()
    try requireFolder(output)
  }

  func run() throws {
    let connection = try Database.connect(.read)
    var written: [(run: NamedRun, job: Int64, path: String, points: Int)] = []
    for found in try connection.runs(named: targets.names, with: .metrics) {
      let jobs = try connection.query(Queries.measuringJobs, [.integer(found.id)])
      guard !jobs.isEmpty else { throw try connection.lacks(.metrics, found) }
      for job in jobs {
        let id = try job.integer("id")
        let folder =
          "\(output)/\(fileName(found.name))-\(found.id)/\(try job.string("kind"))-\(id)"
        try makeFolder(folder)
        let path = "\(folder)/events.out.tfevents.\(try job.integer("began")).pra.\(id)"
        let points = try write(job: id, began: try job.double("began"), path, connection)
        written.append((found, id, path, points))
      }
    }
    if json {
      printExactly(
        JSONText.array(
          written.map {
            JSONText.object(
              JSONText.members(of: $0.run) + [
                ("job", String($0.job)), ("file", JSONText.string($0.path)),
                ("points", String($0.points)),
              ])
          }))
    } else {
      for file in written { print("\(file.path): \(counted(file.points, "point"))") }
    }
  }

  /// Writes series by series, each in the order of its steps, a page at a time. TensorBoard sorts out the series
  /// of a file by itself.
  private func write(job: Int64, began: Double, _ path: String, _ connection: Connection) throws
    -> Int
  {
    try reportingFiles {
      let file = try EventFile(path, time: began)
      var points = 0
      for series in try connection.query(Queries.seriesOfJob, [.integer(job)]) {
        let name = try series.string("name")
        try connection.forEachPage(ofJob: job, name) { rows in
          for row in rows {
            try file.add(
              name, step: try row.integer("step"), value: try row.double("value"),
              time: try row.double("time"))
          }
          points += rows.count
        }
      }
      for row in try connection.query(Queries.evaluationEvents, [.integer(job)]) {
        try file.add(
          "evaluation/\(try row.string("metric"))/\(try row.string("scope"))",
          step: try row.integer("step"), value: try row.double("value"),
          time: try row.double("time"))
        points += 1
      }
      try file.commit()
      return points
    }
  }
}

struct ExportNPZ: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "npz", abstract: "Write a run's images as the .npz that the ADM evaluator reads.",
    discussion: """
      arr_0 holds the images by number, uint8 [images, height, width, 3]; arr_1 their classes, int64. \
      The file is written as a stream: 50,000 images need no more memory than one.
      Example: pra export npz emoji -o samples.npz
      """)

  @OptionGroup var target: RunTarget
  @Option(name: .shortAndLong, help: "The file to write.") var output: String
  @Option(help: "Number of a sampling job, for its images; by default the newest.") var job: Int64?
  @Flag(help: "Print JSON.") var json = false

  func run() throws {
    let connection = try Database.connect(.read)
    let found = try connection.run(named: target.name, with: .images)
    let sampling = try connection.sampling(of: found, job: job)
    // Jobs that drew an image twice drew the same; the newest comes first.
    var last: Int64 = -1
    let rows = try connection.query(
      SamplingQueries.images,
      [.integer(found.id), .integers(sampling.jobs), .texts([]), .texts([]), .null, .null]
    ).filter { row in
      defer { last = (try? row.integer("number")) ?? last }
      return try row.integer("number") != last
    }
    var reader = try DrawnImages()
    reader.expect(try rows.map { try ImagePlace($0) })
    func picture(_ row: Row) throws -> Picture { try reader.picture(ImagePlace(row)) }
    let first = try picture(rows[0])
    try reportingFiles {
      let file = try NPZWriter(output)
      try file.begin(
        "arr_0", type: "|u1", width: 1, shape: [rows.count, first.height, first.width, 3])
      for row in rows {
        let image = try picture(row)
        guard image.width == first.width, image.height == first.height else {
          throw Failure(
            message:
              "image \(try row.string("number")) is \(image.width) x \(image.height), the first "
              + "\(first.width) x \(first.height): an array needs one size")
        }
        try file.append(image.pixels)
      }
      try file.begin("arr_1", type: "<i8", width: 8, shape: [rows.count])
      for row in rows {
        let label = try row.integer("label")
        try file.append(withUnsafeBytes(of: label.littleEndian) { Array($0) })
      }
      try file.commit()
    }
    if json {
      report(
        JSONText.object(
          JSONText.members(of: found) + [
            ("job", String(sampling.job)), ("file", JSONText.string(output)),
            ("images", String(rows.count)), ("width", String(first.width)),
            ("height", String(first.height)),
          ]), of: output, isJSON: true)
    } else {
      report(
        "\(output): \(counted(rows.count, "image")) of run \(found.id), \(first.width) x \(first.height) x 3",
        of: output)
    }
  }
}

extension Connection {
  /// Reads the points of a series page by page, each behind the last step of the one before.
  func forEachPage(ofJob job: Int64, _ name: String, _ body: (Rows) throws -> Void) throws {
    var after: Int64 = -1
    while true {
      let rows = try query(Queries.pointsPage, [.integer(job), .text(name), .integer(after)])
      guard let last = rows.last else { return }
      try body(rows)
      after = try last.integer("step")
    }
  }
}

/// A run's name as a part of a path: a character that could lead elsewhere becomes a dash.
func fileName(_ name: String) -> String {
  let kept = name.unicodeScalars.map { scalar -> Character in
    switch scalar {
    case "a"..."z", "A"..."Z", "0"..."9", "_", "-": Character(scalar)
    default: "-"
    }
  }
  return String(kept.prefix(100))
}

/// Reports errors of files as errors of the command.
func reportingFiles<T>(_ body: () throws -> T) throws -> T {
  do {
    return try body()
  } catch let error as FileError {
    throw Failure(message: "\(error)")
  }
}
