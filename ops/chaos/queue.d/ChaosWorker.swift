// A worker that makes every kind of call.

import Glibc
import JobQueue
import Postgres
import Threads

struct ChaosWorker {
  private let url: DatabaseURL
  private let log: Log
  private let name: String
  private var dice: Dice

  init(_ url: DatabaseURL, _ log: Log, _ seed: UInt64, _ name: String) {
    (self.url, self.log, self.name) = (url, log, name)
    dice = Dice(seed)
  }

  func run() {
    var copy = self
    while true {
      do {
        try copy.session()
      } catch let error where error.isPassing {
        usleep(50_000)
      } catch is LeaseLost {
        log.say("lost")
      } catch {
        log.say("refused", ("error", quoted("\(error)")))
        usleep(50_000)
      }
    }
  }

  /// Works until the server or the lease is lost.
  private mutating func session() throws {
    let connection = try Connection(url, role: .worker, name: "chaos \(name)")
    let queue = WorkerQueue(connection)
    let worker = try queue.register(
      name: name, labels: "{\"host\": \"\(name)\"}", kinds: ["chaos"], slots: 6,
      lease: .seconds(1))
    try connection.listen("pra_ready")
    var held: [Lease] = []
    var beatAt = 0.0
    while true {
      // Not always first, so that a worker stopped past its lease also tries to write.
      if monotonicSeconds() - beatAt > 0.2, dice.percent() < 40 {
        let asks = try queue.heartbeat(worker: worker, running: held)
        beatAt = monotonicSeconds()
        for (lease, ask, _) in asks {
          switch ask {
          case .lost: held.removeAll { $0 == lease }
          case .cancel:
            try end(lease, &held) { try queue.reportExit(lease, .cancelled) }
          case .timeout: try end(lease, &held) { try queue.reportExit(lease, .timeout) }
          case .preempt: try end(lease, &held) { try queue.release(lease) }
          }
        }
        try queue.reap()
      }
      if held.count < 6, dice.percent() < 50 {
        let jobs = try queue.claim(
          worker: worker, count: Int.random(in: 1...6, using: &dice),
          oldest: held.map(\.job).min() ?? 0)
        take(jobs, worker, &held)
        if jobs.isEmpty { _ = try connection.wait(.milliseconds(10)) }
      }
      guard let lease = held.randomElement(using: &dice) else { continue }
      switch dice.percent() {
      case ..<25:
        try write(
          lease, connection, "select clock_timestamp()::text as at, pra.progress($1, $2, 1, 2, 'x')"
        )
      case ..<35:
        try write(
          lease, connection,
          "select clock_timestamp()::text as at, pra.append_log($1, $2, 0, 'line')")
      case ..<75: try finish(lease, connection, &held)
      case ..<85:
        let batch = held
        log.say("finishing", ("count", "\(batch.count)"))
        let accepted = try queue.finishMany(worker: worker, batch)
        for lease in batch where accepted.contains(lease.job) {
          log.say("finished", ("job", "\(lease.job)"), ("epoch", "\(lease.epoch)"))
        }
        // A job that shall be cancelled is not accepted, and runs until a heartbeat says so.
        held.removeAll { accepted.contains($0.job) }
      case ..<90: try end(lease, &held) { try queue.reportExit(lease, .fault) }
      case ..<95: try end(lease, &held) { try queue.release(lease) }
      default: usleep(useconds_t.random(in: 0..<50_000, using: &dice))
      }
    }
  }

  private func take(_ jobs: [ClaimedJob], _ worker: Int64, _ held: inout [Lease]) {
    for job in jobs {
      log.say(
        "claimed", ("job", "\(job.lease.job)"), ("epoch", "\(job.lease.epoch)"),
        ("worker", "\(worker)"))
    }
    held += jobs.map(\.lease)
  }

  private func write(_ lease: Lease, _ connection: Connection, _ sql: String) throws {
    try orStale(lease) {
      let row = try connection.query(sql, [.integer(lease.job), .integer(lease.epoch)]).single()
      log.say(
        "wrote", ("job", "\(lease.job)"), ("epoch", "\(lease.epoch)"),
        ("at", quoted(try row.string("at"))))
    }
  }

  private func finish(_ lease: Lease, _ connection: Connection, _ held: inout [Lease]) throws {
    held.removeAll { $0 == lease }
    try orStale(lease) {
      let row = try connection.query(
        "select clock_timestamp()::text as at, pra.finish($1, $2) as isnew",
        [.integer(lease.job), .integer(lease.epoch)]
      ).single()
      if try row.boolean("isnew") {
        log.say(
          "finished", ("job", "\(lease.job)"), ("epoch", "\(lease.epoch)"),
          ("at", quoted(try row.string("at"))))
      }
    }
  }

  private func end(
    _ lease: Lease, _ held: inout [Lease], _ body: () throws -> JobState
  ) throws {
    held.removeAll { $0 == lease }
    try orStale(lease) {
      log.say(
        "ended", ("job", "\(lease.job)"), ("epoch", "\(lease.epoch)"),
        ("state", quoted(try body().rawValue)))
    }
  }

  /// Runs a call that may come too late, and logs it if it did.
  private func orStale(_ lease: Lease, _ body: () throws -> Void) throws {
    var isStale = false
    do {
      try body()
    } catch {
      isStale =
        error is LeaseLost || (error as? PostgresError)?.sqlState == LeaseLost.sqlState
      if !isStale { throw error }
    }
    if isStale { log.say("stale", ("job", "\(lease.job)"), ("epoch", "\(lease.epoch)")) }
  }

  private func quoted(_ text: String) -> String {
    "\"\(text.replacing("\\", with: "/").replacing("\"", with: "'").replacing("\n", with: " "))\""
  }
}
