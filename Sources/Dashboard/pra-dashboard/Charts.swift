// Machine forms of charts: the data, a drawing, and the statement.

import Figures
import Files
import Glibc
import Pages
import Postgres

extension Site {
  /// The reply for an address that is no page; nil for a page.
  func machineForm(_ path: [String], _ query: Query) throws -> Reply? {
    guard path.count == 1 else { return nil }
    switch path[0] {
    case "series.json": return try series(ChartView(query, self))
    case "chart.svg": return try drawing(ChartView(query, self))
    case "chart.csv": return try form("csv", of: ChartView(query, self).question)
    case "chart.sql": return try form("sql", of: ChartView(query, self).question)
    case "spark.svg": return try spark(query)
    case "sheet.png": return try sheets.sheet(query, snapshots)
    default: return nil
    }
  }

  /// Curves for the chart's script: steps, means, lowest and highest values, values that are not finite, and where
  /// attempts went on.
  private func series(_ view: ChartView) throws -> Reply {
    let bands = Dictionary(
      grouping: try snapshots.answer(view.question).table.records, by: { $0.text("job_id") })
    let jobs = view.curves.compactMap { $0.integer("job_id") }
    let borders = Dictionary(
      grouping: try snapshots.answer(Question(RunQueries.borders, [.integers(jobs)])).table.records,
      by: { $0.text("job_id") })
    let curves = view.curves.map { curve -> String in
      let rows = bands[curve.text("job_id")] ?? []
      func numbers(_ column: String) -> String {
        "[" + rows.map { Self.number($0.number(column)) }.joined(separator: ",") + "]"
      }
      let isSingle = rows.allSatisfy { $0.text("n") == "1" }
      var members = [
        ("run", curve.text("run_id")), ("job", curve.text("job_id")),
        ("label", JSONText.string(curve.text("label"))), ("last", curve.text("last_step")),
        ("x", numbers("step_from")), ("mean", numbers("mean")), ("bad", numbers("not_finite")),
      ]
      if !isSingle {
        members += [
          ("to", numbers("step_to")), ("n", numbers("n")), ("low", numbers("lowest")),
          ("high", numbers("highest")),
        ]
      }
      let own = (borders[curve.text("job_id")] ?? []).map { border in
        let words =
          "attempt \(border.text("epoch")) on \(border.text("worker_name"))"
          + (border["outcome"].map { ", after \($0) on \(border.text("before"))" } ?? "")
        return JSONText.object([
          ("step", border.text("from_step")), ("words", JSONText.string(words)),
        ])
      }
      return JSONText.object(members + [("borders", JSONText.array(own))])
    }
    let body = JSONText.object([
      ("name", JSONText.string(view.metric)), ("series", JSONText.array(curves)),
    ])
    return Reply(type: "application/json", Array(body.utf8))
  }

  /// Five significant digits; null for what is no number. A step is written whole.
  private static func number(_ value: Double?) -> String {
    guard let value, value.isFinite else { return "null" }
    if value == value.rounded(), abs(value) < 1e15 { return String(Int64(value)) }
    let scale = pow(10, 4 - floor(log10(abs(value))))
    let rounded = (value * scale).rounded() / scale
    return "\(rounded.isFinite ? rounded : value)"
  }

