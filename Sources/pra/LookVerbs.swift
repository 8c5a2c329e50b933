// What is there: runs, jobs, workers, logs.

import ArgumentParser
import Foundation
import Postgres

struct Runs: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "List runs, the newest first.")

  @Option(help: "How many.") var limit = 50
  @OptionGroup var output: OutputOptions

  func run() throws {
    try Database.connect(.read).show(Queries.runs, [.integer(limit)], output)
  }
}

struct Jobs: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List jobs, the newest first.",
    discussion: "Example: pra jobs --run emoji --state failed")

  @Option(name: .customLong("run"), help: "Number or name of a run.") var runName: String?
  @Option(help: "A state; several may be named.") var state: [String] = []
  @Option(help: "How many.") var limit = 100
  @OptionGroup var output: OutputOptions

  static let states = [
    "blocked", "ready", "running", "succeeded", "failed", "cancelled", "quarantined",
  ]

  func validate() throws {
    if let wrong = state.first(where: { !Self.states.contains($0) }) {
      throw ValidationError("--state \(wrong): expected \(Self.states.joined(separator: ", "))")
    }
  }

  func run() throws {
    let connection = try Database.connect(.read)
    let id = try runName.map { try connection.run(named: $0).id }
    try connection.show(
      Queries.jobs, [.optional(id) { .integer($0) }, .texts(state), .integer(limit)], output)
  }
}

struct ShowJob: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "job", abstract: "Show one job and its attempts.")

  @Argument(help: "Number of the job.") var id: Int64
  @OptionGroup var output: OutputOptions

  func run() throws {
    let connection = try Database.connect(.read)
    try connection.requireJob(id)
    if output.json {
      print(
        "{\"job\":\(try connection.jsonText(Queries.job, [.integer(id)])),"
          + "\"attempts\":\(try connection.jsonText(Queries.attempts, [.integer(id)]))}")
      return
    }
    let job = try connection.query(Queries.job, [.integer(id)])
    for (position, column) in job.columns.enumerated() {
      guard let value = job[0].text(at: position), !value.isEmpty else { continue }
      print("\(column.padding(toLength: 22, withPad: " ", startingAt: 0)) \(value)")
    }
    print("")
    try connection.show(Queries.attempts, [.integer(id)], output)
  }
}

struct Why: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Say why a job is not running.")

  @Argument(help: "Number of the job.") var id: Int64
  @OptionGroup var output: OutputOptions

  func run() throws {
    let connection = try Database.connect(.read)
    try connection.requireJob(id)
    try connection.show(Queries.why, [.integer(id)], output)
  }
}

struct Workers: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "List workers.")

  @Flag(help: "Those that have ended, too.") var all = false
  @OptionGroup var output: OutputOptions

  func run() throws {
    try Database.connect(.read).show(Queries.workers, [.boolean(all)], output)
  }
}

struct Logs: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Print what a job's stage has printed.")

  @Argument(help: "Number of the job.") var id: Int64
  @Flag(name: .shortAndLong, help: "Go on until the job has ended.") var follow = false
  @Option(help: "The attempt; without it the latest.") var attempt: Int64?

  func run() throws {
    let connection = try Database.connect(.read)
    try connection.requireJob(id)
    var store = try Database.store(.read)
    var last: (epoch: Int64, ordinal: Int64) = (0, -1)
    while true {
      let job = try connection.query(Queries.jobState, [.integer(id)]).single()
      let epoch = try attempt ?? job.integer("epoch")
      if epoch != last.epoch { last = (epoch, -1) }
      let chunks = try store.log(job: id, epoch: epoch, after: last.ordinal)
      for chunk in chunks {
        FileHandle.standardOutput.write(Data(chunk.bytes))
        last.ordinal = chunk.ordinal
      }
      let state = try job.string("state")
      if !follow || (chunks.isEmpty && state != "running" && state != "ready" && state != "blocked")
      {
        return
      }
      if chunks.isEmpty { usleep(300_000) }
    }
  }
}
