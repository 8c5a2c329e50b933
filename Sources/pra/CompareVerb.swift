// `pra compare`: runs side by side.

import ArgumentParser
import Files
import Foundation
import JobQueue
import Postgres

struct Compare: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show the settings in which runs differ, with their metrics and evaluations.",
    discussion: """
      Prints a line for each setting that differs; how the images were drawn that the evaluations are of; then of \
      each metric the value at its end (the mean of the last tenth of the steps, at most 100) and the best one; and \
      each evaluation. * marks the best value of a line, but for losses of runs whose loss means something else \
      and for means of different numbers of steps. A run that begins with weights has one line for them.
      All evaluations of a run are of one sampling run, the newest; --job chooses another. Figures of different \
      rulers, such as another number of images, are not compared.
      Example: pra compare emoji emoji-clean --metric loss.rec
      """)

  @OptionGroup var targets: RunTargets
  @Option(
    name: .customLong("metric"),
    help: "Name of a metric; may be repeated. By default the loss and its two main parts.")
  var metrics: [String] = []
  @Option(
    name: .customLong("job"),
    help: "Number of a sampling job whose figures are compared; may be repeated, for other runs.")
  var samplings: [Int64] = []
  @Flag(help: "Print the settings that are equal, too.") var all = false
  @OptionGroup var output: OutputOptions

  func run() throws {
    let connection = try Database.connect(.read)
    let runs = try connection.runs(named: targets.names)
    guard runs.count > 1 || targets.names.count > 1 else {
      throw ValidationError("name two runs or more, or a sweep of some")
    }
    try connection.requireSeries(metrics, of: runs)
    let ids = runs.map(\.id)
    let shown = Parameter.integers(ids)
    let names = metrics.isEmpty ? ["loss", "loss.flow", "loss.rec"] : metrics
    let chosen = try chosenSamplings(of: runs, connection)
    let drawn = Parameter.integers(chosen.map(\.job))
    let settings = try lines(connection.query(RunSearchQueries.settings, [shown]), of: ids)
    let values = try lines(
      connection.query(
        SamplingQueries.comparedMetrics,
        [shown, .texts(names), .integers(chosen.compactMap(\.train))]),
      of: ids)
    let drawing = try lines(
      connection.query(SamplingQueries.samplingLines, [shown, drawn]), of: ids)
    let rows = try connection.query(SamplingQueries.comparedEvaluations, [shown, drawn])
    let refused = try refusals(rows)
    let comparison = Comparison(
      runs: runs, settings: all ? settings : settings.filter(\.differs), drawing: drawing,
      metrics: Self.unstarred(values, settings),
      evaluations: try lines(rows, of: ids).filter { refused[$0.name] == nil }, refused: refused)
    output.json ? printExactly(comparison.json) : comparison.printTable()
  }

  /// The sampling run of each run whose figures are compared. Others are named on standard error.
  private func chosenSamplings(
    of runs: [NamedRun], _ connection: Connection
  ) throws -> [(job: Int64, train: Int64?)] {
    let rows = try connection.query(
      SamplingQueries.comparedSamplings, [.integers(runs.map(\.id)), .integers(samplings)])
    var chosen: [(job: Int64, train: Int64?)] = []
    for row in rows {
      let job = try row.integer("job_id")
      chosen.append((job, try row.optionalInteger("train_job")))
      let others = try row.string("others")
      if !others.isEmpty, !samplings.contains(job) {
        complain(
          "pra: run \(try row.string("run_id")): figures of the images of job \(job); --job chooses those of \(others)"
        )
      }
    }
    if let wrong = samplings.first(where: { job in !chosen.contains { $0.job == job } }) {
      throw NotFound(message: "--job \(wrong): is no sampling job of these runs that was evaluated")
    }
    return chosen
  }

  /// Losses of runs whose methods or weights of loss differ mean different things: none is best.
  private static func unstarred(_ values: [Line], _ settings: [Line]) -> [Line] {
    let values = values.map { line in
      // Means of different numbers of steps are of different noise and of different parts of a training.
      values.contains { $0.name == "\(line.name): mean of so many steps" && $0.differs }
        ? Line(name: line.name, better: nil, values: line.values) : line
    }
    let isComparable = !settings.contains {
      ($0.name == "method" || $0.name.hasPrefix("loss.")) && $0.differs
    }
    return isComparable
      ? values
      : values.map {
        $0.name.hasPrefix("loss") ? Line(name: $0.name, better: nil, values: $0.values) : $0
      }
  }

  /// The figures that were measured with different rulers, each with a sentence that says how these
  /// differ.
  private func refusals(_ rows: Rows) throws -> [String: String] {
    var found: [String: [(run: Int64, ruler: [String: String])]] = [:]
    for row in rows {
      let ruler = try row.text("ruler").flatMap {
        try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
      }
      found[try row.string("name"), default: []].append(
        (try row.integer("run_id"), (ruler ?? [:]).mapValues { "\($0)" }))
    }
    return found.compactMapValues { figures in
      let keys = Set(figures.flatMap(\.ruler.keys)).sorted()
      let differences = keys.filter { key in Set(figures.map { $0.ruler[key] }).count > 1 }
      return differences.isEmpty
        ? nil
        : differences.map { key in
          let each = figures.map { "\(($0.ruler[key] ?? "unknown").prefix(16)) in run \($0.run)" }
          return "\(key.replacing("_", with: " ")) \(each.joined(separator: ", "))"
        }.joined(separator: "; ")
    }.reduce(into: [:]) { sentences, one in
      sentences[one.key] =
        "\(one.key) is not compared, its figures were measured with different rulers: \(one.value)"
    }
  }

  /// Turns rows of name, run and JSON text into lines with one value per run.
  private func lines(_ rows: Rows, of ids: [Int64]) throws -> [Line] {
    var lines: [Line] = []
    // No value of a setting is the better one.
    let areFigures = rows.columns.contains("better")
    for row in rows {
      let name = try row.string("name")
      if lines.last?.name != name {
        lines.append(
          Line(
            name: name, better: areFigures ? try row.text("better") : nil,
            values: [String?](repeating: nil, count: ids.count)))
      }
      for (i, id) in ids.enumerated() where id == (try row.integer("run_id")) {
        lines[lines.count - 1].values[i] = try row.text("value")
      }
    }
    return lines
  }
}

