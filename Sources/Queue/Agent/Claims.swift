// The claiming thread: claims jobs, waits for more, and starts them.

import Glibc
import JobQueue
import Logging
import Postgres
import Threads

extension Agent {
  /// Longest wait for a notification of ready work, as one may have been lost with a session.
  private static let pollInterval = 5.0

  /// Seconds without a claim after a stage was stopped by somebody else than its agent.
  private static let stopPause = 3.0

  /// The session and the registration of the last claim.
  private struct ClaimSession {
    var number = 0
    var worker: Registration?
  }

  func claim(_ connection: inout RetryingConnection, _ scratch: ScratchFolder) {
    var nextReap = 0.0
    var wasIdle = false
    var said: String?
    var session = ClaimSession()
    var told: (worker: Registration?, lack: String?) = (nil, nil)
    var report = HostReport(scratch)
    while state.read({ $0.phase }) == .working {
      work.drain()
      guard let worker = state.read({ $0.worker }) else {
        // A new registration wakes this thread.
        work.wait()
        continue
      }
      do {
        if monotonicSeconds() >= nextReap {
          try connection.run { try WorkerQueue($0).reap() }
          nextReap = monotonicSeconds() + configuration.beat
        }
        if let lack = ScratchFolder.lack(of: scratch.path, trying: false) {
          state.update { if $0.host.isAble { $0.host.found(lack, at: monotonicSeconds()) } }
        }
        let (used, claimsFrom, host) = state.read { ($0.attempts.count, $0.claimsFrom, $0.host) }
        try tell(host.lack, of: worker, &connection, after: &told)
        try report.tell(worker, &connection)
        let free = claimsFrom <= monotonicSeconds() ? configuration.slots - used : 0
        let jobs =
          free > 0 && host.isAble ? try claim(free, for: worker, &connection, after: &session) : []
        for job in jobs { start(job, of: worker, scratch, &connection) }

        if configuration.untilIdle, jobs.isEmpty, free == configuration.slots {
          // Twice in a row: work that became ready between the claim and the question is then
          // claimed.
          let isIdle = try host.isKnown && !hasPendingWork(&connection, lacking: host.lack != nil)
          if !isIdle || wasIdle {
            let words = try awaited(&connection).map {
              isIdle ? "idle, though \($0)" : "waits: \($0)"
            }
            if let words, words != said { logger.info("\(words)") }
            said = words
          }
          if isIdle && wasIdle { return }
          wasIdle = isIdle
          if isIdle { continue }
        } else {
          wasIdle = false
          said = nil
        }
        var time = min(Self.pollInterval, configuration.beat) * Double.random(in: 0.5...1)
        if free == 0, claimsFrom > monotonicSeconds() {
          time = min(time, claimsFrom - monotonicSeconds())
        }
        try connection.attempt { try $0.wait(.seconds(time), wakeUp: work.descriptor) }
      } catch let lost as LeaseLost {
        loseLease(of: worker, lost)
      } catch let error as PostgresError where error.mayPass {
        continue  // the next `run` waits for the server, and ends when the agent shall leave
      } catch let error as PostgresError where error.isOfValue {
        // A row that no claim can serve must not end what runs.
        logger.warning("nothing is claimed now: \(error)")
        work.drain()
        work.wait(seconds: configuration.beat)
      } catch {
        fail(AgentError("\(error)"))
      }
    }
  }

  /// - Parameter last: the session of the last claim
  private func claim(
    _ count: Int, for worker: Registration, _ connection: inout RetryingConnection,
    after last: inout ClaimSession
  ) throws -> [ClaimedJob] {
    try connection.run { connection in
      let number = claimSessions.read { $0 }
      if number != last.number || worker != last.worker {
        // The answer to the last claim may have been lost with the session before.
        if number != last.number { try releaseUnheard(of: worker, connection) }
        last = ClaimSession(number: number, worker: worker)
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
    _ connection: inout RetryingConnection, lacking: Bool
  ) throws -> Bool {
    try connection.run {
      try $0.query(
        Queries.pending,
        [.texts(configuration.queues), .texts(configuration.kinds), .boolean(lacking)]
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

  private func start(
    _ job: ClaimedJob, of worker: Registration, _ scratch: ScratchFolder,
    _ connection: inout RetryingConnection
  ) {
    let key = job.lease
    do throws(AgentError) {
      let attempt = try RunningAttempt(
        job: job, configuration: configuration, scratch: scratch, device: freeDevice(for: job))
      state.update { state in
        state.attempts[key] = AgentState.Running(attempt: attempt)
        // The lease was lost, or the agent asked to leave, since the claim.
        if state.worker != worker {
          state.kill(key, because: .lost)
        } else if state.phase > .working {
          state.stop(key, because: .drained, killAt: state.drainEnd)
        }
      }
      logger.info("job \(key.job) (\(job.kind)): attempt \(key.epoch) started")
      do throws(ThreadError) {
        try attempt.watch { end in self.note(end, of: key) }
      } catch {
        state.update { _ = $0.attempts.removeValue(forKey: key) }
        removeTree(attempt.folder)
        throw AgentError("\(error)")
      }
    } catch {
      pause(for: error.description)
      do {
        try send(ExitReport(notStarted: error), of: key, &connection)
      } catch {
        logger.error("job \(key.job): its end is not reported: \(error)")
      }
    }
  }

  /// A device that no running stage has, for a job that needs one.
  private func freeDevice(for job: ClaimedJob) throws(AgentError) -> String? {
    guard !configuration.devices.isEmpty, configuration.kindsOfDevices.contains(job.kind) else {
      return nil
    }
    let taken = state.read { Set($0.attempts.values.compactMap(\.attempt.device)) }
    guard let device = configuration.devices.first(where: { !taken.contains($0) }) else {
      throw AgentError("every device is taken: \(configuration.devices.joined(separator: ", "))")
    }
    return device
  }

  private func note(_ end: ProcessEnd, of key: Lease) {
    let isStrange = state.update { state in
      state.attempts[key]?.end = end
      state.attempts[key]?.killAt = nil
      return state.phase == .working && state.attempts[key]?.reason == nil
    }
    // A stop of a stage is often followed by one of its agent, which would stop the next stage at
    // once.
    if isStrange, end.isStop {
      state.update { $0.claimsFrom = monotonicSeconds() + Self.stopPause }
    }
  }
}
