// The view that a chart's address names, checked, and its curves.

import Pages
import Postgres

/// A chart's address: runs, metric, axis, range, smoothing, scale, grouping.
struct ChartView {
  let runs: [Int64]
  let metric: String
  let axis: Axis
  let smoothing: Double
  let isLogarithmic: Bool
  /// Whether runs and variants that differ in their seeds alone are one curve.
  let isGrouped: Bool
  /// The step from which bands are asked for; nil for all.
  let after: Int64?
  /// The runs' series of that name, and each one's scale.
  private let series: [Record]
  private let scales: [StepScale]
  private let borders: [String: [Record]]
  let question: Question
  /// The version of the points of all its series.
  private let version: String
  private let snapshots: Snapshots

  init(_ query: Query, _ site: Site) throws {
    snapshots = site.snapshots
    runs = try site.runNumbers(query)
    guard !runs.isEmpty else {
      throw BadRequest("no run", "runs: expected numbers of runs, as in runs=1,2")
    }
    metric = query["metric"] ?? "loss"
    func choice(_ name: String, _ known: [String]) throws -> String {
      let word = query[name] ?? known[0]
      guard known.contains(word) else {
        throw BadRequest(
          "no such \(name)", "\(name)=\(word): expected \(known.joined(separator: ", "))")
      }
      return word
    }
    axis = Axis(rawValue: try choice("x", Axis.allCases.map(\.rawValue)))!
    isLogarithmic = try choice("y", ["linear", "log"]) == "log"
    isGrouped = try choice("group", ["none", "seeds"]) == "seeds"
    func place(_ name: String) throws -> Double? {
      guard let text = query[name] else { return nil }
      guard let number = Double(text), number.isFinite, abs(number) < 1e15 else {
        throw BadRequest("no such place", "\(name)=\(text): expected a number of the axis")
      }
      return max(0, number)
    }
    let (from, to) = (try place("from"), try place("to"))
    after = try place("after").map { Int64($0) }
    smoothing = Double(query["smooth"] ?? "0") ?? -1
    guard (0..<1).contains(smoothing) else {
      throw BadRequest(
        "no such smoothing", "smooth=\(query["smooth"]!): expected 0 to below 1, such as 0.9")
    }
    let asked = Question(RunQueries.chartSeries, [.integers(runs), .text(metric)])
    series = try snapshots.answer(asked).table.records
    guard !series.isEmpty else {
      throw BadRequest(
        404, "no such series",
        "\(runs.count == 1 ? "run \(runs[0]) has" : "these runs have") no series '\(metric)'")
    }
    let jobs = series.compactMap { $0.integer("job_id") }
    version = series.map { "\($0.text("points")) \($0.text("updated_at"))" }.joined(separator: "\n")
    borders = Dictionary(
      grouping: try snapshots.answer(Question(RunQueries.borders, [.integers(jobs)])).table.records,
      by: { $0.text("job_id") })
    scales = try Self.scales(series, axis, metric, snapshots)
    let ranges = zip(series, scales).map { one, scale in
      let last = one.integer("last_step") ?? 0
      return (
        // From its first step, so that no band begins before it.
        from.map { max(0, scale.step(at: $0, last: last)) } ?? one.integer("first_step") ?? 0,
        to.map { scale.step(at: $0, last: last) } ?? 1 << 60
      )
    }
    question = Question(
      RunQueries.bands,
      [
        .integers(jobs), .text(metric), .integers(ranges.map(\.0)), .integers(ranges.map(\.1)),
        .integer(Int64(max(60, min(800, 4800 / series.count)))),
      ])
  }

  private static func scales(
    _ series: [Record], _ axis: Axis, _ metric: String, _ snapshots: Snapshots
  ) throws -> [StepScale] {
    switch axis {
    case .step: return series.map { _ in StepScale(factor: 1) }
    case .since:
      return series.map { StepScale(factor: 1, first: $0.number("first_step") ?? 0) }
    case .images:
      return try series.map { one in
        guard let batch = one.number("batch"), batch > 0 else {
          throw BadRequest(
            "no images", "x=images: run \(one.text("run_id")) says no training.batch")
        }
        return StepScale(factor: batch)
      }
    case .hours:
      let asked = Question(
        RunQueries.hours, [.integers(series.compactMap { $0.integer("job_id") }), .text(metric)])
      let attempts = Dictionary(
        grouping: try snapshots.answer(asked).table.records, by: { $0.text("job_id") })
      return series.map { StepScale(attempts: attempts[$0.text("job_id")] ?? []) }
    }
  }

  /// The curves, in the order of their runs.
  func curves() throws -> [Curve] {
    let rows = Dictionary(
      grouping: try snapshots.answer(question, version: version).table.records,
      by: { $0.text("job_id") })
    var jobs: [Int64: Int] = [:]
    let all = zip(series, scales).map { one, scale -> Curve in
      let run = one.integer("run_id") ?? 0
      let nth = jobs[run, default: 0]
      jobs[run] = nth + 1
      let own = (borders[one.text("job_id")] ?? []).map { border in
        let words =
          "attempt \(border.text("epoch")) on \(border.text("worker_name"))"
          + (border["outcome"].map { ", after \($0) on \(border.text("before"))" } ?? "")
        return (step: border.number("from_step") ?? 0, words: words)
      }
      return Curve(
        run: run, job: one.integer("job_id") ?? 0, label: visible(one.text("label")),
        short: runs.count > 1 ? "\(run)" : visible(one["variant"] ?? ""),
        place: runs.count > 1 ? runs.firstIndex(of: run) ?? 0 : nth,
        dash: runs.count > 1 ? nth : 0, last: one.integer("last_step") ?? 0, scale: scale,
        bands: (rows[one.text("job_id")] ?? []).map(Band.init), borders: own)
    }
    guard isGrouped else { return all }
    var families: [String] = []
    var members: [String: [Curve]] = [:]
    for (one, curve) in zip(series, all) {
      let family = one.text("family")
      if members[family] == nil { families.append(family) }
      members[family, default: []].append(curve)
    }
    return families.map { family in
      let own = members[family]!
      guard own.count > 1 else { return own[0] }
      var median = Curve.median(of: own)
      median.label = "\(own[0].label), median of \(own.count) seeds"
      return median
    }
  }
}
