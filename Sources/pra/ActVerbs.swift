// Verbs that change jobs, runs and queues.

import ArgumentParser
import Files
import JobQueue
import Postgres

struct Cancel: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Cancel jobs, or all jobs of a run or a sweep; running jobs are stopped.",
    discussion: """
      Jobs of a run are cancelled some thousands at a time. Interrupted, the verb leaves the rest as it is, and goes \
      on when it is called again.
      Example: pra cancel 12 --with-dependents
      Example: pra cancel emoji
      """)

  @OptionGroup var target: JobsOrRun
  @Flag(help: "Cancel the jobs that wait for it, too.") var withDependents = false

  func validate() throws {
    guard target.runName == nil || !withDependents else {
      throw ValidationError(
        "--with-dependents has no effect on a run, of which every job is cancelled")
    }
  }

  func run() throws {
    let connection = try Database.connect(.submit)
    if let runName = target.runName {
      return try cancel(try connection.runs(named: [runName]), connection)
    }
    var touched: Int64 = 0
    for job in target.jobs {
      let count = try connection.onJob(job, orRunBy: "cancel --run") {
        try SubmitQueue(connection).cancel(job, withDependents: withDependents)
      }
      touched += count
      if count == 0 {
        let state = try SubmitQueue(connection).state(of: job)
        print(
          "job \(job) \(state == .running ? "was asked to stop before" : "is \(state.rawValue) already")"
        )
      }
    }
    print("cancelled \(counted(touched, "job"))")
  }

  private func cancel(_ runs: [NamedRun], _ connection: Connection) throws {
    var touched = runs.map { _ in Int64(0) }
    func cancelJobs(ofRunAt place: Int) throws {
      touched[place] += try connection.inPieces(
        Queries.liveJobs, ofRun: runs[place].id, "cancelled"
      ) {
        try SubmitQueue(connection).cancel(many: $0)
      }
    }
    for place in runs.indices { try cancelJobs(ofRunAt: place) }
    // A data set that only these runs wait for goes when none of them waits any more.
    if runs.count > 1 {
      let left = Set(
        try connection.query(Queries.runsAtWork, [.integers(runs.map(\.id))]).map {
          try $0.integer("run_id")
        })
      for place in runs.indices where left.contains(runs[place].id) {
        try cancelJobs(ofRunAt: place)
      }
    }
    for (run, touched) in zip(runs, touched) {
      for row in try connection.query(TrainedQueries.neededElsewhere, [.integer(run.id)]) {
        complain(
          "pra: job \(try row.string("id")) goes on: run \(try row.string("run")) waits for its data set too"
        )
      }
      print("cancelled \(counted(touched, "job")) of run \(run.id) (\(run.name))")
    }
  }
}

struct Retry: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run jobs that did not succeed again, or all such jobs of a run or a sweep.",
    discussion: """
      These are failed, cancelled and quarantined jobs. Jobs that wait for a retried job start when it \
      succeeds.
      Example: pra retry emoji
      """)

  @OptionGroup var target: JobsOrRun

  func run() throws {
    let connection = try Database.connect(.submit)
    for run in try target.runName.map({ try connection.runs(named: [$0]) }) ?? [] {
      let retried = try connection.inPieces(Queries.badJobs, ofRun: run.id, "retried") {
        try SubmitQueue(connection).retry(many: $0)
      }
      print(
        retried == 0
          ? "no job of run \(run.id) (\(run.name)) has ended badly"
          : "retried \(counted(retried, "job")) of run \(run.id) (\(run.name))")
    }
    for job in target.jobs {
      let state = try connection.onJob(job, orRunBy: "retry --run") {
        try SubmitQueue(connection).retry(job)
      }
      print("job \(job) is \(state.rawValue)")
    }
  }
}

extension Connection {
  /// Acts on many jobs of a run, each piece in a transaction of its own, so that others wait for none of them long.
  /// Says how far it is when that takes more than a second.
  /// - Parameters:
  ///   - query: the numbers of some of the jobs, given the run, the last number done and the size of a piece
  ///   - done: the word for a job that was acted on
  /// - Returns: the sum of what the pieces return
  fileprivate func inPieces(
    _ query: String, ofRun run: Int64, _ done: String, _ act: ([Int64]) throws -> Int64
  ) throws -> Int64 {
    var (sum, last): (Int64, Int64) = (0, 0)
    let clock = ContinuousClock()
    var said = clock.now
    while true {
      let piece = try self.query(query, [.integer(run), .integer(last), .integer(Self.piece)]).map {
        try $0.integer("id")
      }
      guard let end = piece.last else { return sum }
      sum += try act(piece)
      last = end
      if said.duration(to: clock.now) > .seconds(1) {
        complain("pra: \(done) \(counted(sum, "job")) so far")
        said = clock.now
      }
    }
  }

