// `pra enqueue`: one job, or an array of them.

import ArgumentParser
import Configuration
import Digest
import Foundation
import JobKinds
import JobQueue
import Postgres

enum JobKindName {
  static let all = JobKind.allCases.map(\.rawValue)
  /// As help lists them: "ingest, train ... or compare."
  static let help = all.dropLast().joined(separator: ", ") + " or \(all.last!)."
}

struct Enqueue: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Enqueue one job, and print its number.",
    discussion: """
      docs/keys.md lists the arguments of each kind. An argument that is left out has its default; a \
      sample job's keys of sampling default to those of its train job. The job waits for all jobs that \
      its arguments name.
      Example: pra enqueue sample --set train=13 --set count=50000 --array 0-49999%8 --pack 500
      Example: pra enqueue train --run emoji --set data=12 --set config.preset=nano
      Example: pra enqueue features --file archive=samples.npz --file weights=inception.pth \
      --set parts=8 --array 0-7 --element part
      """)

  @Argument(help: "\(JobKindName.help)") var kind: String
  @Option(help: "A YAML or JSON file with arguments.") var config: String?
  @Option(name: .customLong("set"), help: "One argument: dotted.key=value.") var settings:
    [String] = []
  @Option(
    name: .customLong("file"),
    help: ArgumentHelp(
      "Store a file, or a folder as a tar, and set the argument to its SHA-256; may be repeated.",
      valueName: "key=path"))
  var files: [String] = []
  @Option(
    name: .customLong("run"),
    help:
      "Number or name of the run; by default that of the first job that it waits for, else a new one."
  )
  var runName: String?
  @Option(help: "Number of a job that must succeed first; may be repeated.") var after: [Int64] = []
  @Option(
    parsing: .unconditional,
    help: "Jobs of a higher priority run first; from -1000000 to 1000000. (default: 0)",
    transform: OptionValue.priority)
  var priority = 0
  @Option(
    name: .customLong("require"), help: "A condition on the worker's labels, as in vram_gib>=40.")
  var requirements: [String] = []
  @Option(
    help: "Idempotency key of up to 500 characters: the same key gives the same job.",
    transform: OptionValue.text(upTo: 500))
  var key: String?
  @Option(help: "Queue of the job. (default: default)", transform: OptionValue.queue) var queue =
    "default"
  @Option(
    parsing: .unconditional, help: "Seconds to wait before it may run. (default: 0.0)",
    transform: OptionValue.seconds(0...))
  var delay = 0.0
  @Option(
    name: .customLong("limit"), help: "A limit of which the job holds a slot; see pra limits.")
  var limits: [String] = []
  @Option(
    parsing: .unconditional, help: "Seconds that one attempt may take.",
    transform: OptionValue.seconds(0.001...))
  var timeLimit: Double?
  @Option(
    parsing: .unconditional, help: "Seconds from now by which it must have ended.",
    transform: OptionValue.seconds(0.001...))
  var deadline: Double?
  @OptionGroup var arrayOptions: ArrayOptions

  func validate() throws {
    if let deadline, deadline <= delay {
      throw ValidationError(
        "--deadline \(deadline): is over before --delay \(delay) lets the job start")
    }
  }

  func run() throws {
    let kind = try JobKind(named: kind)
    let set = try settings.map { try Override($0) }
    // The last of several files for an argument counts, as of several settings.
    var stored: [EnqueuedFile] = []
    for file in try files.map({ try EnqueuedFile($0) }) {
      guard !set.contains(where: { $0.path == [file.key] }) else {
        throw ConfigurationError("\(file.key): is given by --file and by --set; keep one")
      }
      stored.removeAll { $0.key == file.key }
      stored.append(file)
    }
    // A setting that is said beats one that a file implies.
    let overrides = stored.flatMap(\.overrides) + set
    let given = try config.map { try SettingValue(argumentsFile: $0) } ?? .null
    var array: JobArray?
    var ends: [[Override]] = [[]]
    if let parsed = try arrayOptions.parsed() {
      (array, ends) = try arrayOptions.placed(in: parsed, of: kind)
    }
    var session: Connection?
    // The arguments are checked at both ends of an array; those of its first element are stored.
    var checked: CheckedArguments?
    for end in ends {
      do {
        checked = try kind.arguments(given, overrides + end) { train in
          session = try session ?? Database.connect(.submit)
          return try session!.trainArguments(ofJob: train)
        }
      } catch let error as ConfigurationError {
        let isOfArray = end.contains {
          error.description.hasPrefix("\($0.path.joined(separator: ".")):")
        }
        throw isOfArray
          ? ConfigurationError("--array \(arrayOptions.array ?? ""): \(error)") : error
      }
    }
    let arguments = checked!
    let connection = try session ?? Database.connect(.submit)
    let parents = Set(after + arguments.parents).sorted()
    if !stored.isEmpty {
      var store = try Database.store(.submit)
      for file in stored { try file.store(in: &store) }
    }
    let id = try connection.transaction {
      try connection.enqueue(
        kind, run: try run(of: kind, parents: parents, connection), arguments: arguments.json,
        after: parents, queue: queue, priority: priority, delay: delay, requirements: requirements,
        key: key
      ) { job in
        (job.limits, job.array) = (limits, array)
        job.timeLimit = timeLimit.map { .milliseconds(Int($0 * 1000)) }
        job.deadline = deadline.map { .milliseconds(Int($0 * 1000)) }
      }
    }
    StandardOutput.done = "job \(id) is enqueued"
    print(id)
    for row in try connection.query(Queries.deadParents, [.integers(parents)]) {
      complain(
        "pra: job \(id) waits for job \(try row.string("id")), which is \(try row.string("state")): "
          + "it starts only after pra retry \(try row.string("id"))")
    }
  }

  private func run(of kind: JobKind, parents: [Int64], _ connection: Connection) throws -> Int64 {
    if let runName { return try connection.runForJob(named: runName) }
    if let key, let row = try connection.query(Queries.jobOfKey, [.text(key)]).first {
      return try row.integer("run_id")
    }
    if let first = parents.first {
      guard let row = try connection.query(Queries.runOfJob, [.integer(first)]).first else {
        throw NotFound(message: "there is no job \(first)")
      }
      let run = try row.integer("run_id")
      try connection.refuseCancelled(run, ofJob: first)
      return run
    }
    // With a key made from the job's, so that two callers at once make one run.
    let runKey = key.map { "job \($0)" }.map {
      $0.unicodeScalars.count > 500 ? "job \(SHA256.hexadecimal(of: Array($0.utf8)))" : $0
    }
    return try SubmitQueue(connection).createRun(
      name: kind.rawValue, codeVersion: codeVersion, idempotencyKey: runKey)
  }
}

