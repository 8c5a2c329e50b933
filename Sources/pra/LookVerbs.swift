// Verbs that show jobs, workers, and why a job waits.

import ArgumentParser
import Files
import Foundation
import JobKinds
import JobQueue
import Postgres

struct Jobs: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List jobs, the newest first.",
    discussion: """
      Jobs of deleted runs are left out.
      Example: pra jobs emoji --state failed
      Example: pra jobs --user ada --kind train --state running
      """)

  @OptionGroup var target: OptionalRunTarget
  @Option(help: "A state; may be repeated.") var state: [String] = []
  @Option(help: "The login that enqueued them; may be repeated.") var user: [String] = []
  @Option(help: "A kind, such as train; may be repeated.") var kind: [String] = []
  @Option(help: "A queue; may be repeated.", transform: OptionValue.queue) var queue: [String] = []
  @Option(help: "Number of an array, to list its parts, which are left out otherwise.") var array:
    Int64?
  @Option(
    parsing: .unconditional, help: "How many to list. (default: 100)", transform: OptionValue.rows)
  var limit = 100
  @OptionGroup var output: OutputOptions

  static let states = JobState.allCases.map(\.rawValue)

  func validate() throws {
    if let wrong = state.first(where: { !Self.states.contains($0) }) {
      throw ValidationError("--state \(wrong): expected \(Self.states.joined(separator: ", "))")
    }
    for kind in kind { _ = try JobKind(named: kind) }
  }

  func run() throws {
    let connection = try Database.connect(.read)
    let runs: [Int64?] = try target.name.map { try connection.runs(named: [$0]).map(\.id) } ?? [nil]
    if let array { try connection.requireJob(array) }
    // A page of each run: an index has the jobs of one in their order.
    let ids = try runs.flatMap { run in
      try connection.query(
        Queries.jobPage,
        [
          .optional(run) { .integer($0) }, .texts(state), .integer(limit),
          .optional(array) { .integer($0) }, .texts(user), .texts(kind), .texts(queue),
        ]
      ).map { try $0.integer("id") }
    }.sorted(by: >).prefix(limit)
    try connection.show(
      Queries.jobs, rows: Queries.jobRows, [.integers(Array(ids))], of: .job, output)
  }
}

struct ShowJob: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "job", abstract: "Show one job and its attempts.",
    discussion: "Example: pra job 12")

  @Argument(help: "Number of the job.") var id: Int64
  @OptionGroup var output: OutputOptions

  func run() throws {
    let connection = try Database.connect(.read)
    try connection.requireJob(id, orRunBy: "jobs --run")
    if output.json {
      let job = try connection.documents(Queries.job, [.integer(id)], of: .job)
      let attempts = try connection.documents(Queries.attemptRows, [.integer(id)])
      // One object of the list, without its last brace.
      printExactly("\(job.dropFirst().dropLast(2)),\"attempts\":\(attempts)}")
      return
    }
    let job = try connection.query(Queries.job, [.integer(id)])
    for (position, column) in job.columns.enumerated() {
      guard let value = job[0].text(at: position), !value.isEmpty else { continue }
      print("\(column.padding(toLength: 22, withPad: " ", startingAt: 0)) \(value)")
    }
    print("")
    print(Table(try connection.query(Queries.attempts, [.integer(id)])))
  }
}

struct Why: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Say why a job, or what waits of a run or a sweep, is not running.",
    discussion: """
      Of a run or a sweep the first hundred jobs that wait are explained.
      Example: pra why 12
      Example: pra why emoji
      """)

  @OptionGroup var target: JobsOrRun
  @OptionGroup var output: OutputOptions

  func run() throws {
    let connection = try Database.connect(.read)
    guard let name = target.runName else {
      for job in target.jobs { try connection.requireJob(job, orRunBy: "why --run") }
      try connection.show(
        target.jobs.count == 1 ? Queries.why : Queries.whyOfJobs, rows: Queries.whyRows,
        [.integers(target.jobs)], output)
      return
    }
    let runs = try connection.runs(named: [name])
    let jobs = try runs.flatMap { run in
      try connection.query(Queries.waitingJobs, [.integer(run.id)]).map { try $0.integer("id") }
    }.sorted().prefix(100)
    guard !jobs.isEmpty || output.json else {
      print(
        runs.count == 1 ? "nothing of run \(runs[0].id) waits" : "nothing of sweep \(name) waits")
      return
    }
    try connection.show(
      Queries.whyOfJobs, rows: Queries.whyRows, [.integers(Array(jobs))], output)
  }
}

struct Workers: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List workers, or end one whose host is gone.",
    discussion: """
      --dead is for hosts that are known to be gone: the jobs of such a worker run again at once, and not \
      only after its lease.
      Example: pra workers --all
      Example: pra workers --dead 3
      """)

  @Flag(help: "List workers that have ended, too.") var all = false
  @Option(
    help: ArgumentHelp("Number or name of a worker to end; may be repeated.", valueName: "worker"))
  var dead: [String] = []
  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard dead.isEmpty || !all && !output.json else {
      throw ValidationError("--all and --json have no effect with --dead")
    }
  }

  func run() throws {
    if !dead.isEmpty {
      let connection = try Database.connect(.submit)
      let queue = SubmitQueue(connection)
      for worker in try dead.map({ try connection.worker(named: $0) }) {
        let taken = try queue.declareDead(worker: worker)
        print("worker \(worker) is dead; \(counted(taken, "job")) taken from it")
      }
      return
    }
    try Database.connect(.read).show(
      Queries.workers, rows: Queries.workerRows, [.boolean(all)], of: .worker, output)
  }
}

struct Demand: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show how many places of workers the jobs in line could take now.",
    discussion: """
      A row for each queue, kind, requirements and time limit. An array wants a place for each part that may start, \
      a gang all of its places, and jobs with a limit no more than it has slots free; what is paused, delayed or \
      blocked wants none. possible is false where no live worker could ever take them; free counts the places of \
      those that could.
      Example: pra demand --json
      """)

  @Option(help: "A queue; may be repeated.", transform: OptionValue.queue) var queue: [String] = []
  @OptionGroup var output: OutputOptions

  func run() throws {
    try Database.connect(.read).show(
      Queries.demand, rows: Queries.demandRows, [.texts(queue)], output)
  }
}
