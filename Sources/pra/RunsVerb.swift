// `pra runs`: the runs there are, with their figures.

import ArgumentParser
import Configuration
import JobQueue
import Postgres

struct Runs: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List runs with their figures, the newest first.",
    discussion: """
      loss is the mean over the end of the training (the last tenth of its steps, at most 100); evaluation is \
      the best Frechet distance of most images, with the number of images and its reference; images/s is that \
      of the last steps. A run that has begun and of which nothing is at work is shown as waiting, and counts as running for \
      --state; pra why says for what it waits.
      --where takes a setting or a figure with <, <=, >, >=, = or !=; a setting may be named by its last word. \
      --sort takes a setting, from the least on, or a figure, the best first.
      Example: pra runs --limit 10
      Example: pra runs --where 'lr>1e-3' --where method=pra --sort frechet.random-conv-32-v1
      """)

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
    if let wrong = state.first(where: { !RunSearch.allStates.contains($0) }) {
      throw ValidationError(
        "--state \(wrong): expected \(RunSearch.allStates.joined(separator: ", "))")
    }
    _ = try conditions.map(Self.condition)
  }

  func run() throws {
    let connection = try Database.connect(.read)
    var search = RunSearch(limit: Int64(limit))
    (search.states, search.name, search.users, search.tags) = (state, name, user, tag)
    (search.isArchived, search.isDeleted) = (archived, deleted)
    for text in conditions {
      let condition = try Self.condition(text)
      switch try connection.compared(condition.key, "--where \(text)") {
      case .setting(let place):
        search.conditions.append((place, condition.comparison, condition.value))
      case .figure(let name):
        let number = try named("--where \(text)") { try condition.number }
        let runs = try connection.runs(byFigure: name, condition.comparison, number)
        search.among = search.among.map { $0.filter(Set(runs).contains) } ?? runs
      }
    }
    switch try sort.map({ try connection.compared($0, "--sort \($0)") }) {
    case .setting(let place): search.orderSetting = place
    case .figure(let name): search.ranked = try connection.runs(byFigure: name, nil, nil)
    case nil: break
    }
    let ids = try connection.query(RunSearchQueries.page, search.parameters).map {
      try $0.integer("id")
    }
    try connection.show(
      RunListQueries.table, rows: RunListQueries.rows, [.integers(ids)], of: .run, output,
      omittingEmpty: true)
  }

  /// A term of `--where`, as in `lr>1e-3`.
  private static func condition(_ text: String) throws -> Condition {
    guard let condition = try named("--where \(text)", { try Condition(text) }) else {
      throw ValidationError(
        "--where \(text): expected a setting or a figure, one of < <= > >= = != and a value, as in lr>1e-3"
      )
    }
    return condition
  }
}

/// Puts the option before the message of a fault of what it was given.
private func named<Value>(_ option: String, _ body: () throws -> Value) throws -> Value {
  do {
    return try body()
  } catch let error as ConfigurationError {
    throw ValidationError("\(option): \(error)")
  }
}

extension Connection {
  /// Runs that have a figure, the best first, of all or of those for which a comparison holds.
  fileprivate func runs(byFigure name: String, _ comparison: String?, _ value: Double?) throws
    -> [Int64]
  {
    try query(
      RunSearchQueries.byFigure,
      [.text(name), .optional(comparison) { .text($0) }, .optional(value) { .double($0) }]
    ).map { try $0.integer("run_id") }
  }

  fileprivate func compared(_ word: String, _ option: String) throws -> Compared {
    try named(option) {
      try Compared(word) {
        try query(RunSearchQueries.figureNames).map { try $0.string("name") }
      }
    }
  }
}
