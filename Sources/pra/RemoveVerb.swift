// Removal of what finished runs have made.

import ArgumentParser
import Files
import Postgres

struct Remove: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rm",
    abstract:
      "Remove the checkpoints of finished runs, and what else is named; their numbers stay.",
    discussion: """
      Checkpoints, features and references go; --images takes the drawn images as well, --data the data sets \
      and the archives and weights that the runs were made from. Metrics, evaluations, logs and the history \
      of jobs stay, and so do bytes that another run refers to. The rest is deleted by the next pra gc after \
      its grace period.
      Example: pra rm emoji-old --images --dry-run
      """)

  @Argument(help: ArgumentHelp("Numbers or names of runs.", valueName: "run")) var runNames:
    [String]
  @Flag(help: "Remove the drawn images, too.") var images = false
  @Flag(help: "Remove the data sets and the files that the runs were made from, too.")
  var data = false
  @Flag(help: "Only print what would be removed.") var dryRun = false
  @Flag(help: "Print JSON.") var json = false

  func validate() throws {
    guard !runNames.isEmpty else { throw ValidationError("name a run") }
  }

  func run() throws {
    let connection = try Database.connect(.submit)
    let runs = try runNames.map { try connection.run(named: $0) }
    // All of them or none.
    let removed = try connection.transaction {
      try runs.map { run in
        (
          run: run,
          rows: try connection.query(
            Queries.removeRun,
            [.integer(run.id), .boolean(images), .boolean(data), .boolean(dryRun)])
        )
      }
    }
    for (run, rows) in removed {
      let found = try rows.map {
        (
          what: try $0.string("what"), number: try $0.integer("number"),
          bytes: try $0.integer("bytes")
        )
      }.filter { $0.number > 0 }
      if json {
        printExactly(
          JSONText.object([
            ("run", String(run.id)), ("dry", String(dryRun)),
            (
              "removed",
              JSONText.array(
                found.map {
                  JSONText.object([
                    ("what", JSONText.string($0.what)), ("number", String($0.number)),
                    ("bytes", String($0.bytes)),
                  ])
                })
            ),
          ]))
      } else if found.isEmpty {
        print("run \(run.id) (\(run.name)): nothing to remove")
      } else {
        let parts = found.map { "\($0.number) \($0.what) (\($0.bytes) bytes)" }
        print(
          "run \(run.id) (\(run.name)): \(dryRun ? "would remove" : "removed") "
            + parts.joined(separator: ", "))
      }
    }
  }
}
