// The claiming thread: claims, waits, and starts what it is given.

import Glibc
import JobQueue
import Logging
import Postgres
import Threads

extension Agent {
  /// Longest wait for a notification of ready work: it may have been lost with a session.
  private static let pollInterval = 5.0

  /// One session of one registration.
  private struct ClaimSession {
    var number = 0
    var worker: Int64 = 0
    var channel = ""
  }

  /// Who ends when it is idle waits for nothing, and so is handed nothing.
  private var isWaiting: Bool { !configuration.untilIdle }

  func claim(_ connection: inout RetryingConnection, _ scratch: ScratchFolder) {
    var nextReap = 0.0
    var wasIdle = false
    var session = ClaimSession()
    defer { stopWaiting(&connection) }
    while state.read({ $0.phase }) == .working {
      work.drain()
      guard let worker = state.read({ $0.worker }) else {
        // Registration wakes this thread.
        work.wait()
        continue
      }
      do {
        if monotonicSeconds() >= nextReap {
          try connection.run { try WorkerQueue($0).reap() }
          nextReap = monotonicSeconds() + configuration.beat
        }
        let free = configuration.slots - state.read { $0.attempts.count }
        let jobs = free > 0 ? try claim(free, for: worker, &connection, after: &session) : []
        for job in jobs { start(job, of: worker, scratch, &connection) }

        if configuration.untilIdle, jobs.isEmpty, free == configuration.slots {
          // Twice in a row: what became ready between the claim and the question is claimed then.
          let isIdle = try !hasPendingWork(&connection)
          if isIdle && wasIdle { return }
          wasIdle = isIdle
          if isIdle { continue }
        } else {
          wasIdle = false
        }
        let time = min(Self.pollInterval, configuration.beat) * Double.random(in: 0.5...1)
        let heard = try connection.attempt {
          try $0.wait(.seconds(time), wakeUp: work.descriptor)
        }
        for job in try WorkerQueue.jobs(handedOn: session.channel, by: heard) {
          start(job, of: worker, scratch, &connection)
        }
      } catch let lost as LeaseLost {
        loseLease(of: worker, lost)
      } catch let error as PostgresError where error.mayPass {
        continue  // the next `run` waits for the server, and ends when the agent shall leave
      } catch {
        fail(AgentError("\(error)"))
      }
    }
  }

  /// - Parameter last: the session of the last claim
  private func claim(
    _ count: Int, for worker: Int64, _ connection: inout RetryingConnection,
    after last: inout ClaimSession
  ) throws -> [ClaimedJob] {
    try connection.run { connection in
      let number = claimSessions.read { $0 }
      if number != last.number || worker != last.worker {
        let session = ClaimSession(
          number: number, worker: worker, channel: WorkerQueue.newChannel())
        if isWaiting { try connection.listen(session.channel) }
        // What was claimed by the session before, or handed to it, may have been lost with it; also what is
        // handed to it at this moment, for which the first waits and which the second then sees.
        if number != last.number {
          if isWaiting { try WorkerQueue(connection).stopWaiting(worker: worker) }
          try releaseUnknown(of: worker, connection, "the claim was not heard")
        }
        last = session
      }
      // What ended before the first that still runs is not looked at again.
      let oldest = state.read { $0.attempts.keys.map(\.job).min() }
      return try WorkerQueue(connection).claim(
        worker: worker, count: count, oldest: oldest ?? 0,
        waitsOn: isWaiting ? last.channel : nil)
    }
  }

  /// Gives back what the server believes to run here and the agent has not heard of.
  private func releaseUnknown(of worker: Int64, _ connection: Connection, _ why: String) throws {
    let known = state.read { Set($0.attempts.keys) }
    for row in try connection.query(Queries.running, [.integer(worker)]) {
      let key = Lease(job: try row.integer("id"), epoch: try row.integer("epoch"))
      guard !known.contains(key) else { continue }
      logger.warning("job \(key.job) is given back: \(why)")
      do {
        try WorkerQueue(connection).release(key, message: why)
      } catch is LeaseLost {
        // Somebody cancelled it meanwhile; or the worker itself is lost, which the claim will tell.
      }
    }
  }

  /// What was handed over as the agent was asked to leave goes to others at once, and not only when all
  /// that runs here has ended.
  private func stopWaiting(_ connection: inout RetryingConnection) {
    guard isWaiting, let worker = state.read({ $0.worker }) else { return }
    do {
      try connection.attempt {
        try WorkerQueue($0).stopWaiting(worker: worker)
        try releaseUnknown(of: worker, $0, "the worker leaves")
      }
    } catch {
      logger.warning("what was handed to worker \(worker) stays there until it has left: \(error)")
    }
  }

  private func hasPendingWork(_ connection: inout RetryingConnection) throws -> Bool {
    try connection.run {
      try $0.query(
        Queries.pending, [.texts(configuration.queues), .texts(configuration.kinds)]
      ).single().boolean("pending")
    }
  }

  private func start(
    _ job: ClaimedJob, of worker: Int64, _ scratch: ScratchFolder,
    _ connection: inout RetryingConnection
  ) {
    let key = job.lease
    do throws(AgentError) {
      let attempt = try RunningAttempt(job: job, configuration: configuration, scratch: scratch)
      state.update { state in
        state.attempts[key] = AgentState.Running(attempt: attempt)
        // Lost or asked to leave since the claim.
        if state.worker != worker {
          state.kill(key, because: .lost)
        } else if state.phase > .working {
          state.stop(key, because: .drained, killAt: state.drainEnd)
        }
      }
      logger.info("job \(key.job) (\(job.kind)): attempt \(key.epoch) started")
      attempt.watch { end in
        self.state.update {
          $0.attempts[key]?.end = end
          $0.attempts[key]?.killAt = nil
        }
      }
    } catch {
      do {
        try send(ExitReport(notStarted: error), of: key, &connection)
      } catch {
        logger.error("job \(key.job): its end is not reported: \(error)")
      }
    }
  }
}
