// The filter of the list of runs, as in `method=pra lr>1e-3 state=failed emoji`.

import Configuration
import Files
import JobQueue
import Pages
import Postgres

/// A term that is none, as a sentence.
struct FilterFault: Error {
  let message: String
}

/// Words and conditions, parsed into a search.
struct RunFilter {
  let question: Question
  let isSorted: Bool
  let offset: Int64

  /// Runs of a page.
  static let page = 100

  /// - Throws: `FilterFault` that names the term; an error of the database
  init(_ query: Query, _ snapshots: Snapshots) throws {
    // One more, which says that there are more.
    var search = RunSearch(limit: Int64(Self.page + 1))
    var words: [String] = []
    for term in (query["find"] ?? "").split(whereSeparator: \.isWhitespace).map(String.init) {
      guard let condition = try Self.named(term, { try Condition(term) }) else {
        words.append(term)
        continue
      }
      switch (condition.key, condition.comparison) {
      case ("state", "="):
        guard RunSearch.allStates.contains(condition.value) else {
          throw FilterFault(
            message: "\(term): expected \(RunSearch.allStates.joined(separator: ", "))")
        }
        search.states.append(condition.value)
      case ("user", "="): search.users.append(condition.value)
      case ("tag", "="): search.tags.append(condition.value)
      case ("name", "="): words.append(condition.value)
      default: try Self.add(condition, of: term, to: &search, snapshots)
      }
    }
    search.name = words.isEmpty ? nil : words.joined(separator: " ")
    search.offset = try Self.number(query, "offset") ?? 0
    search.before = try Self.number(query, "before")
    switch try query["sort"].map({ try Self.compared($0, "sort by \($0)", snapshots) }) {
    case .setting(let place): search.orderSetting = place
    case .figure(let name): search.ranked = try Self.runs(by: name, nil, nil, snapshots)
    case nil: break
    }
    isSorted = query["sort"] != nil
    offset = search.offset
    // The newest ones are those that the index has at its end; a search looks at all runs.
    question =
      ["find", "sort", "offset"].allSatisfy { query[$0] == nil }
      ? Question(
        RunsQueries.newest,
        [.optional(search.before) { .integer($0) }, .integer(search.limit)])
      : Question(RunSearchQueries.page, search.parameters)
  }

  private static func add(
    _ condition: Condition, of term: String, to search: inout RunSearch, _ snapshots: Snapshots
  ) throws {
    switch try compared(condition.key, term, snapshots) {
    case .setting(let place):
      search.conditions.append((place, condition.comparison, condition.value))
    case .figure(let name):
      let number = try named(term) { try condition.number }
      let runs = try runs(by: name, condition.comparison, number, snapshots)
      search.among = search.among.map { $0.filter(Set(runs).contains) } ?? runs
    }
  }

  private static func number(_ query: Query, _ name: String) throws -> Int64? {
    guard let text = query[name] else { return nil }
    guard let number = Int64(text), number >= 0, number < 1 << 31 else {
      throw FilterFault(message: "\(name)=\(text): expected a number")
    }
    return number
  }

  private static func runs(
    by figure: String, _ comparison: String?, _ value: Double?, _ snapshots: Snapshots
  ) throws -> [Int64] {
    try snapshots.answer(
      Question(
        RunSearchQueries.byFigure,
        [.text(figure), .optional(comparison) { .text($0) }, .optional(value) { .double($0) }])
    ).table.records.compactMap { $0.integer("run_id") }
  }

  private static func compared(_ word: String, _ term: String, _ snapshots: Snapshots) throws
    -> Compared
  {
    try named(term) {
      try Compared(word) {
        try snapshots.answer(Question(RunSearchQueries.figureNames)).table.records.map {
          $0.text("name")
        }
      }
    }
  }

  /// Puts the term before the message of a fault in it.
  private static func named<Value>(_ term: String, _ body: () throws -> Value) throws -> Value {
    do {
      return try body()
    } catch let error as ConfigurationError {
      throw FilterFault(message: "\(term): \(error)")
    }
  }
}

/// The settings of each preset, as a JSON object of objects.
let presetSettings: String = {
  let settings = Key.settings.filter { !$0.isSection }
  return JSONText.object(
    Preset.allCases.map { preset in
      (
        preset.rawValue,
        JSONText.object(
          settings.compactMap { key in
            (key.presets.first { $0.preset == preset }?.json ?? key.standard).map { (key.name, $0) }
          })
      )
    })
}()
