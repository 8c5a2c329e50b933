// Curves of runs.

import ArgumentParser
import Figures
import Files
import Foundation
import Postgres

struct Plot: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Draw metrics of runs over their steps, as SVG or PNG.",
    discussion: """
      Several runs share one figure, with a curve for each run and metric. Metrics whose values differ by orders of \
      magnitude have a panel each, one below the other; with --log all share one axis.
      Example: pra plot emoji emoji-clean -o loss.svg --metric loss.flow --smooth 0.95 --log
      """)

  @OptionGroup var targets: RunTargets
  @Option(name: .shortAndLong, help: "The file to write; its name ends in .svg or .png.")
  var output = "loss.svg"
  @Option(
    name: .customLong("metric"),
    help: "Name of a metric; may be repeated. By default the loss and its two main parts.")
  var metrics: [String] = []
  @Option(
    parsing: .unconditional,
    help:
      "Weight of the past in a moving average, from 0 to below 1; raw values become faint.")
  var smooth = 0.0
  @Flag(help: "Use a logarithmic vertical axis.") var log = false
  @Flag(help: "Print JSON.") var json = false

  func validate() throws {
    guard output.hasSuffix(".svg") || output.hasSuffix(".png") || isNoFile(output) else {
      throw ValidationError("--output \(output): expected a name that ends in .svg or .png")
    }
    guard (0..<1).contains(smooth) else {
      throw ValidationError("--smooth \(smooth): expected 0 to below 1, such as 0.9")
    }
    try targets.requireSome()
  }

  func run() throws {
    let connection = try Database.connect(.read)
    let runs = try connection.runs(named: targets.names, with: .metrics)
    let names =
      metrics.isEmpty ? (runs.count > 1 ? ["loss"] : ["loss", "loss.flow", "loss.rec"]) : metrics
    let curves = try names.flatMap { name in
      try runs.flatMap { run in
        try self.curves(name, of: run, among: runs.count, names.count, connection).map {
          (quantity: name, curve: $0)
        }
      }
    }
    let series = curves.map(\.curve)
    let chart = Chart(
      title: runs.count == 1
        ? "\(runs[0].name) (run \(runs[0].id))"
        : "\(names.joined(separator: ", ")) of \(runs.count) runs",
      xLabel: "step", yLabel: names.count == 1 ? names[0] : "", series: series, isLogarithmic: log)
    let figure = ChartPanels(chart, quantities: curves.map(\.quantity))
    let isPicture = output.hasSuffix(".png")
    try write(isPicture ? try figure.picture().png() : Array(figure.svg().utf8), to: output)
    if isPicture { tellLackingGlyphs(in: [chart.title] + series.map(\.name)) }
    if !json { try TerminalPicture.show { try figure.picture() } }
    guard json else {
      let drawn = series.map { "\($0.name) (\(counted($0.steps, "step")))" }
      let panels = figure.charts.count
      report(
        "\(output): \(drawn.joined(separator: ", "))"
          + (panels > 1 ? "; \(panels) panels, since their scales differ" : ""), of: output)
      return
    }
    let drawn = series.map {
      JSONText.object([("name", JSONText.string($0.name)), ("points", String($0.steps))])
    }
    report(
      JSONText.object(
        JSONText.members(of: runs) + [
          ("file", JSONText.string(output)), ("series", JSONText.array(drawn)),
        ]), of: output, isJSON: true)
  }

  /// The curves of a run: one for each of its jobs that has the series.
  private func curves(
    _ name: String, of run: (id: Int64, name: String), among runs: Int, _ names: Int,
    _ connection: Connection
  ) throws -> [Chart.Series] {
    let jobs = try connection.query(Queries.seriesOfName, [.integer(run.id), .text(name)])
    guard !jobs.isEmpty else {
      let known = try connection.query(Queries.metricNames, [.integer(run.id)])
        .map { try $0.string("name") }
      if known.isEmpty { throw try connection.lacks(.metrics, run, " yet") }
      throw NotFound(
        message: "run \(run.id) has no metric '\(name)'; it has \(known.joined(separator: ", "))")
    }
    return try jobs.map { row in
      let job = try row.integer("job_id")
      var parts = runs > 1 ? ["\(run.name) (\(run.id))"] : [name]
      if runs > 1 && names > 1 { parts.append(name) }
      if jobs.count > 1 { parts.append(try row.text("variant") ?? "job \(job)") }
      let title = parts.joined(separator: ", ")
      if try row.integer("points") > Self.mostPoints {
        return try band(title, job, name, lastStep: row.integer("last_step"), connection)
      }
      let points = try connection.query(Queries.points, [.integer(job), .text(name)]).map {
        (x: try $0.double("step"), y: try $0.double("value"))
      }
      return Chart.Series(
        name: title, points: points, steps: points.count, smoothing: smooth)
    }
  }

  /// Points of a series above which it is drawn in bands.
  private static let mostPoints = 20_000
  /// Bands into which such a series is cut at most: about one for each column of the picture.
  private static let mostBands: Int64 = 800

  /// A long series as the mean of each band of steps, within its least and greatest value.
  private func band(
    _ title: String, _ job: Int64, _ name: String, lastStep: Int64, _ connection: Connection
  ) throws -> Chart.Series {
    let rows = try connection.query(
      Queries.bands, [.integer(job), .text(name), .integer(Self.mostBands)])
    return Chart.Series(
      name: title,
      points: try rows.map { row in
        let (from, to) = (try row.double("step_from"), try row.double("step_to"))
        return ((from + to) / 2, try row.optionalDouble("mean") ?? .nan)
      },
      steps: Int(lastStep + 1), smoothing: smooth, counts: try rows.map { try $0.double("n") },
      band: try rows.map { row in
        (
          try row.double("step_from")...(try row.double("step_to")),
          try row.optionalDouble("lowest") ?? .nan, try row.optionalDouble("highest") ?? .nan
        )
      })
  }
}

/// Says which characters of a picture show as boxes, for want of a font.
func tellLackingGlyphs(in texts: [String]) {
  let lacking = Lettering.charactersWithoutGlyph(in: texts)
  guard !lacking.isEmpty else { return }
  complain(
    "pra: no installed font has \(lacking), which show as boxes; apt-get install fonts-droid-fallback, or "
      + "fonts-noto for all scripts")
}
