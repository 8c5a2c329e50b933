// The filter of the list of runs, as in `method=pra lr>1e-3 state=failed emoji`.

import Configuration
import Files
import Pages
import Postgres

/// A term that is none, as a sentence.
struct FilterFault: Error {
  let message: String
}

/// Words and conditions, parsed into the parameters of `RunsQueries.page`.
struct RunFilter {
  let question: Question
  let isSorted: Bool
  let offset: Int64

  static let states = [
    "empty", "pending", "running", "lost", "paused", "blocked", "succeeded", "failed", "cancelled",
  ]

  /// - Throws: `FilterFault` that names the term; an error of the database
  init(_ query: Query, _ snapshots: Snapshots) throws {
    var (states, users, tags, words): ([String], [String], [String], [String]) = ([], [], [], [])
    var settings: [(key: String, comparison: String, value: String)] = []
    var met: Set<Int64>?
    for term in (query["find"] ?? "").split(whereSeparator: \.isWhitespace).map(String.init) {
      guard let match = term.wholeMatch(of: /([^<>=!]+)(<=|>=|!=|<|>|==?)(.*)/) else {
        words.append(term)
        continue
      }
      let (key, value) = (String(match.1), String(match.3))
      let comparison = match.2 == "==" ? "=" : String(match.2)
      guard !value.isEmpty else {
        throw FilterFault(message: "\(term): expected a value after \(comparison), as in lr>1e-3")
      }
      switch (key, comparison) {
      case ("state", "="):
        guard Self.states.contains(value) else {
          throw FilterFault(message: "\(term): expected \(Self.states.joined(separator: ", "))")
        }
        states.append(value)
      case ("user", "="): users.append(value)
      case ("tag", "="): tags.append(value)
      case ("name", "="): words.append(value)
      default:
        guard ["=", "!="].contains(comparison) || Double(value) != nil else {
          throw FilterFault(message: "\(term): expected a number after \(comparison)")
        }
        let place = try Self.place(of: key, in: term, snapshots)
        if place.isSetting {
          settings.append((place.name, comparison, value))
        } else {
          guard let number = Double(value) else {
            throw FilterFault(message: "\(term): expected a number after \(comparison)")
          }
          let runs = Set(try Self.runs(by: place.name, comparison, number, snapshots))
          met = met?.intersection(runs) ?? runs
        }
      }
    }
    let order = try query["sort"].map { try Self.place(of: $0, in: "sort by \($0)", snapshots) }
    let ranked = try order.flatMap {
      $0.isSetting ? nil : try Self.runs(by: $0.name, nil, nil, snapshots)
    }
    offset = try Self.number(query, "offset") ?? 0
    let before = try Self.number(query, "before")
    isSorted = order != nil
    question = Question(
      RunsQueries.page,
      [
        .texts(states), words.isEmpty ? .null : .text(words.joined(separator: " ")),
        .texts(settings.map(\.key)), .texts(settings.map(\.comparison)),
        .texts(settings.map(\.value)),
        .optional(met) { .integers($0.sorted()) }, .optional(ranked) { .integers($0) },
        .optional(order) { $0.isSetting ? .text($0.name) : .null },
        .optional(before) { .integer($0) },
        .integer(offset), .texts(users), .texts(tags),
      ])
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
        RunsQueries.byFigure,
        [.text(figure), .optional(comparison) { .text($0) }, .optional(value) { .double($0) }])
    ).table.records.compactMap { $0.integer("run_id") }
  }

  /// The place of a setting in a stored configuration, or the name of a figure; a setting may be named by its last word.
  private static func place(of word: String, in term: String, _ snapshots: Snapshots) throws -> (
    isSetting: Bool, name: String
  ) {
    let bare = word.hasPrefix("config.") ? String(word.dropFirst("config.".count)) : word
    let settings = Set(Key.settings.filter { !$0.isSection }.map(\.name))
    let all = Key.all.filter { !$0.isSection }.map(\.name)
    func place(_ name: String) -> (Bool, String) {
      (true, settings.contains(name) ? "config.\(name)" : name)
    }
    if all.contains(bare) { return place(bare) }
    let isFigure = try snapshots.answer(Question(RunsQueries.isFigure, [.text(word)])).table
    if isFigure.records[0].isTrue("known") { return (false, word) }
    let ends = all.filter { $0.hasSuffix(".\(bare)") }
    if ends.count == 1 { return place(ends[0]) }
    if ends.count > 1 {
      throw FilterFault(message: "\(term): '\(word)' may be \(ends.joined(separator: " or "))")
    }
    let words = all.map { String($0.split(separator: ".").last!) }
    let near = nearest(to: bare, among: all + words).map { "; did you mean '\($0)'?" } ?? ""
    throw FilterFault(message: "\(term): there is no setting and no figure '\(word)'\(near)")
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
