// The worker process: claims jobs, runs each as a child process, and makes sure that each ends.

import Glibc
import JobQueue
import Logging
import Postgres
import Threads

/// One worker. One thread claims, one sends heartbeats, one reports, one keeps deadlines, one looks at
/// the host, one collects garbage when it is time, and two watch each stage. None of them computes, so liveness does not depend on a stage.
package final class Agent: Sendable {
  let configuration: AgentConfiguration
  let logger: Logger
  let state = Monitor(AgentState())
  /// Wakes the claiming thread: a slot is free, or the agent is asked to leave.
  let work = WakeUp()
  /// The number of sessions that the claiming thread has opened.
  let claimSessions = Monitor(0)
  /// Signalled once, to end every thread.
  let over = WakeUp()

  /// Seconds within which the ends of killed stages must be reported.
  private static let reportTime = 10.0

  package init(_ configuration: AgentConfiguration, logger: Logger) {
    self.configuration = configuration
    self.logger = logger
  }

  /// Works until a signal asks it to leave (`Signals`), or until it is idle if it shall then end. A
  /// second SIGTERM or SIGINT kills the stages at once.
  /// - Returns: the exit code: 0 after an orderly end, 1 if stages had to be given up
  package func run() throws -> Int32 {
    try configuration.validate()
    // A file of secrets that cannot be used is said now, and not by each job that needs one.
    _ = try SecretRules(environment: configuration.environment)
    let scratch = try ScratchFolder(
      environment: configuration.environment, cacheQuota: configuration.cacheQuota)
    // Keeps the folders until the end: stages use them after the last use of this variable.
    defer { withExtendedLifetime(scratch) {} }
    if !ProcessTree.endWithThis("PRA_SCRATCH", beginningWith: "\(scratch.path)/") {
      throw AgentError("the process that ends stages with their agent: \(systemError())")
    }
    ProcessTree.adoptOrphans()
    let signals = Signals()
    let threads = [
      try DedicatedThread("heartbeat") { self.beat() },
      try DedicatedThread("report") { self.report() },
      try DedicatedThread("deadlines") { self.keepDeadlines() },
    ]
    // Not waited for: a store that does not answer must not keep the agent from leaving.
    try DedicatedThread("host") { [path = scratch.path, cache = scratch.cache] in
      self.watchHost(path, cache)
    }
    try DedicatedThread("upkeep") { self.keepUp() }
    let watch = try DedicatedThread("signals") { signals.watch { self.leave(isUrgent: $0) } }
    var connection = RetryingConnection(
      url: configuration.databaseURL, role: .worker,
      name: "pra worker \(configuration.name) claim",
      giveUp: { [state] in state.read { $0.phase > .working } },
      report: { [logger] in logger.warning("\($0)") },
      prepare: { [claimSessions] connection in
        try connection.listen("pra_ready")
        claimSessions.update { $0 += 1 }
      })
    claim(&connection, scratch)
    let isOrderly = drain()
    // The heartbeat must end first: it would register again if it found the registration gone.
    state.update { $0.phase = .over }
    over.signal()
    for thread in threads { thread.join() }
    let isSaid = deregister(&connection)
    signals.end()
    watch.join()
    if let failure = state.read({ $0.failure }) { throw failure }
    return isOrderly && isSaid ? 0 : 1
  }

  /// Begins to leave: at the first call stages may save a checkpoint, at a second that is urgent
  /// they are killed.
  private func leave(isUrgent: Bool) {
    state.update { state in
      if state.phase == .working {
        state.phase = .draining
        state.drainEnd = monotonicSeconds() + configuration.drainTime
        for key in state.attempts.keys {
          state.stop(key, because: .drained, killAt: state.drainEnd)
        }
      } else if state.phase == .draining && isUrgent {
        state.phase = .killing
      }
      if state.phase == .killing {
        for key in state.attempts.keys { state.kill(key, because: .drained) }
      }
    }
    work.signal()
  }

  /// Kills stages that have not ended by their deadline.
  private func keepDeadlines() {
    while true {
      let due = state.read { $0.nextKill }
      let isOver: Bool? = state.wait(until: due ?? .infinity) { state in
        if state.phase == .over { return true }
        return state.nextKill != due ? false : nil
      }
      if isOver == true { return }
      state.update { $0.killDue(at: monotonicSeconds()) }
    }
  }

  /// Ends the agent with an error, and its stages with it.
  func fail(_ error: AgentError) {
    logger.error("\(error)")
    state.update { state in
      state.failure = state.failure ?? error
      state.phase = max(state.phase, .killing)
      for key in state.attempts.keys { state.kill(key, because: .lost) }
    }
    work.signal()
  }

  // MARK: leaving

  /// Waits until the stages have ended and the database knows.
  private func drain() -> Bool {
    let isInTime: Bool? = state.wait(until: state.read { $0.drainEnd }) {
      $0.attempts.isEmpty || $0.phase > .draining ? $0.phase < .killing : nil
    }
    // All stages are killed by now; only their reports are left.
    let isReported: Bool? = state.wait(until: monotonicSeconds() + Self.reportTime) {
      $0.attempts.isEmpty ? true : nil
    }
    state.update { $0.givesUp = true }
    return isInTime == true && isReported == true
  }

  /// Ends the registration, which releases any job still assigned to it. In a session that is open:
  /// a server that is stopped together with its workers takes no new one, but lets those go on.
  private func deregister(_ connection: inout RetryingConnection) -> Bool {
    guard let worker = state.read({ $0.worker }) else { return true }
    do {
      try connection.attempt { try WorkerQueue($0).deregister(worker: worker) }
      return true
    } catch {
      logger.warning("worker \(worker.worker) left without a word, its lease will end: \(error)")
      return false
    }
  }
}
