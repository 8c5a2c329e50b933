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
  /// Both outlive a session, as those of an agent do.
  private var worker: Registration?
  private var held: [Lease] = []
  private var beatAt = 0.0

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
        // It goes on to try what it holds, in vain, under its new registration.
        copy.worker = nil
      } catch {
        log.say("refused", asked: monotonicSeconds(), [("error", quoted("\(error)"))])
        usleep(50_000)
      }
    }
  }

  /// Works until the server or the lease is lost; goes on with its registration where it has one.
  private mutating func session() throws {
    let connection = try Connection(url, role: .worker, name: "chaos \(name)")
    let queue = WorkerQueue(connection)
    try connection.listen("pra_ready")
    if let worker {
      // The answer to a claim may have been lost with the session before.
      _ = try queue.releaseUnheard(worker: worker, known: held)
    }
    let worker = try worker ?? register(queue)
    while true {
      // Not always first, so that a worker stopped past its lease also tries to write.
      if monotonicSeconds() - beatAt > 0.2, dice.percent() < 40 { try beat(queue, worker) }
      if held.count < 6, dice.percent() < 50 {
        let asked = monotonicSeconds()
        let jobs = try queue.claim(
          worker: worker, count: Int.random(in: 1...6, using: &dice),
          oldest: held.map(\.job).min() ?? 0)
        for job in jobs {
          log.say("claimed", asked: asked, job.lease.members + [("worker", "\(worker.worker)")])
        }
        held += jobs.map(\.lease)
        if jobs.isEmpty { try connection.wait(.milliseconds(10)) }
      }
      guard let lease = held.randomElement(using: &dice) else { continue }
      switch dice.percent() {
      case ..<25:
        try write(
          "progress", lease, connection,
          "select clock_timestamp()::text as at, pra.progress($1, $2, 1, 2, 'x', $3)")
      case ..<35:
        try write(
          "log", lease, connection,
          "select clock_timestamp()::text as at, pra.append_log($1, $2, 0, 'line', $3)")
      case ..<75: try finish(lease, connection)
      case ..<85: try finishAll(queue, worker)
      case ..<90: try end(lease) { try queue.reportExit(lease, .fault) }
      case ..<95: try end(lease) { try queue.release(lease) }
      default: usleep(useconds_t.random(in: 0..<50_000, using: &dice))
      }
    }
  }

  private mutating func register(_ queue: WorkerQueue) throws -> Registration {
    let made = try queue.register(
      name: name, labels: "{\"host\": \"\(name)\"}", kinds: ["chaos"], slots: 6,
      lease: .seconds(1))
    worker = made
    return made
  }

  private mutating func beat(_ queue: WorkerQueue, _ worker: Registration) throws {
    let asks = try queue.heartbeat(worker: worker, running: held)
    beatAt = monotonicSeconds()
    for (lease, ask, _) in asks {
      switch ask {
      case .lost: held.removeAll { $0 == lease }
      case .cancel: try end(lease) { try queue.reportExit(lease, .cancelled) }
      case .timeout: try end(lease) { try queue.reportExit(lease, .timeout) }
      case .preempt: try end(lease) { try queue.release(lease) }
      }
    }
    try queue.reap()
  }

  private func write(
    _ what: String, _ lease: Lease, _ connection: Connection, _ sql: String
  ) throws {
    let asked = monotonicSeconds()
    try orStale(lease) {
      let row = try connection.query(sql, lease.parameters).single()
      log.say(
        "wrote", asked: asked,
        lease.members + [("of", quoted(what)), ("at", quoted(try row.string("at")))])
    }
  }

  private mutating func finish(_ lease: Lease, _ connection: Connection) throws {
    held.removeAll { $0 == lease }
    let asked = monotonicSeconds()
    try orStale(lease) {
      let row = try connection.query(
        "select clock_timestamp()::text as at, pra.finish($1, $2, token => $3) as isnew",
        lease.parameters
      ).single()
      if try row.boolean("isnew") {
        log.say("finished", asked: asked, lease.members + [("at", quoted(try row.string("at")))])
      }
    }
  }

  private mutating func finishAll(_ queue: WorkerQueue, _ worker: Registration) throws {
    let batch = held
    let asked = monotonicSeconds()
    let accepted = try queue.finishMany(worker: worker, batch)
    // Two attempts of one job are there after a restore: the one that the database knows was accepted.
    for job in accepted where batch.count(where: { $0.job == job }) == 1 {
      log.say("finished", asked: asked, batch.first { $0.job == job }!.members)
    }
    // A job that shall be cancelled is not accepted, and runs until a heartbeat says so.
    held.removeAll { accepted.contains($0.job) }
  }

  private mutating func end(_ lease: Lease, _ body: () throws -> JobState) throws {
    held.removeAll { $0 == lease }
    let asked = monotonicSeconds()
    try orStale(lease) {
      let state = try body()
      log.say("ended", asked: asked, lease.members + [("state", quoted(state.rawValue))])
    }
  }

  /// Runs a call that may come too late, and logs it if it did.
  private func orStale(_ lease: Lease, _ body: () throws -> Void) throws {
    let asked = monotonicSeconds()
    var isStale = false
    do {
      try body()
    } catch {
      isStale =
        error is LeaseLost || (error as? PostgresError)?.sqlState == LeaseLost.sqlState
      if !isStale { throw error }
    }
    if isStale { log.say("stale", asked: asked, lease.members) }
  }

  private func quoted(_ text: String) -> String {
    "\"\(text.replacing("\\", with: "/").replacing("\"", with: "'").replacing("\n", with: " "))\""
  }
}

extension Lease {
  /// The members of a line that name an attempt.
  fileprivate var members: [(String, String)] {
    [("job", "\(job)"), ("epoch", "\(epoch)"), ("token", "\"\(token)\"")]
  }
}