extension Connection {
  /// - Throws: `NotFound`; `ConfigurationError` if the job is of another kind
  func trainArguments(ofJob id: Int) throws -> TrainArguments {
    guard let row = try query(Queries.trainArguments, [.integer(id)]).first else {
      throw NotFound(message: "train: there is no job \(id)")
    }
    let kind = try row.string("kind")
    guard kind == JobKind.train.rawValue else {
      throw ConfigurationError("train: job \(id) is of kind \(kind), expected a train job")
    }
    return try TrainArguments(json: try row.string("arguments"))
  }

  /// Enqueues a job whose arguments have been checked.
  func enqueue(
    _ kind: JobKind, run: Int64, arguments: String, after: [Int64] = [], queue: String = "default",
    priority: Int = 0, delay: Double = 0, requirements: [String] = [], key: String? = nil,
    change: (inout NewJob) -> Void = { _ in }
  ) throws -> Int64 {
    var job = NewJob(kind: kind.rawValue, run: run, arguments: arguments)
    (job.after, job.queue, job.priority) = (after, queue, priority)
    job.delay = .milliseconds(Int(delay * 1000))
    (job.requirements, job.idempotencyKey) = (requirements, key)
    change(&job)
    return try SubmitQueue(self).enqueue(job)
  }
}