  /// The chart as `pra plot` draws it.
  private func drawing(_ view: ChartView) throws -> Reply {
    let bands = Dictionary(
      grouping: try snapshots.answer(view.question).table.records, by: { $0.text("job_id") })
    let series = view.curves.map { curve -> Chart.Series in
      let rows = bands[curve.text("job_id")] ?? []
      let points = rows.reduce(0) { $0 + ($1.number("n") ?? 0) }
      let label = curve.text("label")
      return Chart.Series(
        name: label.isEmpty ? view.metric : label,
        points: rows.map {
          (
            (($0.number("step_from") ?? 0) + ($0.number("step_to") ?? 0)) / 2,
            $0.number("mean") ?? .nan
          )
        },
        steps: Int((curve.integer("last_step") ?? 0) + 1),
        // One mean stands for so many points.
        smoothing: pow(view.smoothing, points / Double(max(1, rows.count))),
        band: rows.map {
          let from = $0.number("step_from") ?? 0
          return (
            from...max(from, $0.number("step_to") ?? 0), $0.number("lowest") ?? .nan,
            $0.number("highest") ?? .nan
          )
        })
    }
    let chart = Chart(
      title: view.runs.count == 1
        ? "\(view.metric), run \(view.runs[0])" : "\(view.metric) of \(view.runs.count) runs",
      xLabel: "step", yLabel: view.metric, series: series, isLogarithmic: view.isLogarithmic)
    return Reply(type: "image/svg+xml", Array(chart.svg().utf8))
  }

  /// A curve of the loss as small as a word.
  private func spark(_ query: Query) throws -> Reply {
    let job = try number(query["job"] ?? "", of: "job")
    let table = try snapshots.answer(Question(RunsQueries.spark, [.integer(job)])).table
    let values = table.records.compactMap { $0.number("mean") }.filter(\.isFinite)
    let (low, high) = (values.min() ?? 0, values.max() ?? 1)
    let points = values.enumerated().map { place, value in
      let x = 1 + 94 * Double(place) / Double(max(1, values.count - 1))
      let y = 22 - 20 * (value - low) / max(high - low, .leastNonzeroMagnitude)
      return "\(fixed(x, digits: 1)),\(fixed(y, digits: 1))"
    }
    let svg =
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"96\" height=\"24\"><polyline fill=\"none\" stroke=\"#2a8bc0\" "
      + "stroke-width=\"1.5\" points=\"\(points.joined(separator: " "))\"/></svg>"
    var reply = Reply(type: "image/svg+xml", Array(svg.utf8))
    // Its address holds the last step.
    reply.headers.append(("Cache-Control", "private, max-age=600"))
    return reply
  }
}

/// The view that a chart's address names, checked.
struct ChartView {
  let runs: [Int64]
  let metric: String
  let smoothing: Double
  let isLogarithmic: Bool
  /// The runs' series of that name.
  let curves: [Record]
  let question: Question

  init(_ query: Query, _ site: Site) throws {
    runs = try site.runNumbers(query)
    guard !runs.isEmpty else {
      throw BadRequest("no run", "runs: expected numbers of runs, as in runs=1,2")
    }
    metric = query["metric"] ?? "loss"
    func step(_ name: String) throws -> Int64? {
      guard let text = query[name] else { return nil }
      guard let number = Double(text), number.isFinite, abs(number) < 1e15 else {
        throw BadRequest("no such step", "\(name)=\(text): expected a step")
      }
      return Int64(max(0, number))
    }
    let (from, to) = (try step("from"), try step("to"))
    smoothing = Double(query["smooth"] ?? "0") ?? -1
    guard (0..<1).contains(smoothing) else {
      throw BadRequest(
        "no such smoothing", "smooth=\(query["smooth"]!): expected 0 to below 1, such as 0.9")
    }
    guard [nil, "log", "linear"].contains(query["y"]) else {
      throw BadRequest("no such scale", "y=\(query["y"]!): expected linear or log")
    }
    isLogarithmic = query["y"] == "log"
    let asked = Question(RunQueries.chartSeries, [.integers(runs), .text(metric)])
    curves = try site.snapshots.answer(asked).table.records
    guard !curves.isEmpty else {
      throw BadRequest(
        404, "no such series",
        "\(runs.count == 1 ? "run \(runs[0]) has" : "these runs have") no series '\(metric)'")
    }
    let points = max(60, min(800, 4800 / curves.count))
    question = Question(
      RunQueries.bands,
      [
        .integers(runs), .text(metric), .optional(from) { .integer($0) },
        .optional(to) { .integer($0) }, .integer(points),
      ])
  }
}
