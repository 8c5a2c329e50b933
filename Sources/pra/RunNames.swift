// How runs are named on the command line: by number, by name, by the name of a sweep.

import ArgumentParser
import Configuration
import Postgres

/// A run that somebody has named.
typealias NamedRun = (id: Int64, name: String)

/// Contents of a run that a verb asks for.
enum RunContent: String {
  case anything, images, evaluations, metrics, checkpoints, comparison
  /// Checkpoints, or a training that has not ended.
  case weights

  /// As in "run 3 has no images".
  var words: String {
    switch self {
    case .comparison: "finished comparison"
    case .weights: "checkpoints"
    default: rawValue
    }
  }
}

extension Connection {
  /// Finds a run by number or name. A name is that of the newest run that has what is asked for, which
  /// is said where a newer one lacks it. `id=3` is a number alone.
  /// - Throws: `NotFound`; `ValidationError` for a word that is the number of one run and the name of
  ///   another, of the time when names could have digits alone
  func run(named word: String, with content: RunContent = .anything) throws -> NamedRun {
    let isNumber = word.wholeMatch(of: /(?:id=)?([0-9]+)/)
    let numbered = try isNumber.flatMap { Int64($0.1) }.flatMap { try run(numbered: $0) }
    let named = try query(RunQueries.byName, [.text(word), .text(content.rawValue)]).map { row in
      (
        run: (id: try row.integer("id"), name: try row.string("name")),
        has: try row.boolean("has")
      )
    }
    if let numbered, let other = named.first?.run, other.id != numbered.id {
      throw ValidationError(
        "'\(word)' is run \(word) and the name of run \(other.id); write id=\(word) or id=\(other.id)"
      )
    }
    if let numbered { return numbered }
    guard let newest = named.first?.run else {
      if let swept = try sweptRuns(word) {
        let which = swept.count == 1 ? "name that one" : "name one of them"
        throw ValidationError("'\(word)' is a sweep of \(Self.words(swept)); \(which)")
      }
      throw NotFound(message: "there is no run '\(word)'")
    }
    guard !named[0].has, let other = named.first(where: \.has)?.run else { return newest }
    complain(
      "pra: run \(newest.id) has no \(content.words); this is run \(other.id) of that name")
    return other
  }

  private func run(numbered id: Int64) throws -> NamedRun? {
    guard let row = try query(RunQueries.byNumber, [.integer(id)]).first else { return nil }
    guard try !row.boolean("deleted") else {
      throw NotFound(
        message: "run \(id) is deleted; `pra delete --undo \(id)` brings it back")
    }
    return (id, try row.string("name"))
  }

  /// Runs by number, name or sweep, each once and in the order in which they are named: a sweep stands
  /// for all its runs.
  /// - Throws: `NotFound`; `ValidationError` for a word that names a run and a sweep
  func runs(named words: [String], with content: RunContent = .anything) throws -> [NamedRun] {
    var found: [NamedRun] = []
    for word in words {
      for run in try sweptRuns(word) ?? [try run(named: word, with: content)]
      where !found.contains(where: { $0.id == run.id }) {
        found.append(run)
      }
    }
    return found
  }

  /// The runs of the newest sweep of a name; nil where there is none. `sweep=NAME` is a sweep alone.
  private func sweptRuns(_ word: String) throws -> [NamedRun]? {
    let isSaid = word.hasPrefix("sweep=")
    let name = isSaid ? String(word.dropFirst("sweep=".count)) : word
    guard let sweep = try query(RunQueries.sweepByName, [.text(name)]).first else {
      if isSaid { throw NotFound(message: "there is no sweep '\(name)'") }
      return nil
    }
    if !isSaid, let run = try query(RunQueries.byName, [.text(word), "anything"]).first {
      throw ValidationError(
        "'\(word)' is run \(try run.string("id")) and a sweep; write id=\(try run.string("id")) or "
          + "sweep=\(word)")
    }
    let runs = try query(RunQueries.runsOfSweep, [.integer(try sweep.integer("id"))]).map {
      (id: try $0.integer("id"), name: try $0.string("name"))
    }
    guard !runs.isEmpty else {
      throw NotFound(
        message:
          "all runs of sweep '\(name)' are deleted; `pra delete --undo sweep=\(name)` brings them back"
      )
    }
    return runs
  }

