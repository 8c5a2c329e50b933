// The heartbeat, on its own thread with its own session, independent of the rest of the agent.

import Files
import Glibc
import JobQueue
import Logging
import Postgres
import Threads

extension Agent {
  /// Seconds in which a cancelled or timed-out stage may end by itself.
  private static let stopGrace = 5.0
  private static let lostGrace = 1.0

  /// Registers, sends heartbeats, and does what the answers ask, until the agent ends; claims while it is idle. Ends
  /// the registration in its own session.
  func beat(_ scratch: ScratchFolder) {
    var connection = RetryingConnection(
      url: configuration.databaseURL, role: .worker, name: "pra worker \(configuration.name) beat",
      giveUp: { true },
      report: { [logger] in logger.warning("\($0)") },
      prepare: { [claimSessions, state] connection in
        // One that is registered holds jobs, and its beat comes first.
        if state.read({ $0.worker == nil }) { try connection.leaveSessionsToPeople() }
        try connection.listen("pra_ask")
        claimSessions.update { $0 += 1 }
      })
    var failures = 0
    var nextBeat = 0.0
    while state.read({ $0.phase }) < .over {
      heart.drain()
      let (worker, phase) = state.read { ($0.worker, $0.phase) }
      if worker == nil, phase > .working {
        // It leaves, and takes nothing more.
        heart.wait(seconds: configuration.beat)
        continue
      }
      do {
        if let worker, monotonicSeconds() < nextBeat {
          try claimIfIdle(worker, &connection, scratch, until: nextBeat)
          continue
        }
        if let worker {
          try heartbeat(of: worker, &connection)
          manager?.tell("WATCHDOG=1")
        } else {
          try register(&connection)
        }
        failures = 0
        nextBeat = monotonicSeconds() + configuration.beat
      } catch let lost as LeaseLost {
        if let worker { loseLease(of: worker, lost) }
      } catch let error as PostgresError where error.mayPass || error.isOfValue {
        if error.isOfValue { logger.warning("a heartbeat failed: \(error)") }
        failures += 1
        nextBeat = 0
        manager?.waitsForDatabase(registered: worker != nil)
        // The backoff must not grow beyond the beat: after an outage the server waits one lease for
        // a heartbeat.
        heart.wait(seconds: min(configuration.beat, Backoff.seconds(afterFailures: failures)))
      } catch let error as PostgresError
        where error.sqlState == SchemaMismatch.sqlState && state.read({ $0.wasRegistered })
      {
        logger.notice("it drains, since \(error)")
        nextBeat = 0
        leave(isUrgent: false)
      } catch {
        fail(AgentError("\(error)"))
        let _: Bool? = state.wait { $0.phase == .over ? true : nil }
      }
    }
    deregister(&connection)
  }

  /// Claims, if nobody else does, and waits: for a notification, for the next beat or for the end.
  private func claimIfIdle(
    _ worker: Registration, _ connection: inout RetryingConnection, _ scratch: ScratchFolder,
    until nextBeat: Double
  ) throws {
    var time = max(0, nextBeat - monotonicSeconds())
    var isClaimer = state.read { $0.claimer == .heart && $0.phase == .working && !$0.isDone }
    if isClaimer {
      // Before it looks, so that it hears of what comes afterwards.
      try connection.attempt { try $0.listen("pra_ready") }
      switch try attemptTurn(of: .heart, worker, &connection, scratch) {
      case .never:
        state.update { $0.isDone = true }
        work.signal()
      case .after(let pause): time = min(time, pause)
      case nil: return
      }
      if state.read({ !$0.attempts.isEmpty }) {
        // There is work: the rest is the claiming thread's.
        isClaimer = false
        state.update { $0.claimer = .thread }
        try connection.attempt { try $0.unlisten("pra_ready") }
        work.signal()
      }
    }
    let isNotified = try connection.attempt {
      try $0.wait(.seconds(time), wakeUp: heart.descriptor)
    }
    // Something is asked of a busy agent; the answer to a heartbeat says what.
    if isNotified, !isClaimer, let worker = state.read({ $0.worker }) {
      try heartbeat(of: worker, &connection)
    }
  }

  /// Stops every stage of a registration whose lease is over.
  func loseLease(of worker: Registration, _ error: LeaseLost) {
    let count = state.update { state in
      defer { state.loseLease(of: worker) }
      return state.worker == worker ? state.attempts.count : nil
    }
    if let count {
      logger.warning("\(error); \(count) stages are killed, the worker registers anew")
    }
  }

  private func register(_ connection: inout RetryingConnection) throws {
    let labels = JSONText.object(
      configuration.labels.sorted { $0.key < $1.key }.map { ($0.key, JSONText.string($0.value)) })
    let worker = try connection.attempt {
      // Somebody may have migrated the database since this program started.
      try Migrator($0).verifyStructure()
      return try WorkerQueue($0).register(
        name: configuration.name, labels: labels, queues: configuration.queues,
        kinds: configuration.kinds, slots: configuration.slots,
        lease: .seconds(configuration.lease), version: configuration.version,
        stays: leavesAt.map { .seconds(max(0.001, $0 - monotonicSeconds())) })
    }
    state.update { ($0.worker, $0.wasRegistered) = (worker, true) }
    wake()
    manager?.tell("READY=1\nSTATUS=worker \(worker.worker)")
    logger.info("registered as worker \(worker.worker)")
  }

  private func heartbeat(of worker: Registration, _ connection: inout RetryingConnection) throws {
    let (keys, draining) = state.read { state in
      (
        state.attempts.filter { $0.value.end == nil && $0.value.reason != .lost }.map(\.key),
        state.phase > .working || state.claimsNoMore
      )
    }
    let asks = try connection.attempt {
      // Somebody may have migrated the database to a schema that this program is too old for.
      if !draining { try Migrator($0).verifyWork() }
      return try WorkerQueue($0).heartbeat(worker: worker, running: keys, draining: draining)
    }
    guard !asks.isEmpty else { return }
    let now = monotonicSeconds()
    state.update { state in
      for (key, ask, seconds) in asks {
        switch ask {
        // Its writes are refused from now on. It may also have committed a moment ago and end by
        // itself.
        case .lost: state.stop(key, because: .lost, killAt: now + Self.lostGrace)
        case .cancel: state.stop(key, because: .cancelled, killAt: now + Self.stopGrace)
        case .timeout: state.stop(key, because: .timedOut, killAt: now + Self.stopGrace)
        case .preempt:
          let time = min(configuration.drainTime, seconds ?? .infinity)
          state.stop(key, because: .preempted, killAt: now + time)
        }
      }
    }
  }
}
