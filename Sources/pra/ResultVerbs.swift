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
    let grid = Picture.grid(pictures, columns: columns, gap: 1, scale: scale)
    try write(try grid.png(), to: output)
    print("\(output): \(pictures.count) images of run \(found.id), \(grid.width) x \(grid.height)")
  }
}

struct Plot: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Draw a run's metrics over its steps, as SVG or PNG.",
    discussion: "Example: pra plot emoji -o loss.svg --metric loss --metric loss.rec")

  @Argument(help: ArgumentHelp("Number or name of the run.", valueName: "run")) var runName: String
  @Option(name: .shortAndLong, help: "A name that ends in .svg or .png.") var output = "loss.svg"
  @Option(name: .customLong("metric"), help: "A series; several may be named.")
  var metrics: [String] = []
  @Flag(help: "A logarithmic vertical axis.") var log = false

  func validate() throws {
    guard output.hasSuffix(".svg") || output.hasSuffix(".png") else {
      throw ValidationError("--output \(output): expected a name that ends in .svg or .png")
    }
  }

  func run() throws {
    let connection = try Database.connect(.read)
    let found = try connection.run(named: runName)
    let series = try (metrics.isEmpty ? ["loss", "loss.flow", "loss.rec"] : metrics).map { name in
      let points = try connection.query(Queries.series, [.integer(found.id), .text(name)]).map {
        (x: try $0.double("step"), y: try $0.double("value"))
      }
      guard !points.isEmpty else {
        let known = try connection.query(Queries.metricNames, [.integer(found.id)])
          .map { try $0.string("name") }
        throw NotFound(
          message: "run \(found.id) has no metric '\(name)'; it has "
            + (known.isEmpty ? "none yet" : known.joined(separator: ", ")))
      }
      return Chart.Series(name: name, points: points)
    }
    let chart = Chart(
      title: "\(found.name) (run \(found.id))", xLabel: "step", yLabel: "", series: series,
      isLogarithmic: log)
    let bytes = output.hasSuffix(".svg") ? Array(chart.svg().utf8) : try chart.picture().png()
    try write(bytes, to: output)
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
      """)

  @Argument(help: ArgumentHelp("Number or name of the run.", valueName: "run")) var runName: String
  @OptionGroup var output: OutputOptions

  func run() throws {
    let connection = try Database.connect(.read)
    let found = try connection.run(named: runName)
    try connection.show(Queries.evaluations, [.integer(found.id)], output)
  }
}

struct SQL: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sql", abstract: "Query the views of schema pra, as pra_read.",
    discussion: """
      The query is an argument or standard input.
      Example: pra sql "select name, count(*) from pra.metrics group by name"
      """)

  @Argument(help: "One query.") var query: String?
  @Flag(help: "Comma-separated values with a header.") var csv = false
  @OptionGroup var output: OutputOptions

  func run() throws {
    let text =
      query ?? String(decoding: FileHandle.standardInput.readDataToEndOfFile(), as: UTF8.self)
    let trimmed = text.trimmingCharacters(
      in: .whitespacesAndNewlines.union(CharacterSet(charactersIn: ";")))
    guard !trimmed.isEmpty else { throw ValidationError("no query given") }
    let connection = try Database.connect(.read)
    do {
      if output.json {
        print(try connection.jsonText(trimmed))
        return
      }
      let rows = try connection.query(trimmed)
      if rows.columns.isEmpty { return }
      print(csv ? commaSeparated(rows) : Table(rows).text)
    } catch let error as PostgresError where !error.isUnreachable {
      throw Failure(message: error.description)
    }
  }
}

/// RFC 4180, with line feeds.
func commaSeparated(_ rows: Rows) -> String {
  func line(_ cells: [String]) -> String {
    cells.map { cell in
      cell.contains { $0 == "," || $0 == "\"" || $0 == "\n" || $0 == "\r" }
        ? "\"\(cell.replacing("\"", with: "\"\""))\"" : cell
    }.joined(separator: ",")
  }
  let width = rows.columns.count
  let lines = rows.map { row in line((0..<width).map { row.text(at: $0) ?? "" }) }
  return ([line(rows.columns)] + lines).joined(separator: "\n")
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
