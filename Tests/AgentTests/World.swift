// A database, a scratch folder and agents in processes of their own, for one test.

import DatabaseTesting
import Foundation
import JobQueue
import Postgres
import RunStore
import Testing
import Threads

@testable import Agent

final class World {
  let database: TestDatabase?
  let url: DatabaseURL
  let admin: Connection
  let folder: String
  let run: Int64

  convenience init() throws {
    let database = try TestDatabase.create()
    try self.init(database.url, keeping: database)
  }

  init(_ url: DatabaseURL, keeping database: TestDatabase? = nil) throws {
    self.url = url
    self.database = database
    admin = try Connection(url)
    folder = NSTemporaryDirectory() + "pra-agent-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
    run = try admin.query("select pra.create_run('run of a test') as run").single().integer("run")
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  /// The folder of the built tests and of the executables that they start.
  static let products = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
    .deletingLastPathComponent().path(percentEncoded: false)

  /// - Parameter more: further arguments of pra.enqueue, as SQL
  func enqueue(_ arguments: String, _ more: String = "") throws -> Int64 {
    try admin.query(
      "select pra.enqueue('test', $1, $2\(more.isEmpty ? "" : ", \(more)")) as job",
      [.integer(run), .text(arguments)]
    ).single().integer("job")
  }

  func agent(_ name: String, _ settings: String..., environment: [String: String] = [:]) throws
    -> AgentProcess
  {
    try AgentProcess(
      self.settings(name, settings),
      environment: environment.merging(self.environment) { given, _ in given })
  }

  /// Arguments of an agent; of two with one name the later counts.
  func settings(_ name: String, _ more: [String]) -> [String] {
    ["url=\(url.conninfo)", "name=\(name)", "stages=\(Self.products)"] + more
  }

  /// With a sanitizer's options, which its programs ask for (ops/races).
  var environment: [String: String] {
    [
      "TMPDIR": folder, "PATH": "/usr/bin:/bin",
      "TSAN_OPTIONS": ProcessInfo.processInfo.environment["TSAN_OPTIONS"] ?? "",
    ]
  }

  func text(_ sql: String) throws -> String? {
    try admin.query("select (\(sql))::text as it").single().text("it")
  }

  func state(_ job: Int64) throws -> String? {
    try text("select state from pra.jobs where id = \(job)")
  }

  /// The end of an attempt, with its exit code or signal and message.
  func end(_ job: Int64, _ epoch: Int64 = 1) throws -> String? {
    try text(
      """
      select concat_ws(' ', outcome, exit_code, 'signal ' || exit_signal, message)
      from pra.attempts where job_id = \(job) and epoch = \(epoch)
      """)
  }

  /// The attempts of the effective series, as `first...last of epoch`.
  func series(_ job: Int64) throws -> [String] {
    try admin.query(
      """
      select min(step) || '...' || max(step) || ' of ' || epoch as part
      from pra.metrics
      where job_id = $1 and name = 'loss'
      group by epoch
      having count(*) = max(step) - min(step) + 1
      order by epoch
      """, [.integer(job)]
    ).map { try $0.string("part") }
  }

  func log(_ job: Int64, _ epoch: Int64 = 1) throws -> String {
    var reader = RetryingConnection(
      url: url, role: .read, name: "test", giveUp: { true }, report: { _ in })
    return String(
      decoding: try reader.log(job: job, epoch: epoch).flatMap(\.bytes), as: UTF8.self)
  }

  /// The process of a stage, once it has printed its number.
  func process(_ job: Int64, _ epoch: Int64 = 1) throws -> pid_t {
    var found: pid_t?
    try wait {
      found = try log(job, epoch).firstMatch(of: /process ([0-9]+)\n/).flatMap { pid_t($0.1) }
      return found != nil
    }
    return found!
  }

  var scratch: [String] {
    let root = "\(folder)/pra-scratch-\(getuid())"
    return (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
  }
}

/// An agent that can be killed; it is killed when this object is freed.
final class AgentProcess {
  let child: ChildProcess
  private let printed = Monitor("")
  private let ended = Monitor<ProcessEnd?>(nil)

  init(
    _ arguments: [String], environment: [String: String],
    executable: String = "\(World.products)/test-agent"
  ) throws {
    child = try ChildProcess(
      executable: executable, arguments: arguments, environment: environment)
    let reader = try DedicatedThread("agent output") { [child, printed] in
      var buffer = [UInt8](repeating: 0, count: 4096)
      while true {
        let count = read(child.output, &buffer, buffer.count)
        if count <= 0 { break }
        printed.update { $0 += String(decoding: buffer[..<count], as: UTF8.self) }
      }
    }
    try DedicatedThread("agent end") { [child, ended] in
      let end = child.wait()
      shutdown(child.output, Int32(SHUT_RD))
      reader.join()
      close(child.output)
      ended.update { $0 = end }
    }
  }

  deinit { child.kill() }

  func signal(_ number: Int32) { kill(child.processID, number) }

  var output: String { printed.read { $0 } }

  /// Waits for the agent to end.
  func end() throws -> ProcessEnd {
    let end: ProcessEnd? = ended.wait(until: monotonicSeconds() + Double(longestWait)) { $0 }
    if let end { return end }
    Issue.record("the agent does not end: \(output)")
    throw TestTimeout()
  }
}

/// Whether a process exists and is no zombie.
func isAlive(_ process: pid_t) -> Bool {
  guard let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8) else {
    return false
  }
  return !text.contains(") Z ")
}
