// Verbs that keep order among runs: rename, tag, note, archive.

import ArgumentParser
import Postgres

struct Rename: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Give a run another name.", discussion: "Example: pra rename emoji emoji-first")

  @Argument(help: ArgumentHelp("Number or name of the run.", valueName: "run")) var position:
    String?
  @Argument(help: ArgumentHelp("The new name.", valueName: "name")) var second: String?
  @Option(
    name: .customLong("run"),
    help: ArgumentHelp("The run, where it is not named by position.", valueName: "run"))
  var option: String?

  private var words: DescribedRun { DescribedRun(option, position, second.map { [$0] } ?? []) }

  func validate() throws {
    guard words.run != nil, words.rest.count == 1 else {
      throw ValidationError("name a run and its new name")
    }
  }

  func run() throws {
    let connection = try Database.connect(.submit)
    let (found, name) = (try connection.run(named: words.run!), words.rest[0])
    try connection.query(RunQueries.rename, [.integer(found.id), .text(name)])
    print("run \(found.id) is \(name), was \(found.name)")
  }
}

struct Tag: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract:
      "Add tags to a run or the runs of a sweep, or take them away; prints those that each has.",
    discussion:
      "pra runs --tag lists the runs that have one.\nExample: pra tag emoji baseline paper")

  @Argument(help: ArgumentHelp("Number or name of the run, or name of a sweep.", valueName: "run"))
  var position: String?
  @Argument(help: ArgumentHelp("Tags of letters, digits and _ . : / + -", valueName: "tags"))
  var others: [String] = []
  @Option(
    name: .customLong("run"),
    help: ArgumentHelp("The run, where it is not named by position.", valueName: "run"))
  var option: String?
  @Flag(help: "Take them from it.") var remove = false

  func validate() throws {
    guard words.run != nil else { throw ValidationError("name a run") }
    guard !remove || !words.rest.isEmpty else {
      throw ValidationError("--remove: name the tags")
    }
  }

  private var words: DescribedRun { DescribedRun(option, position, others) }

  func run() throws {
    let tags = words.rest
    let connection = try Database.connect(tags.isEmpty ? .read : .submit)
    let runs = try connection.runs(named: [words.run!])
    let none = Parameter.texts([])
    let has = try connection.transaction {
      try runs.map { run in
        try connection.query(
          tags.isEmpty ? RunQueries.tags : RunQueries.tag,
          [.integer(run.id)]
            + (tags.isEmpty
              ? [] : [remove ? none : .texts(tags), remove ? .texts(tags) : none])
        ).single().string("tags")
      }
    }
    for (run, tags) in zip(runs, has) {
      print(runs.count == 1 ? tags : "run \(run.id) (\(run.name)): \(tags)")
    }
  }
}

struct Note: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Keep a text with a run, or print the one that it has.",
    discussion: "Example: pra note emoji \"diverged at 1200, lr too high\"")

  @Argument(help: ArgumentHelp("Number or name of the run.", valueName: "run")) var position:
    String?
  @Argument(
    help: ArgumentHelp(
      "The text, in place of the one before; without it that one is printed.", valueName: "text"))
  var second: String?
  @Option(
    name: .customLong("run"),
    help: ArgumentHelp("The run, where it is not named by position.", valueName: "run"))
  var option: String?
  @Flag(help: "Take the text away.") var remove = false

  func validate() throws {
    guard words.run != nil, words.rest.count <= 1 else {
      throw ValidationError("name a run and one text")
    }
    guard !remove || words.rest.isEmpty else {
      throw ValidationError("--remove: give no text beside it")
    }
  }

  private var words: DescribedRun { DescribedRun(option, position, second.map { [$0] } ?? []) }

  func run() throws {
    let text = words.rest.first
    let isRead = text == nil && !remove
    let connection = try Database.connect(isRead ? .read : .submit)
    let found = try connection.run(named: words.run!)
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

  @OptionGroup var targets: RunTargets
  @Flag(help: "Take them back.") var undo = false

  func validate() throws { try targets.requireSome() }

  func run() throws {
    let connection = try Database.connect(.submit)
    let runs = try connection.runs(named: targets.names)
    try connection.transaction {
      for run in runs {
        try connection.query(RunQueries.archive, [.integer(run.id), .boolean(!undo)])
      }
    }
    for run in runs { print("run \(run.id) (\(run.name)) is \(undo ? "back" : "archived")") }
  }
}

/// A run and the words that are said of it: with --run the first word is one of them.
private struct DescribedRun {
  let run: String?
  let rest: [String]

  init(_ option: String?, _ position: String?, _ others: [String]) {
    run = option ?? position
    rest = option == nil ? others : (position.map { [$0] } ?? []) + others
  }
}
