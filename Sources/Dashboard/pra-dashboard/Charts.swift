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
    case "nearest.png": return try sheets.nearestSheet(query, snapshots)
    default: return nil
    }
  }

  /// Curves for the chart's script: places on the axis, means, lowest and highest values, values that are not finite,
  /// and where attempts went on. With `after=STEP` only the bands from that step on, and how many were left out.
  /// Members that end in `_runs` are runs of equal values, each as the value and how often it stands there: `x_runs` of
  /// the differences of places, of the first one from 0, and `to_runs` of the widths, the end less the place.
  private func series(_ view: ChartView) throws -> Reply {
    let curves = try view.curves().map { curve -> String in
      let scale = curve.scale
      // A place in hours moves while an attempt is at work.
      let after = view.axis == .hours ? nil : view.after.map { Double($0) }
      let skip = after.map { step in curve.bands.prefix { $0.from < step }.count } ?? 0
      let bands = curve.bands[skip...]
      func numbers(_ values: [Double?]) -> String {
        "[" + values.map(Self.number).joined(separator: ",") + "]"
      }
      /// Places and ends. Those in hours lie as unevenly as the attempts went.
      func places(_ name: String, _ steps: [Double], less: [Double]) -> (String, String) {
        let found = steps.map(scale.position)
        guard view.axis == .hours else {
          return (name + "_runs", Self.runs(zip(found, less).map { $0 - $1 }))
        }
        return (
          name, "[" + found.map { Self.place($0, view.axis) }.joined(separator: ",") + "]"
        )
      }
      let starts = bands.map { scale.position($0.from) }
      var members = [
        ("run", "\(curve.run)"), ("job", "\(curve.job)"), ("label", JSONText.string(curve.label)),
        ("short", JSONText.string(curve.short)), ("place", "\(curve.place)"),
        ("dash", "\(curve.dash)"),
        ("seeds", "\(curve.members)"),
        ("last", Self.place(scale.position(Double(curve.last)), view.axis)),
        ("unit", Self.place(scale.position(1) - scale.position(0), view.axis)),
        ("at", Self.number(curve.bands.last?.from)), ("skip", "\(skip)"),
        ("edge", after.map { Self.place(scale.position($0), view.axis) } ?? "null"),
        places("x", bands.map(\.from), less: [0] + starts.dropLast()),
        ("mean", numbers(bands.map(\.mean))), ("bad_runs", Self.runs(bands.map(\.bad))),
      ]
      if view.smoothing > 0 {
        members.append(("line", numbers(Array(curve.smoothed(view.smoothing)[skip...]))))
      }
      if !curve.isOfPoints {
        members += [
          places("to", bands.map(\.to), less: starts), ("n_runs", Self.runs(bands.map(\.n))),
          ("low", numbers(bands.map(\.low))), ("high", numbers(bands.map(\.high))),
        ]
      }
      let borders = curve.borders.map { border in
        JSONText.object([
          ("x", Self.place(scale.position(border.step), view.axis)),
          ("step", Self.number(border.step)), ("words", JSONText.string(border.words)),
        ])
      }
      return JSONText.object(members + [("borders", JSONText.array(borders))])
    }
    let body = JSONText.object([
      ("name", JSONText.string(view.metric)), ("axis", JSONText.string(view.axis.title)),
      ("series", JSONText.array(curves)),
    ])
    return Reply(type: "application/json", Array(body.utf8))
  }

  /// Runs of equal values, of which steps and counts mostly are: each value, and how often it stands there.
  private static func runs(_ values: [Double]) -> String {
    var words: [String] = []
    var place = 0
    while place < values.count {
      let end = values[place...].firstIndex { $0 != values[place] } ?? values.count
      words += [number(values[place], digits: 15), String(end - place)]
      place = end
    }
    return "[" + words.joined(separator: ",") + "]"
  }

  /// Five significant digits; null for what is no number. A step is written whole.
  private static func number(_ value: Double?) -> String { number(value, digits: 5) }

  private static func number(_ value: Double?, digits: Double) -> String {
    guard let value, value.isFinite else { return "null" }
    if value == value.rounded(), abs(value) < 1e15 { return String(Int64(value)) }
    let scale = pow(10, digits - 1 - floor(log10(abs(value))))
    let rounded = (value * scale).rounded() / scale
    return "\(rounded.isFinite ? rounded : value)"
  }

  /// A place on an axis, on which neighbours must not fall together.
  private static func place(_ value: Double, _ axis: Axis) -> String {
    number(value, digits: axis == .hours ? 8 : 15)
  }

  /// The chart as `pra plot` draws it.
  private func drawing(_ view: ChartView) throws -> Reply {
    let series = try view.curves().map { curve -> Chart.Series in
      let scale = curve.scale
      return Chart.Series(
        name: curve.label.isEmpty ? view.metric : curve.label,
        points: curve.bands.map {
          (scale.position(($0.from + $0.to) / 2), $0.mean ?? .nan)
        },
        steps: Int(curve.last + 1), smoothing: view.smoothing, counts: curve.bands.map(\.n),
        band: curve.bands.map {
          let (from, to) = (scale.position($0.from), scale.position($0.to))
          return (from...max(from, to), $0.low ?? .nan, $0.high ?? .nan)
        }, place: curve.place)
    }
    let chart = Chart(
      title: view.runs.count == 1
        ? "\(view.metric), run \(view.runs[0])" : "\(view.metric) of \(view.runs.count) runs",
      xLabel: view.axis.title, yLabel: view.metric, series: series,
      isLogarithmic: view.isLogarithmic)
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
