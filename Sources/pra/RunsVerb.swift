// `pra runs`: the runs there are, with their figures.

import ArgumentParser
import Configuration
import Postgres

struct Runs: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List runs with their figures, the newest first.",
    discussion: """
      loss is the mean over the end of the training (the last tenth of its steps, at most 100); evaluation is \
      the best Frechet distance of most images, with the number of images and its reference; images/s is that \
      of the last steps.
      --where takes a setting or a figure with <, <=, >, >=, = or !=; a setting may be named by its last word. \
      --sort takes a setting, from the least on, or a figure, the best first.
      Example: pra runs --limit 10
      Example: pra runs --where 'lr>1e-3' --where method=pra --sort frechet.random-conv-32-v1
      """)

  static let states = [
    "empty", "pending", "running", "lost", "paused", "blocked", "succeeded", "failed", "cancelled",
  ]

  @Option(
    parsing: .unconditional, help: "How many to list. (default: 50)", transform: OptionValue.rows)
  var limit = 50
  @Option(help: "A state; may be repeated.") var state: [String] = []
  @Option(help: "A part of the name.") var name: String?
  @Option(help: "The login that created them; may be repeated.") var user: [String] = []
  @Option(help: "A tag; of several a run has all.") var tag: [String] = []
  @Option(
    name: .customLong("where"), help: "A condition; of several all hold.")
  var conditions: [String] = []
  @Option(help: "A setting or a figure.") var sort: String?
  @Flag(help: "List archived runs, too.") var archived = false
  @Flag(help: "List the deleted runs alone.") var deleted = false
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if let wrong = state.first(where: { !Self.states.contains($0) }) {
      throw ValidationError("--state \(wrong): expected \(Self.states.joined(separator: ", "))")
    }
    _ = try conditions.map { try Condition($0) }
  }

  func run() throws {
    let connection = try Database.connect(.read)
    let terms = try conditions.map { text in
      let condition = try Condition(text)
      return (
        condition: condition,
        key: try connection.comparable(condition.key, "--where \(text)")
      )
    }
    let order = try sort.map { try connection.comparable($0, "--sort \($0)") }
    let settings = terms.filter(\.key.isSetting)
    // The runs that meet every figure.
    let met = try terms.filter { !$0.key.isSetting }.map { term in
      Set(
        try connection.runs(
          byFigure: term.key.name, term.condition.comparison,
          term.condition.number(of: term.key.name)))
    }.reduce(nil as Set<Int64>?) { $0?.intersection($1) ?? $1 }
    let ranked = try order.flatMap {
      $0.isSetting ? nil : try connection.runs(byFigure: $0.name, nil, nil)
    }
    var ids = try connection.query(
      RunListQueries.page,
      [
        .boolean(archived), .boolean(deleted), .texts(state), .optional(name) { .text($0) },
        .texts(user), .texts(tag), .texts(settings.map(\.key.name)),
        .texts(settings.map(\.condition.comparison)), .texts(settings.map(\.condition.value)),
        .optional(met) { .integers($0.sorted()) }, .optional(ranked) { .integers($0) },
        .optional(order) { $0.isSetting ? .text($0.name) : .null },
        state.isEmpty ? .integer(limit) : .null,
      ]
    ).map { try $0.integer("id") }
    if !state.isEmpty {
      ids = try connection.query(
        RunListQueries.ofStates, [.integers(ids), .texts(state), .integer(limit)]
      ).map { try $0.integer("id") }
    }
    try connection.show(
      RunListQueries.table, rows: RunListQueries.rows, [.integers(ids)], of: .run, output,
      omittingEmpty: true)
  }
}

/// A term of `--where`, as in `lr>1e-3`.
struct Condition {
  let key: String
  let comparison: String
  let value: String

  init(_ text: String) throws {
    guard let match = text.wholeMatch(of: /\s*([^<>=!\s]+)\s*(<=|>=|!=|<|>|==?)\s*(.*?)\s*/),
      !match.3.isEmpty
    else {
      throw ValidationError(
        "--where \(text): expected a setting or a figure, one of < <= > >= = != and a value, as in lr>1e-3"
      )
    }
    key = String(match.1)
    comparison = match.2 == "==" ? "=" : String(match.2)
    value = String(match.3)
    guard ["=", "!="].contains(comparison) || Double(value) != nil else {
      throw ValidationError("--where \(text): expected a number after \(comparison)")
    }
  }
}

extension Condition {
  /// The value of a condition on a figure.
  fileprivate func number(of figure: String) throws -> Double {
    guard let number = Double(value) else {
      throw ValidationError("--where \(figure)\(comparison)\(value): expected a number")
    }
    return number
  }
}

extension Connection {
  /// Runs that have a figure, the best first, of all or of those for which a comparison holds.
  fileprivate func runs(byFigure name: String, _ comparison: String?, _ value: Double?) throws
    -> [Int64]
  {
    try query(
      RunListQueries.runsByFigure,
      [.text(name), .optional(comparison) { .text($0) }, .optional(value) { .double($0) }]
    ).map { try $0.integer("run_id") }
  }

  /// The place of a setting in a stored configuration, or the name of a figure.
  /// - Throws: `ValidationError` that names the option and the nearest key
  fileprivate func comparable(_ word: String, _ option: String) throws -> (
    isSetting: Bool, name: String
  ) {
    let bare = word.hasPrefix("config.") ? String(word.dropFirst("config.".count)) : word
    let settings = Set(Key.settings.filter { !$0.isSection }.map(\.name))
    let all = Key.all.filter { !$0.isSection }.map(\.name)
    func place(_ name: String) -> (Bool, String) {
      (true, settings.contains(name) ? "config.\(name)" : name)
    }
    if all.contains(bare) { return place(bare) }
    if try query(RunListQueries.isFigure, [.text(word)]).single().boolean("known") {
      return (false, word)
    }
    let ends = all.filter { $0.hasSuffix(".\(bare)") }
    if ends.count == 1 { return place(ends[0]) }
    if ends.count > 1 {
      throw ValidationError("\(option): '\(word)' may be \(ends.joined(separator: " or "))")
    }
    let figures = try query(RunListQueries.figureNames).map { try $0.string("name") }
    // A setting may be named by its last word.
    let words = all.map { String($0.split(separator: ".").last!) }
    let near = nearest(to: bare, among: all + words + figures)
    throw ValidationError(
      "\(option): there is no setting and no figure '\(word)'"
        + (near.map { "; did you mean '\($0)'?" } ?? "; pra help keys lists the settings"))
  }
}
