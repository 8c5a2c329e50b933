// Results as pictures and tables: images, plot, evaluations, sql.

import ArgumentParser
import Files
import Foundation
import Postgres
import Raster
import RunStore

struct Images: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write a grid of a run's images.",
    discussion: "Example: pra images emoji -o grid.png --columns 18 --limit 180 --scale 2")

  @Argument(help: ArgumentHelp("Number or name of the run.", valueName: "run")) var runName: String
  @Option(name: .shortAndLong, help: "The PNG to write.") var output: String
  @Option(help: "Images in a row.") var columns = 18
  @Option(help: "At most so many images, by number.") var limit = 180
  @Option(help: "Pixels a side that one pixel becomes.") var scale = 2
  @Flag(help: "Print JSON.") var json = false

  func validate() throws {
    guard columns > 0, limit > 0, (1...16).contains(scale) else {
      throw ValidationError("--columns and --limit from 1, --scale from 1 to 16")
    }
  }

  func run() throws {
    let connection = try Database.connect(.read)
    let found = try connection.run(named: runName)
    let rows = try connection.query(Queries.imagesOfRun, [.integer(found.id), .integer(limit)])
    guard !rows.isEmpty else { throw NotFound(message: "run \(found.id) has no images") }
    var store = try Database.store(.read)
    let pictures = try rows.map {
      try Picture(png: store.bytes(sha256: $0.string("sha256")), channels: 3)
    }
    let first = pictures[0]
    guard pictures.allSatisfy({ $0.width == first.width && $0.height == first.height }) else {
      throw Failure(message: "run \(found.id) has images of several sizes; a grid needs one")
    }
    let grid = Picture.grid(pictures, columns: columns, gap: 1, scale: scale)
    try write(try grid.png(), to: output)
    if json {
      print(
        JSONText.object([
          ("run", String(found.id)), ("file", JSONText.string(output)),
          ("images", String(pictures.count)), ("width", String(grid.width)),
          ("height", String(grid.height)),
        ]))
      return
    }
    print("\(output): \(pictures.count) images of run \(found.id), \(grid.width) x \(grid.height)")
  }
}

struct Plot: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Draw a run's metrics over its steps, as SVG or PNG.",
    discussion: "Example: pra plot emoji -o loss.svg --metric loss --metric loss.rec")

  @Argument(help: ArgumentHelp("Number or name of the run.", valueName: "run")) var runName: String
  @Option(name: .shortAndLong, help: "A name that ends in .svg or .png.") var output = "loss.svg"
  @Option(
    name: .customLong("metric"),
    help: "A series; several may be named. Without it the loss and its two main parts.")
  var metrics: [String] = []
  @Flag(help: "A logarithmic vertical axis.") var log = false
  @Flag(help: "Print JSON.") var json = false

  func validate() throws {
    guard output.hasSuffix(".svg") || output.hasSuffix(".png") else {
      throw ValidationError("--output \(output): expected a name that ends in .svg or .png")
    }
  }

  func run() throws {
    let connection = try Database.connect(.read)
    let found = try connection.run(named: runName)
    let names = metrics.isEmpty ? ["loss", "loss.flow", "loss.rec"] : metrics
    let series = try names.flatMap { name -> [Chart.Series] in
      let rows = try connection.query(Queries.series, [.integer(found.id), .text(name)])
      guard !rows.isEmpty else {
        let known = try connection.query(Queries.metricNames, [.integer(found.id)])
          .map { try $0.string("name") }
        throw NotFound(
          message: "run \(found.id) has no metric '\(name)'; it has "
            + (known.isEmpty ? "none yet" : known.joined(separator: ", ")))
      }
      var jobs: [(id: Int64, points: [(x: Double, y: Double)])] = []
      for row in rows {
        let job = try row.integer("job_id")
        if jobs.last?.id != job { jobs.append((job, [])) }
        jobs[jobs.count - 1].points.append((try row.double("step"), try row.double("value")))
      }
      return jobs.map {
        Chart.Series(name: jobs.count > 1 ? "\(name), job \($0.id)" : name, points: $0.points)
      }
    }
    let chart = Chart(
      title: "\(found.name) (run \(found.id))", xLabel: "step", yLabel: "", series: series,
      isLogarithmic: log)
    let bytes = output.hasSuffix(".svg") ? Array(chart.svg().utf8) : try chart.picture().png()
    try write(bytes, to: output)
    if json {
      let drawn = series.map {
        JSONText.object([
          ("name", JSONText.string($0.name)), ("points", String($0.points.count)),
        ])
      }
      print(
        JSONText.object([
          ("run", String(found.id)), ("file", JSONText.string(output)),
          ("series", JSONText.array(drawn)),
        ]))
      return
    }
    print(
      "\(output): \(series.map { "\($0.name) (\($0.points.count) steps)" }.joined(separator: ", "))"
    )
  }
}

struct Evaluations: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show a run's evaluation, overall and by class.",
    discussion: """
      frechet.* are Frechet distances on fixed random features: they compare runs on one data set \
      with each other and are no FID. reconstruction.psnr is in decibels.
      Example: pra evaluations emoji
      """)

  @Argument(help: ArgumentHelp("Number or name of the run.", valueName: "run")) var runName: String
  @OptionGroup var output: OutputOptions

  func run() throws {
    let connection = try Database.connect(.read)
    let found = try connection.run(named: runName)
    try connection.show(
      Queries.evaluations, rows: Queries.evaluationRows, [.integer(found.id)], output)
    if !output.json {
      print(
        "frechet.*: Frechet distance on fixed random features, comparable on one data set; no FID")
    }
  }
}

/// Writes a whole file or none.
func write(_ bytes: [UInt8], to path: String) throws {
  do {
    let file = try DurableFile(path)
    try file.write(bytes)
    try file.commit()
  } catch let error as FileError {
    throw Failure(message: "\(error)")
  }
}
