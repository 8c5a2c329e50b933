// An attempt of a job in its own database, with its session, for tests.

import DatabaseTesting
import Foundation
import Glibc
import JobQueue
import Postgres
import StageKit
import Threads

/// A claimed job, as seen by its stage, by its worker and by the superuser.
final class Attempt {
  let url: DatabaseURL
  let admin: Connection
  let job: Int64
  private(set) var epoch: Int64 = 0
  private(set) var token = ""
  private(set) var worker: Int64 = 0
  let folder: String
  /// Messages of the session when nothing may be written any more.
  let lost = Monitor<[String]>([])
  /// The agent's end of the latest session's control channel.
  private(set) var channel: Int32 = -1

  init(_ url: DatabaseURL, arguments: String = #"{"act": "succeed"}"#) throws {
    self.url = url
    admin = try Connection(url)
    folder = NSTemporaryDirectory() + "pra-run-store-\(UUID().uuidString)"
    try FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: false)
    job = try admin.query(
      """
      select pra.enqueue(
        'test', pra.create_run('run of a test'), $1::jsonb, fault_retries => 100) as job
      """, [.text(arguments)]
    ).single().integer("job")
    try claim()
  }

  deinit {
    if channel >= 0 { close(channel) }
    try? FileManager.default.removeItem(atPath: folder)
  }

  /// Lets a new worker take the job; the earlier attempt is over, and its worker lost.
  func claim() throws {
    if worker != 0 {
      try admin.run("update pra_store.workers set lease_expires_at = '-infinity', lease = '1 s'")
      try wait { try self.admin.query("select pra.reap() as n").single().integer("n") == 1 }
    }
    let queue = WorkerQueue(admin)
    let registration = try queue.register(name: "w", kinds: ["test"], lease: .seconds(600))
    worker = registration.worker
    let lease = try queue.claim(worker: registration)[0].lease
    (epoch, token) = (lease.epoch, lease.token)
  }

  /// The environment that an agent gives to a stage, with a sanitizer's options (ops/races).
  var environment: [String: String] {
    [
      "PRA_DATABASE_URL": url.conninfo, "PRA_JOB": String(job), "PRA_EPOCH": String(epoch),
      "PRA_SCRATCH": folder, "PRA_THREADS": "1",
      "TSAN_OPTIONS": ProcessInfo.processInfo.environment["TSAN_OPTIONS"] ?? "",
    ]
  }

  /// Opens a stage's session for the latest attempt.
  func open(_ further: [String: String] = [:]) throws -> StageSession {
    var ends: [Int32] = [-1, -1]
    socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends)
    if channel >= 0 { close(channel) }
    channel = ends[0]
    Glibc.write(channel, "token \(token)\n", 43)
    return try StageSession(
      environment: environment.merging(further) { $1 }, control: ends[1],
      onLost: { [lost] message in lost.update { $0.append(message) } })
  }

  /// Closes the channel, as the agent's death does.
  func dropChannel() {
    close(channel)
    channel = -1
  }

  func write(_ bytes: [UInt8], to name: String) throws -> String {
    let path = "\(folder)/\(name)"
    try Data(bytes).write(to: URL(filePath: path))
    return path
  }

  /// The values of a series, as `step=value of epoch`.
  func series(_ name: String, view: String = "metrics") throws -> [String] {
    try admin.query(
      """
      select step || '=' || value || ' of ' || epoch as point
      from pra.\(view)
      where job_id = $1 and name = $2
      order by step, epoch
      """, [.integer(job), .text(name)]
    ).map { try $0.string("point") }
  }

  func count(_ sql: String) throws -> Int64 {
    try admin.query("select (\(sql))::bigint as n").single().integer("n")
  }
}
