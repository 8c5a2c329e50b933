// Speed of the run store on a private server with default settings; called by `ops/bench/store`.

import Foundation
import JobQueue
import Postgres
import StageKit
import Threads

/// A private cluster in a temporary folder, and jobs that run on it.
struct BenchWorld {
  let cluster: EmbeddedCluster
  let url: DatabaseURL
  let admin: Connection
  let folder: String

  init() throws {
    folder = ProcessInfo.processInfo.environment["PRA_BENCH_FOLDER"] ?? "/tmp/pra-bench-\(getpid())"
    cluster = EmbeddedCluster(
      home: folder, path: ProcessInfo.processInfo.environment["PATH"])
    (url, _) = try cluster.up()
    _ = try Migrator(Connection(url)).migrate()
    admin = try Connection(url)
    try endOnSignals()
  }

  /// Stops the server also when the program is ended by a signal.
  private func endOnSignals() throws {
    var signals = sigset_t()
    sigemptyset(&signals)
    for signal in [SIGINT, SIGTERM] { sigaddset(&signals, signal) }
    // Threads that start later inherit the mask.
    pthread_sigmask(SIG_BLOCK, &signals, nil)
    try DedicatedThread("signals") { [cluster, folder, signals] in
      var (signals, signal) = (signals, Int32(0))
      sigwait(&signals, &signal)
      _ = try? cluster.down()
      try? FileManager.default.removeItem(atPath: folder)
      exit(128 + signal)
    }
  }

  func end() throws {
    try cluster.down()
    try FileManager.default.removeItem(atPath: folder)
  }

  /// A claimed job's session.
  func session(_ further: [String: String] = [:]) throws -> StageSession {
    let queue = WorkerQueue(admin)
    let worker = try queue.register(name: "bench", kinds: ["bench"], lease: .seconds(600))
    try admin.run("select pra.enqueue('bench', pra.create_run('bench'), '{}')")
    let lease = try queue.claim(worker: worker)[0].lease
    let scratch = "\(folder)/job-\(lease.job)"
    try FileManager.default.createDirectory(atPath: scratch, withIntermediateDirectories: true)
    var ends: [Int32] = [0, 0]
    socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends)
    write(ends[0], "token \(lease.token)\n", 43)
    return try StageSession(
      environment: [
        "PRA_DATABASE_URL": url.conninfo, "PRA_JOB": String(lease.job),
        "PRA_EPOCH": String(lease.epoch), "PRA_SCRATCH": scratch, "PRA_THREADS": "1",
      ].merging(further.filter { $0.key.hasPrefix("AWS_") }) { $1 }, control: ends[1],
      onLost: { fatalError($0) })
  }
}

func seconds(_ body: () throws -> Void) rethrows -> Double {
  let start = ContinuousClock.now
  try body()
  return (ContinuousClock.now - start) / .seconds(1)
}

func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

/// The names that a training step reports.
let stepNames = [
  "loss", "loss.flow", "loss.rec", "loss.l1", "loss.l2", "loss.norm_pix", "grad_norm", "lr",
  "bad_steps",
]

func refuse(_ problem: String) -> Never {
  FileHandle.standardError.write(Data("bench-store: \(problem)\n".utf8))
  exit(2)
}

/// The word after `--name`; nil without it.
func text(_ name: String) -> String? {
  let words = CommandLine.arguments
  guard let at = words.firstIndex(of: "--\(name)") else { return nil }
  guard at + 1 < words.count else { refuse("--\(name): needs a value") }
  return words[at + 1]
}

func option(_ name: String, _ fallback: Int) -> Int {
  guard let word = text(name) else { return fallback }
  guard let value = Int(word), value >= 0 else {
    refuse("--\(name): \"\(word)\" is no number of 0 or more")
  }
  return value
}

switch CommandLine.arguments.dropFirst().first {
case "metrics": try benchMetrics(writers: option("writers", 8), seconds: option("seconds", 20))
case "reads": try benchReads(points: option("points", 1_000_000))
case "record": try benchRecord()
case "training": try benchTraining(turns: option("turns", 12), steps: option("steps", 24))
case "artifacts":
  try benchArtifacts(megabytes: option("megabytes", 512), rounds: option("rounds", 6))
case "checkpoint":
  try benchCheckpoint(rounds: option("rounds", 2), steps: option("steps", 5))
default: refuse("one of metrics, reads, record, training, artifacts and checkpoint must come first")
}
