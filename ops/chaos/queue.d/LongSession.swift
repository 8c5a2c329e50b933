// One server session that makes the calls of its role over and over, for ops/chaos/soak.

import Glibc
import JobQueue
import Postgres

/// The calls of `pra` and of agents, in a session that stays open.
struct LongSession {
  private let connection: Connection
  private let role: DatabaseRole
  private let run: Int64

  init(_ url: DatabaseURL, role: String, run: String) throws {
    guard let role = DatabaseRole(rawValue: role), let run = Int64(run) else { throw Usage() }
    connection = try Connection(url, role: role, name: "soak \(role.rawValue)")
    (self.role, self.run) = (role, run)
  }

  /// Prints how many rounds are done, the process of the server, and its prepared statements.
  func call(rounds: Int) throws {
    let worker = try role == .worker ? register() : nil
    for round in 0...rounds {
      if round % max(1, rounds / 40) == 0 { try report(round) }
      switch role {
      case .read: try look()
      case .submit: try submit()
      default: try work(worker!)
      }
    }
  }

  private func report(_ round: Int) throws {
    let row = try connection.query(
      """
      select pg_backend_pid() as backend, (select count(*) from pg_prepared_statements) as prepared
      """
    ).single()
    print("\(round) \(try row.integer("backend")) \(try row.integer("prepared"))")
    fflush(nil)
  }

  private func look() throws {
    for view in ["jobs", "runs", "attempts", "workers", "queues", "events"] {
      try connection.query("select * from pra.\(view) order by 1 desc limit 20")
    }
    try connection.query("select id, reason from pra.jobs, pra.why_pending(id) order by id limit 1")
  }

  private func submit() throws {
    let queue = SubmitQueue(connection)
    let job = try queue.enqueue(NewJob(kind: "other", run: run))
    _ = try queue.why(job)
    _ = try queue.cancel(job)
    _ = try queue.retry(job)
    _ = try queue.cancel(job)
    try queue.reap()
  }

  private func register() throws -> Registration {
    try WorkerQueue(connection).register(name: "soak", kinds: ["soak"], lease: .seconds(600))
  }

  private func work(_ worker: Registration) throws {
    let queue = WorkerQueue(connection)
    for job in try queue.claim(worker: worker) {
      _ = try queue.heartbeat(worker: worker, running: [job.lease])
      try queue.progress(job.lease, done: 1, total: 2, unit: "steps")
      try queue.appendLog(job.lease, ordinal: 0, bytes: Array("a line\n".utf8))
      if job.lease.job % 2 == 0 {
        try queue.finish(job.lease)
      } else {
        try queue.reportExit(job.lease, .permanent, message: "the input is bad", exitCode: 65)
      }
    }
    try queue.reap()
  }
}
