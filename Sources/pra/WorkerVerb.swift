// `pra worker`: claims jobs and runs their stages.

import Agent
import ArgumentParser
import Configuration
import Foundation
import JobKinds
import JobQueue
import Logging
import Postgres
import Threads

struct Worker: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Claim and run jobs until told to stop.",
    discussion: """
      On SIGTERM, SIGINT, SIGHUP, SIGUSR1 or SIGUSR2 the worker drains: running stages write a checkpoint, their \
      jobs are given back, and the worker ends. It makes no difference whether the signal is sent to the \
      worker alone or to its stages, too. A second SIGTERM or SIGINT ends it at once.
      A host that lacks room, a program or the store takes no jobs until it has it again; `pra workers` \
      says what it lacks. A database that is away is waited for.
      --until-idle, --idle, --lifetime and --max-jobs end it by itself, with 0.
      Example: pra worker --idle 5m --lifetime 4h
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
    transform: OptionValue.workerName)
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
  @Flag(
    help: """
      End when no job that this worker could run is in line, runs anywhere or is about to come.
      """)
  var untilIdle = false
  @Option(
    help: ArgumentHelp(
      "End after so long without work, as in 300 (seconds) or 5m.", valueName: "time"),
    transform: OptionValue.duration)
  var idle: Double?
  @Option(
    help: ArgumentHelp(
      """
      End after so long, as in 4h. It drains --drain seconds before, and takes no job whose time limit is longer than \
      what is left.
      """, valueName: "time"),
    transform: OptionValue.duration)
  var lifetime: Double?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("End after so many jobs.", valueName: "number"),
    transform: OptionValue.whole(1...1_000_000_000))
  var maxJobs: Int?

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
    if let lifetime, lifetime <= drain {
      throw ValidationError(
        "--lifetime \(lifetime) s: expected more than the \(drain) s of --drain, with which it ends"
      )
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
    do {
      // A schema that this program does not know is refused before anything is claimed.
      try Migrator(try Connection(url, role: .worker, name: "pra worker")).verify()
    } catch {
      // The agent waits for a database that is away, as it does later, and looks at the schema then.
      guard error.mayPass, !error.refusesLogin, !error.lacksDatabase else { throw error }
      complain("pra: the database does not answer, the worker waits for it: \(error)")
    }
    let process = ProcessInfo.processInfo
    var configuration = AgentConfiguration(
      databaseURL: url, name: name ?? "\(named["host"]!)-\(process.processIdentifier)",
      version: codeVersion, labels: named, queues: queues.isEmpty ? ["default"] : queues,
      kinds: kinds.isEmpty ? able : kinds, slots: slots,
      threads: threads ?? max(1, Processors.usable().threads / max(slots, 1)), lease: lease,
      beat: beat,
      drainTime: drain, untilIdle: untilIdle, cacheQuota: cache, stageFolder: Executables.folder)
    configuration.idleTime = idle
    configuration.lifetime = lifetime
    configuration.mostJobs = maxJobs
    configuration.storeProbe = Database.storeWatch(url).look
    configuration.upkeep = Database.upkeep(url)
    configuration.environment[SourceFolders.variable] = seen.text
    configuration.environment["PRA_COMMAND_ENV"] = commandVariables.joined(separator: ",")
    configuration.address = try hostAddress()
    configuration.ports = ports
    configuration.devices = devices.names
    configuration.kindsOfDevices = Set(JobKind.allCases.filter(\.computes).map(\.rawValue))
    let logger = Logger(label: "pra.worker") { [name = configuration.name] in
      WorkerLog(label: $0, worker: name)
    }
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
      throw ValidationError(
        "--interface \(interface): has no address, or is not there; this host has \(list)")
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
