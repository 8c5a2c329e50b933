// Sends logs and exits to the database, on one thread with one session.

import JobQueue
import Logging
import Postgres
import Threads

extension Agent {
  /// Seconds between looks for new output.
  private static let logInterval = 0.5
  /// Chunks of one log that are sent before it is another log's turn.
  private static let logRound = 16

  /// Sends the stages' output and reports how they ended, until the agent ends.
  func report() {
    var connection = RetryingConnection(
      url: configuration.databaseURL, role: .worker,
      name: "pra worker \(configuration.name) report",
      giveUp: { [state] in state.read { $0.givesUp } },
      report: { [logger] in logger.warning("\($0)") },
      prepare: { try $0.leaveSessionsToPeople() })
    while true {
      let deadline = monotonicSeconds() + Self.logInterval
      let isOver: Bool? = state.wait(until: deadline) { state in
        if state.phase == .over { return true }
        return state.attempts.values.contains { $0.end != nil } ? false : nil
      }
      if isOver == true { return }
      connection.close(unusedFor: .seconds(Self.restAfter))
      for (key, running) in state.read({ $0.attempts }).sorted(by: { $0.key.job < $1.key.job }) {
        sendLog(of: running, &connection)
        if running.end != nil { settle(key, running, &connection) }
      }
    }
  }

  private func sendLog(of running: AgentState.Running, _ connection: inout RetryingConnection) {
    let key = running.attempt.key
    do {
      var round = 0
      while round < Self.logRound || running.end != nil, let chunk = try running.attempt.log.next()
      {
        try connection.run {
          try WorkerQueue($0).appendLog(key, ordinal: Int(chunk.ordinal), bytes: chunk.bytes)
        }
        running.attempt.log.confirm(chunk)
        round += 1
      }
    } catch is LeaseLost {
      // A lost lease is normal after a commit, when the next attempt of a job retried by hand may
      // run.
      if running.end == nil { state.update { $0.kill(key, because: .lost) } }
    } catch {
      logger.error("job \(key.job): its log is not stored: \(error)", metadata: key.metadata)
    }
  }

  /// Reports the end of an attempt, unless its stage committed it, and frees its slot.
  private func settle(
    _ key: Lease, _ running: AgentState.Running, _ connection: inout RetryingConnection
  ) {
    let reason = state.read { $0.attempts[key]?.reason } ?? running.reason
    let report = ExitReport(end: running.end!, reason: reason, error: running.attempt.log.error)
    do {
      if try outcome(of: key, &connection) == "succeeded" {
        logger.info("job \(key.job) (\(running.attempt.kind)) succeeded", metadata: key.metadata)
        state.update { $0.host.succeeded() }
      } else if reason == .lost {
        logger.warning(
          "job \(key.job): attempt \(key.epoch) was lost and is killed", metadata: key.metadata)
      } else {
        if report.isLackOfAll {
          pause(for: report.message ?? "a stage could not run")
        }
        try send(report, of: key, &connection)
      }
    } catch is LeaseLost {
      logger.warning("job \(key.job): attempt \(key.epoch) was lost", metadata: key.metadata)
    } catch {
      logger.error("job \(key.job): its end is not reported: \(error)", metadata: key.metadata)
    }
    removeTree(running.attempt.folder)
    state.update { _ = $0.attempts.removeValue(forKey: key) }
    wake()
  }

  /// Reports the end of an attempt.
  func send(_ report: ExitReport, of key: Lease, _ connection: inout RetryingConnection)
    throws
  {
    let words = report.message.map { ": \($0)" } ?? ""
    logger.notice(
      "job \(key.job), attempt \(key.epoch): \(report.class.rawValue)\(words)",
      metadata: key.metadata)
    try connection.run { connection in
      do {
        try WorkerQueue(connection).reportExit(
          key, report.class, message: report.message, exitCode: report.code,
          exitSignal: report.signal, cause: report.cause)
      } catch let error as LeaseLost {
        // A repetition, if the first answer was lost on its way.
        guard let known = try outcome(of: key, connection), known != "lost" else { throw error }
      }
    }
  }

  private func outcome(of key: Lease, _ connection: inout RetryingConnection) throws -> String? {
    try connection.run { try outcome(of: key, $0) }
  }

  private func outcome(of key: Lease, _ connection: Connection) throws -> String? {
    // A database restored from a backup may not know the attempt.
    try connection.query(Queries.outcome, [.integer(key.job), .integer(key.epoch)])
      .first?.text("outcome")
  }
}

extension Lease {
  /// The job and the attempt, for programs that read logs.
  var metadata: Logger.Metadata { ["job": "\(job)", "attempt": "\(epoch)"] }
}
