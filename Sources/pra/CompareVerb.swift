// `pra compare`: runs side by side.

import ArgumentParser
import Files
import Foundation
import Postgres

struct Compare: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show the settings in which runs differ, with their metrics and evaluations.",
    discussion: """
      Prints a line for each setting that differs, then the last value of each metric and each \
      evaluation; * marks the best value of a line.
      Example: pra compare emoji emoji-clean --metric loss.rec
      """)

  @Argument(help: ArgumentHelp("Numbers or names of runs.", valueName: "run")) var runNames:
    [String]
  @Option(
    name: .customLong("metric"),
    help: "Name of a metric; may be repeated. By default the loss and its two main parts.")
  var metrics: [String] = []
  @Flag(help: "Print the settings that are equal, too.") var all = false
  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard runNames.count > 1 else { throw ValidationError("name two runs or more") }
  }

  func run() throws {
    let connection = try Database.connect(.read)
    let runs = try runNames.map { try connection.run(named: $0) }
    let ids = runs.map(\.id)
    let shown = "{\(ids.map(String.init).joined(separator: ","))}"
    let names = metrics.isEmpty ? ["loss", "loss.flow", "loss.rec"] : metrics
    let settings = try lines(
      connection.query(Queries.comparedSettings, [.text(shown)]), of: ids
    ).filter { all || Set($0.values).count > 1 }
    let values = try lines(
      connection.query(Queries.comparedMetrics, [.text(shown), .texts(names)]), of: ids)
    let refused = try refusals(
      connection.query(Queries.comparedRulers, [.text(shown)]))
    let evaluations = try lines(
      connection.query(Queries.comparedEvaluations, [.text(shown)]), of: ids
    ).filter { refused[$0.name] == nil }
    if output.json {
      printExactly(
        JSONText.array(
          runs.enumerated().map { i, run in
            func members(_ lines: [Line]) -> String {
              JSONText.object(lines.compactMap { line in line.values[i].map { (line.name, $0) } })
            }
            return JSONText.object([
              ("run", String(run.id)), ("name", JSONText.string(run.name)),
              ("settings", members(settings)), ("metrics", members(values)),
              ("evaluations", members(evaluations)),
              (
                "not_compared",
                JSONText.object(
                  refused.sorted { $0.key < $1.key }.map { ($0.key, JSONText.string($0.value)) })
              ),
            ])
          }))
      return
    }
    if settings.isEmpty { print("the runs have the same settings") }
    let rows =
      settings.map { [$0.name] + $0.values.map { unquoted($0) } }
      + (values + evaluations).map { [$0.name] + $0.marked }
    print(Table(header: [""] + runs.map { "\($0.name) (\($0.id))" }, rows: rows))
    for (_, sentence) in refused.sorted(by: { $0.key < $1.key }) { print(sentence) }
  }

  /// The figures that were measured with different rulers, each with a sentence that says how these
  /// differ.
  private func refusals(_ rows: Rows) throws -> [String: String] {
    var found: [String: [String: [(run: Int64, value: String)]]] = [:]
    for row in rows {
      found[try row.string("metric"), default: [:]][try row.string("key"), default: []].append(
        (
          try row.integer("run_id"),
          try row.text("value").map { String($0.prefix(16)) } ?? "unknown"
        ))
    }
    var sentences: [String: String] = [:]
    for (metric, keys) in found {
      var differences: [String] = []
      for (key, values) in keys.sorted(by: { $0.key < $1.key })
      where Set(values.map(\.value)).count > 1 {
        let each = values.map { "\($0.value) in run \($0.run)" }.joined(separator: ", ")
        differences.append("\(key.replacing("_", with: " ")) \(each)")
      }
      guard !differences.isEmpty else { continue }
      sentences[metric] =
        "\(metric) is not compared, its figures were measured with different rulers: "
        + differences.joined(separator: "; ")
    }
    return sentences
  }

  /// Turns rows of name, run and JSON text into lines with one value per run.
  private func lines(_ rows: Rows, of ids: [Int64]) throws -> [Line] {
    var lines: [Line] = []
    for row in rows {
      let name = try row.string("name")
      if lines.last?.name != name {
        lines.append(
          Line(
            name: name, better: try row.text("better"),
            values: [String?](repeating: nil, count: ids.count)))
      }
      for (i, id) in ids.enumerated() where id == (try row.integer("run_id")) {
        lines[lines.count - 1].values[i] = try row.text("value")
      }
    }
    return lines
  }
}

/// A line of the comparison, with a JSON text for each run that has it.
private struct Line {
  let name: String
  /// `up` or `down` if higher or lower values are better.
  let better: String?
  var values: [String?]

  /// Values for people, the best with a star.
  var marked: [String] {
    let numbers = values.map { $0.flatMap { Double($0) } }
    let finite = numbers.compactMap { $0 }.filter(\.isFinite)
    let best = better == "up" ? finite.max() : finite.min()
    let isTie = Set(finite).count < 2
    return zip(values, numbers).map { value, number in
      guard let number else { return unquoted(value) }
      return number.formatted(.number.precision(.significantDigits(1...5)).grouping(.never))
        + (number == best && !isTie ? " *" : "")
    }
  }
}

private func unquoted(_ value: String?) -> String {
  guard let value else { return "-" }
  return value.hasPrefix("\"") && value.hasSuffix("\"") && value.count > 1
    ? String(value.dropFirst().dropLast()) : value
}
