// The place to which the jobs of a run go: into the queue, or onto a list that is shown.

import Configuration
import Files
import JobKinds
import JobQueue
import Postgres

/// A job with checked arguments, before it has a number.
struct PlannedJob {
  let kind: JobKind
  let arguments: String
  let after: [Int64]
  let array: JobArray?
  let requirements: [String]
  /// Seconds of one attempt; nil for any.
  let timeLimit: Double?
}

protocol JobSink {
  /// - Returns: the job's number
  func enqueue(_ job: PlannedJob) throws -> Int64
  /// The job that has packed, or will pack, the same images; nil if there is none.
  func sharedDataSet(_ arguments: IngestArguments) throws -> Int64?
  func setVariant(_ variant: String, seed: Int64, of jobs: [Int64]) throws
  /// Lets a gang start with as many members as one of these numbers.
  func setGangSizes(_ sizes: [Int], of gang: Int64) throws
}

/// The queue, in the caller's transaction.
struct QueuedJobs: JobSink {
  private let connection: Connection
  private let run: Int64
  private let queue: String
  private let priority: Int

  init(_ connection: Connection, run: Int64, queue: String, priority: Int) {
    (self.connection, self.run, self.queue, self.priority) = (connection, run, queue, priority)
  }

  func enqueue(_ job: PlannedJob) throws -> Int64 {
    try connection.enqueue(
      job.kind, run: run, arguments: job.arguments, after: job.after, queue: queue,
      priority: priority
    ) {
      ($0.array, $0.requirements) = (job.array, job.requirements)
      $0.timeLimit = job.timeLimit.map { .milliseconds(Int($0 * 1000)) }
    }
  }

  func sharedDataSet(_ arguments: IngestArguments) throws -> Int64? {
    try connection.query(TrainedQueries.lockSource, [.text(arguments.source)])
    return try connection.query(TrainedQueries.sharedDataSet, [.text(arguments.json)]).single()
      .optionalInteger("job")
  }

  func setVariant(_ variant: String, seed: Int64, of jobs: [Int64]) throws {
    try SubmitQueue(connection).setVariant(variant, seed: seed, of: jobs)
  }

  func setGangSizes(_ sizes: [Int], of gang: Int64) throws {
    try SubmitQueue(connection).setGangSizes(sizes, of: gang)
  }
}

/// A list of jobs, numbered from 1 on, that nobody runs.
final class ListedJobs: JobSink {
  private let connection: Connection
  private(set) var all: [PlannedJob] = []
  /// Ingest jobs of earlier runs, which stand in the list under negative numbers.
  private(set) var shared: [Int64] = []
  /// Ingest jobs of the list, which further runs of it share.
  private var listed: Set<String> = []

  init(_ connection: Connection) { self.connection = connection }

  func enqueue(_ job: PlannedJob) throws -> Int64 {
    all.append(job)
    return Int64(all.count)
  }

  func sharedDataSet(_ arguments: IngestArguments) throws -> Int64? {
    let job = try connection.query(TrainedQueries.sharedDataSet, [.text(arguments.json)]).single()
      .optionalInteger("job")
    guard let job else { return listed.insert(arguments.json).inserted ? nil : Self.sharedFrom }
    shared.append(job)
    // Arguments name a job by a number above 0, and those of the list are small.
    return Self.sharedFrom + job
  }

  static let sharedFrom: Int64 = 1 << 40

  func setVariant(_ variant: String, seed: Int64, of jobs: [Int64]) throws {}
  func setGangSizes(_ sizes: [Int], of gang: Int64) throws {}
}

/// A run as `pra run --dry-run` shows it.
struct PlannedRun {
  private let run: CheckedRun
  private let jobs: ListedJobs

  init(_ checked: CheckedRun) throws {
    let connection = try Database.connect(.submit)
    var run = checked
    if let remark = run.source.place(seen: try connection.seenFolders()) {
      complain("pra: \(remark)")
    }
    try refusing("data.source") { try run.source.measure() }
    jobs = ListedJobs(connection)
    try RunJobs(jobs).enqueue(run.plan, run.source, run.weights)
    self.run = run
  }

  /// The resolved file, and the jobs as comments.
  var text: String {
    get throws {
      let stored = try SettingValue(parsingJSON: run.configuration, source: "configuration")
      let given = run.plan
      let file = RunFile.again(
        name: given.name, stored: stored,
        data: try SettingValue(parsingJSON: given.data.json, source: "data").withoutDefaults(
          of: try SettingValue(parsingJSON: RunFile.DataSource().json, source: "data")),
        start: try given.start.map {
          try SettingValue(parsingJSON: $0.json, source: "init").withoutDefaults(
            of: try SettingValue(parsingJSON: RunFile.Start().json, source: "init"))
        })
      return file.yaml() + "\n" + comments
    }
  }

  private var comments: String {
    func number(_ job: Int64) -> String {
      job < ListedJobs.sharedFrom ? String(job) : "job \(job - ListedJobs.sharedFrom)"
    }
    let rows = jobs.all.enumerated().map { place, job in
      [
        String(place + 1), job.kind.rawValue,
        job.array.map { "\(($0.elements.count + ($0.pack - 1)) / $0.pack)" } ?? "1",
        job.after.map(number).joined(separator: " "), job.requirements.joined(separator: " "),
      ]
    }
    let table = Table(header: ["#", "kind", "parts", "waits for", "requires"], rows: rows).text
    var lines = table.split(separator: "\n").map(String.init)
    lines += jobs.shared.map { "The images are those that job \($0) has packed, or will pack." }
    if let preview = run.plan.preview, preview.count > 0 {
      let moment =
        switch preview.every {
        case .checkpoint: "at each checkpoint"
        case .steps(let steps): "at the first checkpoint of each \(counted(steps, "step"))"
        }
      lines.append(
        "Previews: \(counted(preview.count, "image")) \(moment), by jobs of the lowest priority, of which one waits at most; "
          + "while training goes on by a worker that has a place besides (pra worker --slots 2)."
      )
    }
    if run.source.bytes > 0 {
      lines.append(
        "Data: \(ByteCount.words(run.source.bytes)) of archives, sent where the store lacks them.")
    }
    if run.weights.bytes > 0 {
      lines.append(
        "Files: \(ByteCount.words(run.weights.bytes)) of weights, sent where the store lacks them.")
    }
    for arm in run.plan.arms {
      let classes = arm.configuration.classes
      let parameters = arm.configuration.parameterCount(classes: classes ?? 1)
      let each =
        arm.configuration.parameterCount(classes: 2) - arm.configuration.parameterCount(classes: 1)
      let name = arm.name.isEmpty ? run.plan.name : arm.name
      lines.append(
        "Model \(name), seed \(arm.configuration.seed): \(counted(parameters, "parameter"))"
          + (classes == nil ? ", and \(each) for each further class." : "."))
    }
    return lines.map { "# \($0)" }.joined(separator: "\n")
  }
}

extension SettingValue {
  /// The mapping without the keys that say what another one says.
  fileprivate func withoutDefaults(of standard: SettingValue) -> SettingValue {
    standard.differences(to: self).reduce(SettingValue.mapping([])) {
      $0.setting($1.path, to: $1.value)
    }
  }
}
