// Options that the verbs share which use a trained model: the training, the queue, and whether to wait.

import ArgumentParser
import Configuration
import JobKinds
import JobQueue
import Postgres

/// The training of a run.
struct TrainingOptions: ParsableArguments {
  @Option(help: "Name of the variant, of a run that compares several.") var variant: String?
  @Option(
    help: "Seed of the variant's training, where it is trained with several.",
    transform: OptionValue.whole(0...Int.max))
  var variantSeed: Int?

  func trained(_ run: String, _ connection: Connection) throws -> TrainedRun {
    try TrainedRun(named: run, variant: variant, seed: variantSeed.map { Int64($0) }, connection)
  }
}

/// Where jobs stand in line.
struct LineOptions: ParsableArguments {
  @Option(help: "Queue of the jobs. (default: default)", transform: OptionValue.queue) var queue =
    "default"
  @Option(
    parsing: .unconditional,
    help: "Jobs of a higher priority run first; from -1000000 to 1000000. (default: 0)",
    transform: OptionValue.priority)
  var priority = 0
}

/// Where jobs go.
struct SubmissionOptions: ParsableArguments {
  @OptionGroup var line: LineOptions
  @Flag(help: "Show progress until the jobs have ended; exit 1 if one failed.") var wait = false

  /// Enqueues a job and says by its number which one.
  func enqueue(
    _ arguments: some JobArguments, run: Int64, _ connection: Connection, array: JobArray? = nil
  ) throws -> Int64 {
    try arguments.validate()
    return try connection.enqueue(
      type(of: arguments).kind, run: run, arguments: arguments.json,
      after: arguments.parents.map { Int64($0) }, queue: line.queue, priority: line.priority
    ) { $0.array = array }
  }

  /// Prints the numbers of jobs, and waits for them if that is asked for.
  func finish(_ jobs: [Int64], run: Int64) throws {
    for job in jobs { print(job) }
    if wait { try Watcher(try Database.url(.read), runs: [run], jobs: jobs).watch() }
  }
}

extension JobArguments {
  /// The same with settings of the command line, checked.
  func set(_ settings: [String]) throws -> Self {
    var arguments = self
    for option in try settings.map({ try Override($0) }) {
      try option.blamed { try arguments.apply(option.nested, at: "") }
    }
    try arguments.validate()
    return arguments
  }
}

/// A sampling run's images: the job, or the array of them, that draws a training's newest images.
struct DrawnRun {
  let job: Int64
  let train: Int64
  let data: Int64
  let step: Int?
  /// Whether it draws some classes alone.
  let hasSomeClasses: Bool
  /// Whether the run has other sampling jobs that could be meant.
  let isOneOfSeveral: Bool

  /// - Parameter ofAllClasses: passes by jobs that draw some classes alone, and says so, where another job is there
  /// - Throws: `NotFound` for a run without such a job
  init(
    of run: (id: Int64, name: String), train: Int64?, job: Int64?, ofAllClasses: Bool = false,
    _ connection: Connection
  ) throws {
    let rows = try connection.query(
      TrainedQueries.sampleJobs, [.integer(run.id), .optional(train) { .integer($0) }])
    let usable = try rows.filter { row in
      if let job { return try row.integer("id") == job }
      // One that has ended badly draws nothing any more.
      return try !["failed", "cancelled", "quarantined"].contains(row.string("state"))
    }
    let whole = try ofAllClasses ? usable.first { try $0.text("classes") == nil } : nil
    if let whole, let passed = usable.first, try passed.integer("id") != whole.integer("id") {
      complain(
        "pra: job \(try passed.string("id")) has drawn some classes alone; these are the images of job "
          + "\(try whole.string("id"))")
    }
    guard let found = whole ?? usable.first else {
      let ended = try rows.first.map { row in
        let (id, state) = (try row.string("id"), try row.string("state"))
        return job == nil ? ": job \(id) is \(state), and pra retry \(id) draws its images" : ""
      }
      throw NotFound(
        message:
          "run \(run.id) (\(run.name)) has no \(job.map { "sample job \($0)" } ?? "drawn images")"
          + "\(ended ?? ""); pra sample \(run.id) draws some")
    }
    self.job = try found.integer("id")
    self.train = try found.optionalInteger("train") ?? 0
    data = try found.optionalInteger("data") ?? 0
    step = try found.optionalInteger("step").map(Int.init)
    hasSomeClasses = try found.text("classes") != nil
    isOneOfSeveral = usable.count > 1
  }

  /// Refuses to wait for images that never come.
  /// - Throws: `ConfigurationError`
  func refuseDead(_ connection: Connection) throws {
    guard let dead = try connection.query(Queries.deadParents, [.integers([job])]).first else {
      return
    }
    let (id, state) = (try dead.integer("id"), try dead.string("state"))
    throw ConfigurationError(
      id == job
        ? "job \(job) is \(state): its images do not come before pra retry \(job)"
        : "job \(job) waits for job \(id), which is \(state): its images do not come before pra retry \(id)"
    )
  }

  /// Says on standard error which of several sampling jobs is meant where none was named.
  func tellChoice(of run: NamedRun, _ connection: Connection) throws {
    guard isOneOfSeveral else { return }
    let words = try connection.samplings(ofRun: run.id).first { $0.jobs.contains(job) }?.words
    complain(
      "pra: run \(run.id) (\(run.name)): the images of \(words ?? "job \(job), not drawn yet"); "
        + "--job chooses another")
  }
}
