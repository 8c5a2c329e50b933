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

  /// Registers, sends heartbeats, and does what the answers ask, until the agent ends.
  func beat() {
    var connection = RetryingConnection(
      url: configuration.databaseURL, role: .worker, name: "pra worker \(configuration.name) beat",
      report: { [logger] in logger.warning("\($0)") },
      prepare: { try $0.listen("pra_ask") })
    var failures = 0
    while state.read({ $0.phase }) < .over {
      let worker = state.read { $0.worker }
      do {
        if let worker {
          try heartbeat(of: worker, &connection)
        } else {
          try register(&connection)
        }
        failures = 0
        try connection.attempt {
          // A notification means that something is asked of a job; the answer to the heartbeat says
          // what.
          try $0.wait(.seconds(configuration.beat), wakeUp: over.descriptor)
        }
      } catch let lost as LeaseLost {
        if let worker { loseLease(of: worker, lost) }
      } catch let error as PostgresError where error.mayPass || error.isOfValue {
        if error.isOfValue { logger.warning("a heartbeat failed: \(error)") }
        failures += 1
        // The backoff must not grow beyond the beat: after an outage the server waits one lease for
        // a heartbeat.
        over.wait(seconds: min(configuration.beat, Backoff.seconds(afterFailures: failures)))
      } catch {
        fail(AgentError("\(error)"))
        return
      }
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
        lease: .seconds(configuration.lease), version: configuration.version)
    }
    state.update { $0.worker = worker }
    work.signal()
    logger.info("registered as worker \(worker.worker)")
  }

  private func heartbeat(of worker: Registration, _ connection: inout RetryingConnection) throws {
    let (keys, draining) = state.read { state in
      (
        state.attempts.filter { $0.value.end == nil && $0.value.reason != .lost }.map(\.key),
        state.phase > .working
      )
    }
    let asks = try connection.attempt {
      try WorkerQueue($0).heartbeat(worker: worker, running: keys, draining: draining)
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