/// Everything that is printed of a comparison.
private struct Comparison {
  let runs: [NamedRun]
  let settings: [Line]
  let drawing: [Line]
  let metrics: [Line]
  let evaluations: [Line]
  let refused: [String: String]

  /// Characters of a cell; `--json` is whole.
  private static let widest = 48

  func printTable() {
    // The name of the weights, as "run 5, step 50", says what digests and file names would.
    let isNamed = settings.contains { $0.name == "init.name" && $0.differs }
    let settings = settings.filter {
      !isNamed || !$0.name.hasPrefix("init.") || $0.name == "init.name"
        || $0.name == "init.restart" && $0.values.contains("true")
    }
    if settings.isEmpty { print("the runs have the same settings") }
    func short(_ cell: String) -> String {
      cell.count > Self.widest ? cell.prefix(Self.widest - 3) + "..." : cell
    }
    let rows =
      (settings + drawing).map { [$0.name] + $0.values.map { unquoted($0) } }
      + (metrics + evaluations).map { [$0.name] + $0.marked }
    print(
      Table(
        header: [""] + runs.map { short("\($0.name) (\($0.id))") }, rows: rows.map { $0.map(short) }
      ))
    for (_, sentence) in refused.sorted(by: { $0.key < $1.key }) { print(sentence) }
  }

  var json: String {
    let documents = runs.enumerated().map { place, run in
      func members(_ lines: [Line]) -> String {
        JSONText.object(lines.compactMap { line in line.values[place].map { (line.name, $0) } })
      }
      return JSONText.object(
        JSONText.members(of: run) + [
          ("settings", members(settings)), ("sampling", members(drawing)),
          ("metrics", members(metrics)), ("evaluations", members(evaluations)),
          (
            "not_compared",
            JSONText.object(
              refused.sorted { $0.key < $1.key }.map { ($0.key, JSONText.string($0.value)) })
          ),
        ])
    }
    return JSONText.array(documents)
  }
}

/// A line of the comparison, with a JSON text for each run that has it.
private struct Line {
  let name: String
  /// `up` or `down` if higher or lower values are better.
  let better: String?
  var values: [String?]

  var differs: Bool { Set(values).count > 1 }

  /// Values for people, the best with a star.
  var marked: [String] {
    let numbers = values.map { $0.flatMap { Double($0) } }
    let finite = numbers.compactMap { $0 }.filter(\.isFinite)
    let best = better.flatMap { $0 == "up" ? finite.max() : finite.min() }
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
