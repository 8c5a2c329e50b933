// One turn of claiming: what is told to the database, what is claimed, and whether the agent has had its fill.

import JobQueue
import Logging
import Postgres
import Threads

/// The thread that claims: one of its own while the agent has work, and the heartbeat while it has none, so that
/// an idle agent has one session.
enum Claimer: Sendable { case heart, thread }

/// The memory of claims from turn to turn.
struct ClaimMemory {
  /// The session, the registration and the thread of the last claim.
  struct Session: Equatable {
    var number = 0
    var worker: Registration?
    var claimer: Claimer?
  }

  var nextReap = 0.0
  var wasIdle = false
  var said: String?
  var session = Session()
  var told: (worker: Registration?, lack: String?) = (nil, nil)
  var report: HostReport?
  /// The number of jobs that were claimed.
  var claimed = 0
  /// Time in `monotonicSeconds()` since which nothing runs and nothing is claimed.
  var idleSince: Double?
  /// Time since which every slot is used.
  var fullSince: Double?
}

/// The step after a turn.
enum NextTurn: Sendable, Equatable {
  /// Seconds until the next, unless something happens before.
  case after(Double)
  /// The agent has nothing more to do, in words.
  case never(String)
}

extension Agent {
  /// Longest wait for a notification of ready work, as one may have been lost with a session.
  private static let pollInterval = 5.0
  /// Seconds without work after which the claiming thread gives up its session.
  static let restAfter = 5.0

  /// Claims what there is and starts it.
  /// - Throws: `LeaseLost`; `PostgresError` that may pass
  func turn(
    of claimer: Claimer, _ worker: Registration, _ memory: inout ClaimMemory,
    _ connection: inout RetryingConnection, _ scratch: ScratchFolder
  ) throws -> NextTurn {
    if monotonicSeconds() >= memory.nextReap {
      try connection.run { try WorkerQueue($0).reap() }
      memory.nextReap = monotonicSeconds() + configuration.beat
    }
    if let lack = ScratchFolder.lack(of: scratch.path, trying: false) {
      state.update { if $0.host.isAble { $0.host.found(lack, at: monotonicSeconds()) } }
    }
    let (used, claimsFrom, host) = state.read { ($0.attempts.count, $0.claimsFrom, $0.host) }
    try tell(host.lack, of: worker, &connection, after: &memory.told)
    var report = memory.report ?? HostReport(scratch)
    defer { memory.report = report }
    try report.tell(worker, &connection)
    let left = configuration.mostJobs.map { $0 - memory.claimed } ?? .max
    let free = claimsFrom <= monotonicSeconds() ? min(configuration.slots - used, left) : 0
    let jobs =
      free > 0 && host.isAble
      ? try claim(free, for: worker, &connection, after: &memory.session, claimer) : []
    memory.claimed += jobs.count
    for job in jobs { start(job, of: worker, scratch, &connection) }

    let now = monotonicSeconds()
    memory.idleSince = used == 0 && jobs.isEmpty ? memory.idleSince ?? now : nil
    memory.fullSince = used >= configuration.slots ? memory.fullSince ?? now : nil
    if let most = configuration.mostJobs, memory.claimed >= most {
      // Said with the next beat, so that nobody counts on its free places.
      state.update { $0.claimsNoMore = true }
      if memory.idleSince != nil { return .never("has done \(memory.claimed) jobs, and ends") }
    }
    if let idle = configuration.idleTime, let since = memory.idleSince, now - since >= idle {
      return .never("has had nothing to do for \(idle.shortSeconds) s, and ends")
    }
    if configuration.untilIdle, jobs.isEmpty, used == 0, free > 0 {
      // Twice in a row: work that became ready between the claim and the question is then
      // claimed.
      let isIdle =
        try host.isKnown && !hasPendingWork(&connection, worker, lacking: host.lack != nil)
      if !isIdle || memory.wasIdle {
        let words = try awaited(&connection).map { isIdle ? "idle, though \($0)" : "waits: \($0)" }
        if let words, words != memory.said { logger.info("\(words)") }
        memory.said = words
      }
      if isIdle && memory.wasIdle { return .never("") }
      memory.wasIdle = isIdle
      if isIdle { return .after(0) }
    } else {
      memory.wasIdle = false
      memory.said = nil
    }
    var time = min(Self.pollInterval, configuration.beat) * Double.random(in: 0.5...1)
    if free == 0, claimsFrom > now { time = min(time, claimsFrom - now) }
    if let idle = configuration.idleTime, let since = memory.idleSince {
      time = max(0.01, min(time, since + idle - now))
    }
    return .after(time)
  }

  /// - Parameter last: the session of the last claim
  private func claim(
    _ count: Int, for worker: Registration, _ connection: inout RetryingConnection,
    after last: inout ClaimMemory.Session, _ claimer: Claimer
  ) throws -> [ClaimedJob] {
    try connection.run { connection in
      let session = ClaimMemory.Session(
        number: claimSessions.read { $0 }, worker: worker, claimer: claimer)
      if session != last {
        // The answer to the last claim may have been lost with the session before.
        try releaseUnheard(of: worker, connection)
        last = session
      }
      // Saves the server from searching jobs that ended before the first that still runs.
      let oldest = state.read { $0.attempts.keys.map(\.job).min() }
      return try WorkerQueue(connection).claim(
        worker: worker, count: count, oldest: oldest ?? 0)
    }
  }

  /// Tells the database what the host lacks, or that it lacks nothing any more.
  /// - Parameter last: what was told before
  private func tell(
    _ lack: String?, of worker: Registration, _ connection: inout RetryingConnection,
    after last: inout (worker: Registration?, lack: String?)
  ) throws {
    if worker != last.worker { last = (worker, nil) }
    guard lack != last.lack else { return }
    try connection.run { try WorkerQueue($0).lacks(worker: worker, lack) }
    last.lack = lack
  }

  /// Gives back the jobs that the server believes to run here and the agent does not know.
  private func releaseUnheard(of worker: Registration, _ connection: Connection) throws {
    let known = state.read { Array($0.attempts.keys) }
    for job in try WorkerQueue(connection).releaseUnheard(worker: worker, known: known) {
      logger.warning("job \(job) is given back: the claim was not heard")
    }
  }

  /// - Parameter lacking: whether jobs that are ready wait for this host, which does not claim
  private func hasPendingWork(
    _ connection: inout RetryingConnection, _ worker: Registration, lacking: Bool
  ) throws -> Bool {
    try connection.run {
      try $0.query(
        Queries.pending,
        [
          .texts(configuration.queues), .texts(configuration.kinds), .boolean(lacking),
          .integer(worker.worker),
        ]
      ).single().boolean("pending")
    }
  }

  /// The job that an idle agent waits for, in words.
  private func awaited(_ connection: inout RetryingConnection) throws -> String? {
    let queried = try connection.run {
      try $0.query(
        Queries.awaited, [.texts(configuration.queues), .texts(configuration.kinds)])
    }
    guard let row = queried.first else { return nil }
    let job = "job \(try row.string("id"))"
    return try row.boolean("runs") ? "\(job) runs" : "\(job) is due at \(try row.string("due"))"
  }
}

extension Double {
  /// Seconds without a needless fraction.
  var shortSeconds: String { self == rounded() && self < 1e15 ? "\(Int(self))" : "\(self)" }
}
