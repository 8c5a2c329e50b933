// Work: enqueue one job, run a worker.

import Agent
import ArgumentParser
import Configuration
import Digest
import Foundation
import JobKinds
import JobQueue
import Logging
import Postgres
import Threads

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
      checked = try kind.arguments(given, overrides + end) { train in
        session = try session ?? Database.connect(.submit)
        return try session!.trainArguments(ofJob: train)
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

struct Worker: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Claim and run jobs until told to stop.",
    discussion: """
      On SIGTERM, SIGINT, SIGHUP, SIGUSR1 or SIGUSR2 the worker drains: running stages write a checkpoint, their \
      jobs are given back, and the worker ends. It makes no difference whether the signal is sent to the \
      worker alone or to its stages, too. A second SIGTERM or SIGINT ends it at once.
      A host that lacks room, a program or the store takes no jobs until it has it again; `pra workers` \
      says what it lacks.
      Example: pra worker --label host=a7 --label vram_gib=80 --slots 2 --threads 8
      """)

  @Option(
    name: .customLong("queue"),
    help: "A queue to serve; may be repeated. By default the queue default.",
    transform: OptionValue.queue)
  var queues: [String] = []
  @Option(
    name: .customLong("kind"),
    help: "A kind of jobs to run; may be repeated. By default every kind.")
  var kinds: [String] = []
  @Option(
    name: .customLong("label"),
    help: "A label, key=value, that jobs' requirements are compared with.")
  var labels: [String] = []
  @Option(
    name: .customLong("sees"),
    help: """
      A folder from which jobs may read sources in place (data.in_place); may be repeated. It becomes the \
      label sees.FOLDER.
      """)
  var folders: [String] = []
  @Option(
    parsing: .unconditional,
    help: """
      Jobs that run at the same time; by default one, or one for each GPU. A worker with GPUs runs no more.
      """,
    transform: OptionValue.whole(1...10_000))
  var slots: Int?
  @Option(
    parsing: .unconditional,
    help: """
      NVIDIA GPUs that jobs run on, one job on each; 0 for none, by default all that are there. They become \
      the labels gpu, gpus and vram_gib.
      """,
    transform: OptionValue.whole(0...1024))
  var gpus: Int?
  @Option(
    parsing: .unconditional,
    help: """
      Threads of each job; by default those that this process may use (affinity, quota of its control \
      group) divided by the slots.
      """,
    transform: OptionValue.whole(1...4096))
  var threads: Int?
  @Option(
    parsing: .unconditional,
    help: "Seconds without a heartbeat after which other workers take the jobs over.")
  var lease = 30.0
  @Option(parsing: .unconditional, help: "Seconds between heartbeats.") var beat = 10.0
  @Option(parsing: .unconditional, help: "Seconds that stages have to end after SIGTERM.")
  var drain = 60.0
  @Option(
    help: ArgumentHelp(
      """
      The most bytes of the cache of artifacts that all workers of this account on this machine share, as in \
      500GB; 0 for none, by default a quarter of its file system.
      """, valueName: "size"), transform: OptionValue.bytes)
  var cache: Int64?
  @Option(
    help: """
      The address of this host at which the ranks of a training on other hosts reach those here; by default the one \
      from which this host reaches the database. See docs/machines.md.
      """)
  var address: String?
  @Option(help: "The interface of that address, as in eth0; in the place of --address.")
  var interface: String?
  @Option(
    help: ArgumentHelp(
      "Ports at which such ranks listen, one for each other rank, as in 7000-7063; by default any.",
      valueName: "first-last"), transform: OptionValue.ports)
  var ports: ClosedRange<Int>?
  @Option(
    help: "The worker's name; by default host and process number.",
    transform: OptionValue.text(upTo: 200))
  var name: String?
  @Flag(
    help: """
      Run jobs of kind command, too: programs that whoever may enqueue names, with the rights of this worker's account.
      """)
  var allowCommands = false
  @Option(
    name: .customLong("command-env"),
    help: ArgumentHelp(
      """
      A variable of this worker's environment that commands see besides PATH and LANG; may be repeated.
      """, valueName: "name"))
  var commandVariables: [String] = []
  @Flag(help: "End when no job is ready or running for this worker.") var untilIdle = false

  func validate() throws {
    guard lease >= 1, lease <= 600 else {
      throw ValidationError(
        "--lease \(lease): expected 1 to 600 seconds, since a host that is gone keeps its jobs for a lease"
      )
    }
    guard beat > 0, beat <= lease / 2 else {
      throw ValidationError(
        "--beat \(beat): expected seconds above 0, at most half the lease of \(lease)")
    }
    guard drain >= 0, drain < 1e6 else {
      throw ValidationError("--drain \(drain): expected seconds from 0")
    }
    guard allowCommands || commandVariables.isEmpty else {
      throw ValidationError("--command-env: has no effect without --allow-commands")
    }
    if let wrong = commandVariables.first(where: {
      $0.wholeMatch(of: /[A-Za-z_][A-Za-z0-9_]*/) == nil || $0.hasPrefix("PRA_")
    }) {
      throw ValidationError(
        "--command-env \(wrong): expected the name of a variable that does not begin with PRA_")
    }
    if !allowCommands, let kind = kinds.first(where: { JobKind(rawValue: $0)?.needsLeave == true })
    {
      throw ValidationError(
        "--kind \(kind): runs programs that submitters name; give --allow-commands besides")
    }
  }

  func run() throws {
    var named = ["host": ProcessInfo.processInfo.hostName]
    for label in labels {
      guard let equals = label.firstIndex(of: "="), equals != label.startIndex else {
        throw ValidationError("--label \(label): expected key=value")
      }
      guard labels.count < 50 else {
        throw ValidationError("--label: there are \(labels.count), expected at most 49")
      }
      let (key, value) = (String(label[..<equals]), String(label[label.index(after: equals)...]))
      if let fault = WorkerLabel.fault(key, value) {
        throw ValidationError("--label \(label): \(fault)")
      }
      if labels.contains(where: { $0 != label && $0.hasPrefix("\(key)=") }) {
        throw ValidationError("--label \(label): the label \(key) is given twice; keep one")
      }
      named[key] = value
    }
    let devices = try devices()
    for (key, value) in devices.labels where named[key] == nil { named[key] = value }
    let slots = slots ?? max(devices.names.count, 1)
    let seen = try SourceFolders(folders.map(seenFolder))
    for folder in seen.all {
      let (key, value) = SourceFolders.label(folder)
      if let fault = WorkerLabel.fault(key, value) {
        throw ValidationError("--sees \(folder): \(fault)")
      }
      guard named.updateValue(value, forKey: key).map({ $0 == value }) != false else {
        throw ValidationError("--sees \(folder): another folder has its label \(key); rename one")
      }
    }
    if let unknown = kinds.first(where: { !JobKindName.all.contains($0) }) {
      throw ValidationError(
        "--kind \(unknown): unknown; known are \(JobKindName.all.joined(separator: ", "))")
    }
    let allowed = JobKind.allCases.filter { allowCommands || !$0.needsLeave }.map(\.rawValue)
    let able = allowed.filter(Executables.canRun)
    if let missing = (kinds.isEmpty ? allowed : kinds).first(where: { !able.contains($0) }),
      able.isEmpty || !kinds.isEmpty
    {
      throw Failure(
        message:
          "\(Executables.folder)/pra-\(missing) is missing; build it with swift build -c release")
    }
    let url = try Database.url(.worker)
    // A schema that this program does not know is refused before anything is claimed.
    try Migrator(try Connection(url, role: .worker, name: "pra worker")).verify()
    let process = ProcessInfo.processInfo
    var configuration = AgentConfiguration(
      databaseURL: url, name: name ?? "\(named["host"]!)-\(process.processIdentifier)",
      version: codeVersion, labels: named, queues: queues.isEmpty ? ["default"] : queues,
      kinds: kinds.isEmpty ? able : kinds, slots: slots,
      threads: threads ?? max(1, Processors.usable().threads / max(slots, 1)), lease: lease,
      beat: beat,
      drainTime: drain, untilIdle: untilIdle, cacheQuota: cache, stageFolder: Executables.folder)
    configuration.storeProbe = Database.storeWatch(url).look
    configuration.upkeep = Database.upkeep(url)
    configuration.environment[SourceFolders.variable] = seen.text
    configuration.environment["PRA_COMMAND_ENV"] = commandVariables.joined(separator: ",")
    configuration.address = try hostAddress()
    configuration.ports = ports
    configuration.devices = devices.names
    configuration.kindsOfDevices = Set(JobKind.allCases.filter(\.computes).map(\.rawValue))
    let logger = Logger(label: "pra.worker") { WorkerLog(label: $0) }
    let code = try Agent(configuration, logger: logger).run()
    if code != 0 { throw ExitCode(code) }
  }

  /// The value of `--address`, or the first address of `--interface`, checked; nil where neither is given.
  private func hostAddress() throws -> String? {
    let known = HostAddress.all
    let list = known.map { "\($0.interface) \($0.text)" }.joined(separator: ", ")
    if let address {
      guard interface == nil else {
        throw ValidationError("--interface \(interface!): --address says \(address); keep one")
      }
      guard HostAddress.isLocal(address) else {
        throw ValidationError("--address \(address): is no address of this host, which has \(list)")
      }
      return address
    }
    guard let interface else { return nil }
    guard let found = known.first(where: { $0.interface == interface }) else {
      throw ValidationError("--interface \(interface): has no address, or is not there; this host has \(list)")
    }
    return found.text
  }

  /// The GPUs that stages run on, and the labels that say so.
  private func devices() throws -> (names: [String], labels: [String: String]) {
    // The variable says it for all stages.
    if let chosen = ProcessInfo.processInfo.environment["PRA_DEVICE"], !chosen.isEmpty {
      guard gpus ?? 0 == 0 else {
        throw ValidationError("--gpus \(gpus!): PRA_DEVICE says \(chosen); unset it")
      }
      return ([], [:])
    }
    if gpus == 0 { return ([], [:]) }
    let found = GPUs()
    guard gpus ?? 0 <= found.all.count else {
      let reason = found.all.isEmpty ? ": \(found.reason)" : ""
      throw ValidationError("--gpus \(gpus!): there are \(found.all.count) here\(reason)")
    }
    let used = found.all.prefix(gpus ?? found.all.count)
    guard let first = used.first else { return ([], [:]) }
    if found.compiler.found == nil {
      guard gpus == nil else {
        throw ValidationError("--gpus \(gpus!): no compiler of kernels; see pra doctor")
      }
      complain("pra: the GPUs are not used: no compiler of kernels; see pra doctor")
      return ([], [:])
    }
    if let slots, slots > used.count {
      throw ValidationError(
        "--slots \(slots): a worker with \(used.count) GPUs runs one job on each; start another with "
          + "--gpus 0 for the processor")
    }
    let least = used.map(\.gibibytes).min()!
    return (
      used.map(\.device),
      ["gpu": first.label, "gpus": String(used.count), "vram_gib": String(least)]
    )
  }

  /// The absolute path of a folder of `--sees`.
  private func seenFolder(_ given: String) throws -> String {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: given, isDirectory: &isFolder), isFolder.boolValue
    else { throw ValidationError("--sees \(given): is no folder on this machine") }
    let path = URL(filePath: given).standardizedFileURL.path(percentEncoded: false)
    return path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
  }
}
