// `pra logs`: the output of a job's stage.

import ArgumentParser
import Files
import Foundation
import Postgres
import RunStore

struct Logs: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print the log of a job, or of all jobs of a run.",
    discussion: """
      Of a run each line begins with its kind, job, attempt and worker.
      Example: pra logs 12 -f; pra logs emoji -f
      """)

  @Argument(
    help: ArgumentHelp(
      "Number of the job, or name of a run; id=3 for the run of that number.", valueName: "job"))
  var word: String?
  @Option(
    name: .customLong("run"), help: "Number or name of a run, for the log of all its attempts.")
  var runName: String?
  @Flag(name: .shortAndLong, help: "Print new lines until the job has ended.") var follow = false
  @Option(help: "Number of the attempt; by default the latest.") var attempt: Int64?
  @Flag(help: "Print one JSON object per line: job, attempt, ordinal, text.") var json = false

  private var id: Int64? { word.flatMap { Int64($0) } }

  func validate() throws {
    guard (word == nil) != (runName == nil) else {
      throw ValidationError("expected the number of a job, or a run")
    }
    guard attempt == nil || id != nil else {
      throw ValidationError("--attempt is of a job, not of a run")
    }
  }

  func run() throws {
    let connection = try Database.connect(.read)
    if let id {
      try show(job: id, connection)
    } else {
      try show(run: try connection.run(named: runName ?? word!).id, connection)
    }
  }

  private func show(run: Int64, _ connection: Connection) throws {
    var store = try Database.store(.read).connection
    var log = RunLog(run: run, isJSON: json)
    while true {
      if follow { try connection.settleOverdue() }
      let isActive = try connection.query(Queries.isActive, [.integer(run)]).single()
        .boolean("active")
      let hasShown = try log.show(connection, &store, patience: follow ? Self.patience : nil)
      guard follow, isActive || !log.isComplete else { return }
      if !hasShown { usleep(Self.pause) }
    }
  }

  private func show(job id: Int64, _ connection: Connection) throws {
    try connection.requireJob(id, orRunBy: "logs --run")
    try connection.refuseArray(id, has: "the logs")
    if let attempt {
      let found = try connection.query(Queries.attemptExists, [.integer(id), .integer(attempt)])
      guard !found.isEmpty else {
        throw NotFound(message: "job \(id) has no attempt \(attempt)")
      }
    }
    var store = try Database.store(.read).connection
    var last: (epoch: Int64, ordinal: Int64) = (0, -1)
    var quiet = 0
    while true {
      if follow { try connection.settleOverdue() }
      let job = try connection.query(Queries.jobState, [.integer(id)]).single()
      let latest = try job.integer("epoch")
      let epoch = attempt ?? latest
      if epoch != last.epoch {
        if last.epoch > 0 { complain("attempt \(epoch):") }
        last = (epoch, -1)
      }
      let chunks = try store.log(job: id, epoch: epoch, after: last.ordinal)
      for chunk in chunks {
        show(chunk, of: id)
        last.ordinal = chunk.ordinal
      }
      guard follow else { return }
      quiet = chunks.isEmpty ? quiet + 1 : 0
      // The agent sends the last lines shortly after the stage has committed its end.
      let hasEnded = try isFinal(job.string("state")) || latest > epoch
      if hasEnded && quiet > Self.patience { return }
      if chunks.isEmpty { usleep(Self.pause) }
    }
  }

  /// Microseconds between two looks, and the number of looks without news after the end: 1.5 s,
  /// while an agent sends new output twice a second.
  private static let pause: UInt32 = 300_000
  private static let patience = 5

  private func isFinal(_ state: String) -> Bool {
    ["succeeded", "failed", "cancelled", "quarantined"].contains(state)
  }

  private func show(_ chunk: LogChunk, of id: Int64) {
    guard json else {
      StandardOutput.write(chunk.bytes)
      return
    }
    let line = JSONText.object([
      ("job", String(id)), ("attempt", String(chunk.epoch)), ("ordinal", String(chunk.ordinal)),
      ("text", JSONText.string(String(decoding: chunk.bytes, as: UTF8.self))),
    ])
    printExactly(line)
  }
}
