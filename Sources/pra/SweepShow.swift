// `pra sweep show`: the runs of a sweep, the best first.

import ArgumentParser
import Configuration
import Files
import Foundation
import JobQueue
import Postgres

struct ShowSweep: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show",
    abstract: "Show the runs of a sweep with their settings and a figure, the best first.",
    discussion: """
      Without --by the figure is the Frechet distance that most of its runs have, or else the loss at its end. * \
      marks the best. Of runs that differ in their seed alone a second table has the mean and the standard \
      deviation, the best mean first.
      Example: pra sweep show sw --by reconstruction.psnr
      """)

  @Argument(help: "Name of the sweep.") var name: String
  @Option(help: "An evaluation, or a series, of which the value at its end is taken.") var by:
    String?
  @Flag(help: "Print JSON.") var json = false

  private struct Member {
    let run: NamedRun
    let state: String
    let figure: Double?
    var settings: [String]
  }

  func run() throws {
    let connection = try Database.connect(.read)
    let name = name.hasPrefix("sweep=") ? String(name.dropFirst("sweep=".count)) : name
    // Refuses one that is not there, or whose runs are all deleted.
    _ = try connection.runs(named: ["sweep=\(name)"])
    let sweep = try connection.query(RunQueries.sweepByName, [.text(name)]).single()
    let id = Parameter.integer(try sweep.integer("id"))
    let keys = try connection.query(RunQueries.sweepKeys, [id]).map { try $0.string("key") }
    let figure =
      try by ?? connection.query(RunQueries.sweepFigure, [id]).first?.string("metric") ?? "loss"
    let settings = try connection.query(RunQueries.sweepSettings, [id]).reduce(
      into: [Int64: [String]]()
    ) { all, row in
      all[try row.integer("run_id"), default: []].append(try row.text("value") ?? "")
    }
    let rows = try connection.query(RunQueries.sweepMembers, [id, .text(figure)])
    let members = try rows.map { row in
      let run = (id: try row.integer("id"), name: try row.string("name"))
      return Member(
        run: run, state: try row.string("state"), figure: try row.optionalDouble("figure"),
        settings: settings[run.id] ?? [])
    }
    if let by, members.allSatisfy({ $0.figure == nil }) {
      // Nobody knows the figures of runs that have not begun.
      let known =
        try connection.query(RunSearchQueries.figureNames).map { try $0.string("name") }
        + MetricSeries.ofAnyTraining
      let near =
        known.contains(by)
        ? nil : nearest(to: by, among: known).map { "; did you mean '\($0)'?" }
      throw NotFound(message: "--by \(by): no run of sweep '\(name)' has it yet\(near ?? "")")
    }
    let greaterIsBetter = try rows.first?.boolean("greater_is_better") ?? false
    let means = Self.means(members, keys, greaterIsBetter: greaterIsBetter)
    guard !json else { return printJSON(members, keys, figure, means) }
    printTable(members, keys, figure)
    if !means.isEmpty { printMeans(means, keys, figure) }
  }

  /// Runs of equal settings but for their seeds.
  private struct SeedGroup {
    /// Those of the keys that are no seeds.
    let settings: [String]
    var runs: [NamedRun] = []
    var figures: [Double] = []

    var mean: Double? {
      figures.isEmpty ? nil : figures.reduce(0, +) / Double(figures.count)
    }

    /// The standard deviation of a sample; nil of a single figure.
    var deviation: Double? {
      guard let mean, figures.count > 1 else { return nil }
      let squares = figures.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
      return (squares / Double(figures.count - 1)).squareRoot()
    }
  }

  /// Settings that choose random numbers alone.
  private static let seedKeys: Set = ["seed", "sampling.seed", "seeds"]

  /// The groups, the best mean first; none where no two runs differ in their seeds alone.
  private static func means(
    _ members: [Member], _ keys: [String], greaterIsBetter: Bool
  ) -> [SeedGroup] {
    guard keys.contains(where: seedKeys.contains) else { return [] }
    var groups: [SeedGroup] = []
    for member in members {
      let settings = zip(keys, member.settings).filter { !seedKeys.contains($0.0) }.map(\.1)
      let place =
        groups.firstIndex { $0.settings == settings } ?? groups.count
      if place == groups.count { groups.append(SeedGroup(settings: settings)) }
      groups[place].runs.append(member.run)
      if let figure = member.figure { groups[place].figures.append(figure) }
    }
    guard groups.contains(where: { $0.runs.count > 1 }) else { return [] }
    return groups.sorted { one, other in
      guard let mean = one.mean, let others = other.mean else {
        return one.mean != nil && other.mean == nil
      }
      return greaterIsBetter ? mean > others : mean < others
    }
  }

  private func printMeans(_ means: [SeedGroup], _ keys: [String], _ figure: String) {
    let isTie = Set(means.compactMap(\.mean)).count < 2
    let rows = means.enumerated().map { place, group in
      let mean = group.mean.map { Self.shown($0) + (place == 0 && !isTie ? " *" : "") }
      return group.settings + [
        "\(group.figures.count) of \(group.runs.count)", mean ?? "",
        group.deviation.map(Self.shown) ?? "",
      ]
    }
    print("")
    print(
      Table(
        header: keys.filter { !Self.seedKeys.contains($0) }
          + ["seeds", "mean \(figure)", "deviation"], rows: rows))
  }

  private static func shown(_ value: Double) -> String {
    value.formatted(.number.precision(.significantDigits(1...5)).grouping(.never))
  }

  private func printTable(_ members: [Member], _ keys: [String], _ figure: String) {
    let isTie = Set(members.compactMap(\.figure)).count < 2
    let rows = members.enumerated().map { place, member in
      let value = member.figure.map {
        Self.shown($0) + (place == 0 && !isTie ? " *" : "")
      }
      return [String(member.run.id)] + member.settings + [member.state, value ?? ""]
    }
    print(Table(header: ["run"] + keys + ["state", figure], rows: rows))
  }

  private func printJSON(
    _ members: [Member], _ keys: [String], _ figure: String, _ means: [SeedGroup]
  ) {
    printExactly(
      JSONText.object([
        ("sweep", JSONText.string(name)), ("by", JSONText.string(figure)),
        (
          "runs",
          JSONText.array(
            members.map { member in
              JSONText.object(
                JSONText.members(of: member.run) + [
                  ("state", JSONText.string(member.state)),
                  (
                    "settings",
                    JSONText.object(zip(keys, member.settings).map { ($0, JSONText.string($1)) })
                  ), ("value", member.figure.map(JSONText.number) ?? "null"),
                ])
            })
        ),
        ("over_seeds", JSONText.array(means.map { json($0, keys) })),
      ]))
  }

  private func json(_ group: SeedGroup, _ keys: [String]) -> String {
    let names = keys.filter { !Self.seedKeys.contains($0) }
    return JSONText.object([
      (
        "settings", JSONText.object(zip(names, group.settings).map { ($0, JSONText.string($1)) })
      ), ("runs", JSONText.array(group.runs.map { String($0.id) })),
      ("values", String(group.figures.count)),
      ("mean", group.mean.map(JSONText.number) ?? "null"),
      ("deviation", group.deviation.map(JSONText.number) ?? "null"),
    ])
  }
}