  /// Deleted runs by number, by name, which is that of the newest, or by sweep.
  /// - Throws: `NotFound`; `ValidationError` for a word that names a deleted run and a sweep with some
  func deletedRuns(named word: String) throws -> [Int64] {
    if let number = word.wholeMatch(of: /(?:id=)?([0-9]+)/).flatMap({ Int64($0.1) }) {
      return [number]
    }
    let isSaid = word.hasPrefix("sweep=")
    let name = isSaid ? String(word.dropFirst("sweep=".count)) : word
    let swept = try query(RunQueries.deletedOfSweep, [.text(name)]).map { try $0.integer("id") }
    let named =
      isSaid ? nil : try query(RunQueries.deletedByName, [.text(word)]).first?.integer("id")
    if let named, !swept.isEmpty {
      throw ValidationError(
        "'\(word)' is run \(named) and a sweep; write id=\(named) or sweep=\(word)")
    }
    if let named { return [named] }
    guard !swept.isEmpty else {
      let isSweep = try isSaid || !query(RunQueries.sweepByName, [.text(name)]).isEmpty
      throw NotFound(
        message: isSweep
          ? "there is no deleted run of a sweep '\(name)'" : "there is no deleted run '\(word)'")
    }
    return swept
  }

  /// As in "run 8", "runs 3 to 6", or "runs 3, 5, 8" with the number of further ones.
  private static func words(_ runs: [NamedRun]) -> String {
    let ids = runs.map(\.id)
    guard ids.count > 1 else { return "run \(ids[0])" }
    if ids.count > 2, ids[ids.count - 1] - ids[0] == Int64(ids.count - 1) {
      return "runs \(ids[0]) to \(ids[ids.count - 1])"
    }
    let rest = ids.count > 5 ? " and \(ids.count - 5) more" : ""
    return "runs \(ids.prefix(5).map(String.init).joined(separator: ", "))\(rest)"
  }

  /// The error of a run that lacks what is asked for; it names others of its name that have it.
  func lacks(_ content: RunContent, _ run: NamedRun, _ further: String = "") throws -> NotFound {
    NotFound(
      message:
        "run \(run.id) has no \(content.words)\(further)\(try others(like: run, with: content))")
  }

  /// The end of a sentence about a run that lacks something: the others of its name that have it.
  func others(like run: NamedRun, with content: RunContent) throws -> String {
    let others = try query(RunQueries.byName, [.text(run.name), .text(content.rawValue)])
      .filter { try $0.boolean("has") && $0.integer("id") != run.id }
      .prefix(3).map { try $0.string("id") }
    guard !others.isEmpty else { return "" }
    return "; run\(others.count == 1 ? "" : "s") \(others.joined(separator: ", ")) of that name "
      + (others.count == 1 ? "has some" : "have some")
  }

  /// Refuses series of `--metric` that none of the runs has.
  /// - Throws: `NotFound` that names the nearest
  func requireSeries(_ names: [String], of runs: [NamedRun]) throws {
    guard !names.isEmpty else { return }
    var known: Set<String> = []
    for run in runs {
      for row in try query(Queries.seriesOfRun, [.integer(run.id)]) {
        known.insert(try row.string("name"))
      }
    }
    // Nobody knows what runs that have not begun will have.
    if known.isEmpty { known = Set(MetricSeries.ofAnyTraining) }
    guard let wrong = names.first(where: { !known.contains($0) }) else { return }
    let near = nearest(to: wrong, among: known.sorted()).map { "; did you mean '\($0)'?" } ?? ""
    let which = runs.count == 1 ? "run \(runs[0].id) has" : "these runs have"
    throw NotFound(message: "--metric \(wrong): \(which) no such series\(near)")
  }

  /// The run into which a new job is put. A cancelled one takes a job only where its number says so.
  func runForJob(named word: String) throws -> Int64 {
    let found = try run(named: word)
    guard word.wholeMatch(of: /(?:id=)?[0-9]+/) == nil else { return found.id }
    let open = try query(RunQueries.openByName, [.text(word)])
    guard let newest = open.first else {
      throw ValidationError(
        "--run \(word): run \(found.id) is cancelled; --run \(found.id) puts the job into it all the same"
      )
    }
    let id = try newest.integer("id")
    if id != found.id {
      complain("pra: run \(found.id) is cancelled; the job is put into run \(id)")
    }
    return id
  }

  /// Refuses the run of a job's parent that was cancelled.
  func refuseCancelled(_ run: Int64, ofJob job: Int64) throws {
    guard try query(RunQueries.isCancelled, [.integer(run)]).single().boolean("cancelled") else {
      return
    }
    throw ValidationError(
      "job \(job) is of run \(run), which is cancelled; --run \(run) puts the job into it all the same, "
        + "--run with another run into that")
  }
}
