// Verbs that keep order among runs: rename, tag, note, archive.

import ArgumentParser
import Postgres

struct Rename: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Give a run another name.", discussion: "Example: pra rename emoji emoji-first")

  @Argument(help: ArgumentHelp("Number or name of the run.", valueName: "run")) var runName: String
  @Argument(help: "The new name.") var name: String

  func run() throws {
    let connection = try Database.connect(.submit)
    let found = try connection.run(named: runName)
    try connection.query(RunQueries.rename, [.integer(found.id), .text(name)])
    print("run \(found.id) is \(name), was \(found.name)")
  }
}

struct Tag: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Add tags to a run, or take them from it; prints those that it has.",
    discussion:
      "pra runs --tag lists the runs that have one.\nExample: pra tag emoji baseline paper")

  @Argument(help: ArgumentHelp("Number or name of the run.", valueName: "run")) var runName: String
  @Argument(help: "Tags of letters, digits and _ . : / + -") var tags: [String] = []
  @Flag(help: "Take them from it.") var remove = false

  func validate() throws {
    guard !remove || !tags.isEmpty else { throw ValidationError("--remove: name the tags") }
  }

  func run() throws {
    let connection = try Database.connect(tags.isEmpty ? .read : .submit)
    let found = try connection.run(named: runName)
    if tags.isEmpty {
      let has = try connection.query(RunQueries.tags, [.integer(found.id)]).single()
      print(try has.string("tags"))
      return
    }
    let none = Parameter.texts([])
    let has = try connection.query(
      RunQueries.tag,
      [.integer(found.id), remove ? none : .texts(tags), remove ? .texts(tags) : none]
    ).single()
    print(try has.string("tags"))
  }
}

struct Note: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Keep a text with a run, or print the one that it has.",
    discussion: "Example: pra note emoji \"diverged at 1200, lr too high\"")

  @Argument(help: ArgumentHelp("Number or name of the run.", valueName: "run")) var runName: String
  @Argument(help: "The text, in place of the one before; without it that one is printed.")
  var text: String?
  @Flag(help: "Take the text away.") var remove = false

  func validate() throws {
    guard !remove || text == nil else { throw ValidationError("--remove: give no text beside it") }
  }

  func run() throws {
    let isRead = text == nil && !remove
    let connection = try Database.connect(isRead ? .read : .submit)
    let found = try connection.run(named: runName)
    guard isRead else {
      try connection.query(
        RunQueries.setNote, [.integer(found.id), .optional(text) { .text($0) }])
      return
    }
    let note = try connection.query(RunQueries.note, [.integer(found.id)]).single().text("note")
    if let note { print(note) }
  }
}

struct ArchiveRuns: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "archive",
    abstract: "Put runs away, so that pra runs leaves them out; nothing of them is lost.",
    discussion: "pra runs --archived lists them, too.\nExample: pra archive toy-1 toy-2")

  @Argument(
    help: ArgumentHelp("Numbers or names of runs, or of sweeps.", valueName: "run"))
  var runNames: [String]
  @Flag(help: "Take them back.") var undo = false

  func run() throws {
    let connection = try Database.connect(.submit)
    let runs = try connection.runs(named: runNames)
    try connection.transaction {
      for run in runs {
        try connection.query(RunQueries.archive, [.integer(run.id), .boolean(!undo)])
      }
    }
    for run in runs { print("run \(run.id) (\(run.name)) is \(undo ? "back" : "archived")") }
  }
}
