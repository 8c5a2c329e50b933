// Work: enqueue one job, run a worker.

import Agent
import ArgumentParser
import Configuration
import Foundation
import JobKinds
import Logging
import Postgres

enum JobKindName {
  static let all = JobKind.allCases.map(\.rawValue)
}

struct Enqueue: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Enqueue one job; prints its number.",
    discussion: """
      Arguments are the keys of workers/<kind>/contract.json.
      Example: pra enqueue train --run 7 --set data=12 --set config.preset=nano --after 12
      """)

  @Argument(help: "ingest, train, sample or evaluate.") var kind: String
  @Option(help: "A YAML or JSON file with arguments.") var config: String?
  @Option(name: .customLong("set"), help: "One argument: dotted.key=value.") var settings:
    [String] = []
  @Option(
    name: .customLong("run"), help: "Number or name of the run; without it a new one is made.")
  var runName: String?
  @Option(help: "A job that must succeed first.") var after: [Int64] = []
  @Option(help: "Higher runs first.") var priority = 0
  @Option(name: .customLong("require"), help: "What a worker's labels must satisfy: vram_gib>=40.")
  var requirements: [String] = []
  @Option(help: "Idempotency key: the same key gives the same job.") var key: String?
  @Option var queue = "default"
  @Option(help: "Seconds to wait before it may run.") var delay = 0.0

  func run() throws {
    guard let kind = JobKind(rawValue: kind) else {
      throw ValidationError(
        "kind: '\(self.kind)' is unknown; known are \(JobKindName.all.joined(separator: ", "))")
    }
    let overrides = try settings.map { try Override($0) }
    let given = try config.map { path in
      guard let bytes = FileManager.default.contents(atPath: path) else {
        throw ValidationError("--config \(path): cannot be read")
      }
      return try SettingValue(parsing: String(decoding: bytes, as: UTF8.self), source: path)
    }
    let arguments = try kind.arguments(given ?? .null, overrides)
    let connection = try Database.connect(.submit)
    let id = try connection.transaction {
      let run =
        try runName.map { try connection.run(named: $0).id }
        ?? connection.query(
          Queries.createRun, [.text(kind.rawValue), .text("{}"), .text(codeVersion), .null]
        ).single().integer("id")
      return try connection.enqueue(
        kind, run: run, arguments: arguments, after: after, queue: queue, priority: priority,
        delay: delay, requirements: requirements, key: key)
    }
    print(id)
  }
}

extension Connection {
  /// Enqueues a job whose arguments have been checked.
  func enqueue(
    _ kind: JobKind, run: Int64, arguments: String, after: [Int64] = [], queue: String = "default",
    priority: Int = 0, delay: Double = 0, requirements: [String] = [], key: String? = nil
  ) throws -> Int64 {
    try query(
      Queries.enqueue,
      [
        .text(kind.rawValue), .integer(run), .text(arguments), .text(queue), .integer(priority),
        .interval(.milliseconds(Int(delay * 1000))), .integers(after), .texts(requirements),
        .optional(key) { .text($0) },
      ]
    ).single().integer("id")
  }
}

struct Worker: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Claim and run jobs until told to stop.",
    discussion: """
      SIGTERM drains: running stages write a checkpoint and are given back. A second one ends at once.
      Example: pra worker --label host=a7 --label vram_gib=80 --slots 2 --threads 8
      """)

  @Option(name: .customLong("queue"), help: "A queue to serve; several may be named.")
  var queues: [String] = []
  @Option(name: .customLong("kind"), help: "A kind to run; without it every kind.")
  var kinds: [String] = []
  @Option(name: .customLong("label"), help: "key=value that requirements are compared with.")
  var labels: [String] = []
  @Option(help: "Jobs at once.") var slots = 1
  @Option(help: "Threads for each job; without it the processor's shared by the slots.")
  var threads: Int?
  @Option(help: "Seconds of silence after which others take the jobs over.") var lease = 30.0
  @Option(help: "Seconds between heartbeats.") var beat = 10.0
  @Option(help: "Seconds that stages have to end on SIGTERM.") var drain = 60.0
  @Option(help: "As operators see it; without it host and process number.") var name: String?
  @Flag(help: "End when nothing is ready or running for this worker.") var untilIdle = false

  func run() throws {
    var named = ["host": ProcessInfo.processInfo.hostName]
    for label in labels {
      guard let equals = label.firstIndex(of: "="), equals != label.startIndex else {
        throw ValidationError("--label \(label): expected key=value")
      }
      named[String(label[..<equals])] = String(label[label.index(after: equals)...])
    }
    if let unknown = kinds.first(where: { !JobKindName.all.contains($0) }) {
      throw ValidationError(
        "--kind \(unknown): unknown; known are \(JobKindName.all.joined(separator: ", "))")
    }
    let url = try Database.url()
    // A schema that this program does not know is refused before anything is claimed.
    try Migrator(try Connection(url, role: .worker, name: "pra worker")).verify()
    let processors = ProcessInfo.processInfo.activeProcessorCount
    let process = ProcessInfo.processInfo
    let configuration = AgentConfiguration(
      databaseURL: url, name: name ?? "\(named["host"]!)-\(process.processIdentifier)",
      labels: named, queues: queues.isEmpty ? ["default"] : queues,
      kinds: kinds.isEmpty ? JobKindName.all : kinds, slots: slots,
      threads: threads ?? max(1, processors / max(slots, 1)), lease: lease, beat: beat,
      drainTime: drain, untilIdle: untilIdle, stageFolder: Executables.folder)
    let logger = Logger(label: "pra.worker") { StreamLogHandler.standardError(label: $0) }
    let code = try Agent(configuration, logger: logger).run()
    if code != 0 { throw ExitCode(code) }
  }
}
