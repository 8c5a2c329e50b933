// The worker process: claims jobs, runs each as a child process, and makes sure that each ends.

import Glibc
import JobQueue
import Logging
import Postgres
import Synchronization
import Threads

/// One worker. One thread claims, one sends heartbeats, one reports, one keeps deadlines, one looks at
/// the host, one collects garbage when it is time, and two watch each stage. None of them computes, so liveness does not depend on a stage.
package final class Agent: Sendable {
  let configuration: AgentConfiguration
  let logger: Logger
  let state = Monitor(AgentState())
  /// The memory of claims; held through a turn.
  let memory = Mutex(ClaimMemory())
  /// Wakes the claiming thread: a slot is free, or the agent is asked to leave.
  let work = WakeUp()
  /// Wakes the heartbeat: it shall claim, or the agent is over.
  let heart = WakeUp()
  /// The number of sessions that the claiming thread and the heartbeat have opened.
  let claimSessions = Monitor(0)
  let manager: ServiceManager?

  /// Time in `monotonicSeconds()` at which the agent drains by itself, so that it has ended with its lifetime.
  let leavesAt: Double?

  /// Seconds within which the ends of killed stages must be reported.
  private static let reportTime = 10.0

  package init(_ configuration: AgentConfiguration, logger: Logger) {
    self.configuration = configuration
    self.logger = logger
    leavesAt = configuration.lifetime.map { monotonicSeconds() + $0 - configuration.drainTime }
    manager = ServiceManager(environment: configuration.environment)
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
      try DedicatedThread("heartbeat") { self.beat(scratch) },
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
        try connection.leaveSessionsToPeople()
        try connection.listen("pra_ready")
        claimSessions.update { $0 += 1 }
      })
    claim(&connection, scratch)
    manager?.tell("STOPPING=1")
    let isOrderly = drain()
    state.update { $0.phase = .over }
    heart.signal()
    for thread in threads { thread.join() }
    let isSaid = state.read { $0.worker == nil || $0.isDeregistered }
    signals.end()
    watch.join()
    if let failure = state.read({ $0.failure }) { throw failure }
    return isOrderly && isSaid ? 0 : 1
  }

  /// Begins to leave: at the first call stages may save a checkpoint, at a second that is urgent
  /// they are killed.
  func leave(isUrgent: Bool) {
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
    wake()
  }

  /// Wakes whoever claims now.
  func wake() {
    work.signal()
    if state.read({ $0.claimer }) == .heart { heart.signal() }
  }

  /// Kills stages that have not ended by their deadline, and drains when the agent's own time is over.
  private func keepDeadlines() {
    while true {
      let due = state.read { $0.nextDeadline(leavingAt: leavesAt) }
      let isOver: Bool? = state.wait(until: due ?? .infinity) { state in
        if state.phase == .over { return true }
        return state.nextDeadline(leavingAt: leavesAt) != due ? false : nil
      }
      if isOver == true { return }
      if let leavesAt, leavesAt <= monotonicSeconds(), state.read({ $0.phase }) == .working {
        logger.notice("its lifetime is over: it drains")
        leave(isUrgent: false)
      }
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
    wake()
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
  func deregister(_ connection: inout RetryingConnection) {
    guard let worker = state.read({ $0.worker }) else { return }
    do {
      try connection.attempt { try WorkerQueue($0).deregister(worker: worker) }
      state.update { $0.isDeregistered = true }
    } catch {
      logger.warning("worker \(worker.worker) left without a word, its lease will end: \(error)")
    }
  }
}
