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
      marks the best.
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
    let members = try connection.query(RunQueries.sweepMembers, [id, .text(figure)]).map { row in
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
    json ? printJSON(members, keys, figure) : printTable(members, keys, figure)
  }

  private func printTable(_ members: [Member], _ keys: [String], _ figure: String) {
    let isTie = Set(members.compactMap(\.figure)).count < 2
    let rows = members.enumerated().map { place, member in
      let value = member.figure.map {
        $0.formatted(.number.precision(.significantDigits(1...5)).grouping(.never))
          + (place == 0 && !isTie ? " *" : "")
      }
      return [String(member.run.id)] + member.settings + [member.state, value ?? ""]
    }
    print(Table(header: ["run"] + keys + ["state", figure], rows: rows))
  }

  private func printJSON(_ members: [Member], _ keys: [String], _ figure: String) {
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
      ]))
  }
}