  /// Jobs in one transaction: about half a second's work.
  private static var piece: Int { 5000 }
}

/// Either a run, the runs of a sweep, or a queue.
struct PauseTarget: ParsableArguments {
  @Argument(help: ArgumentHelp("Number or name of a run, or name of a sweep.", valueName: "run"))
  var runName: String?
  @Option(name: .customLong("run"), help: ArgumentHelp("The same.", valueName: "run")) var option:
    String?
  @Option(help: "Name of a queue, instead of a run.") var queue: String?

  func validate() throws {
    guard [runName, option, queue].count(where: { $0 != nil }) == 1 else {
      throw ValidationError("name a run or --queue, one of the two")
    }
  }

  func apply(
    run actOnRun: (SubmitQueue, Int64) throws -> Void,
    queue actOnQueue: (SubmitQueue, String) throws -> Void, _ done: String
  ) throws {
    let connection = try Database.connect(.submit)
    if let runName = runName ?? option {
      let runs = try connection.runs(named: [runName])
      try connection.transaction {
        for run in runs { try actOnRun(SubmitQueue(connection), run.id) }
      }
      for run in runs { print("\(done) run \(run.id) (\(run.name))") }
    } else if let queue {
      try actOnQueue(SubmitQueue(connection), queue)
      print("\(done) queue \(queue)")
    }
  }
}

struct Pause: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Start no more jobs of a run, a sweep or a queue; running jobs go on.",
    discussion: "Example: pra pause --queue default")
  @OptionGroup var target: PauseTarget

  func run() throws {
    try target.apply(run: { try $0.pause(run: $1) }, queue: { try $0.pause(queue: $1) }, "paused")
  }
}

struct Resume: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Start jobs of a paused run, sweep or queue again.",
    discussion: "Example: pra resume --queue default")
  @OptionGroup var target: PauseTarget

  func run() throws {
    try target.apply(
      run: { try $0.resume(run: $1) }, queue: { try $0.resume(queue: $1) }, "resumed")
  }
}

struct Preempt: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Ask a running job to write a checkpoint and go back to the queue; it costs no try.",
    discussion: "Example: pra preempt 12")
  @Argument(help: "Number of the job.") var job: Int64
  @Option(
    parsing: .unconditional,
    help: "Seconds after which the job is taken from its worker. (default: 60.0)",
    transform: OptionValue.seconds(0...))
  var grace = 60.0
  @Option(
    help: "The reason, as the job's history shows it.", transform: OptionValue.text(upTo: 1000))
  var reason: String?

  func run() throws {
    try SubmitQueue(try Database.connect(.submit)).preempt(
      job, grace: .milliseconds(Int(grace * 1000)), reason: reason)
    print("asked job \(job) to give way")
  }
}

struct SetPriority: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "priority",
    abstract: "Give jobs that have not ended, or those of a run or a sweep, another priority.",
    discussion: """
      Of an array all elements get it. A job that runs goes on; its priority counts again when it comes back to the line.
      Example: pra priority 12 --to 5
      Example: pra priority sw --to 5
      """)
  @OptionGroup var target: JobsOrRun
  @Option(
    parsing: .unconditional,
    help: "Jobs of a higher priority run first; from -1000000 to 1000000.",
    transform: OptionValue.priority)
  var to: Int

  func run() throws {
    let connection = try Database.connect(.submit)
    let queue = SubmitQueue(connection)
    for run in try target.runName.map({ try connection.runs(named: [$0]) }) ?? [] {
      let touched = try connection.inPieces(Queries.unfinishedJobs, ofRun: run.id, "moved") {
        try connection.query(Queries.setPriorityMany, [.integers($0), .integer(to)]).single()
          .integer("count")
      }
      print(
        "\(touched) job\(touched == 1 ? " has" : "s have") priority \(to) in run \(run.id) (\(run.name))"
      )
    }
    for job in target.jobs {
      try connection.onJob(job, orRunBy: "priority --run") { try queue.setPriority(job, to) }
      print("job \(job) has priority \(to)")
    }
  }
}
