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
    let first = try connection.query("select min(id) as id from pra.jobs where kind = 'soak'")
      .single().integer("id")
    let worker = try role == .worker ? register() : nil
    for round in 0...rounds {
      if round % max(1, rounds / 40) == 0 { try report(round) }
      switch role {
      case .read: try look(first + Int64(round))
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

  /// The looks at one job and at the workers, whose time does not depend on the number of jobs.
  private func look(_ job: Int64) throws {
    for query in [
      "select * from pra.jobs where id = $1", "select * from pra.attempts where job_id = $1",
      "select * from pra.why_pending($1)",
    ] {
      try connection.query(query, [.integer(job)])
    }
    try connection.query("select * from pra.workers where stopped_at is null")
    try connection.query("select * from pra.limits order by name")
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
