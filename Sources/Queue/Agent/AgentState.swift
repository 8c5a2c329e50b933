// The state that the agent's threads share: its registration and its running attempts.

import JobQueue

/// The reason why the agent stops an attempt; the stronger reason prevails.
enum StopReason: Int, Sendable, Comparable {
  /// Other work needs the slot: save a checkpoint and come back.
  case preempted
  /// The agent leaves.
  case drained
  case timedOut
  case cancelled
  /// The lease is lost: the attempt may write nothing any more.
  case lost

  static func < (one: StopReason, other: StopReason) -> Bool { one.rawValue < other.rawValue }
}

struct AgentState: Sendable {
  /// The phases of an agent's life, in order.
  enum Phase: Int, Sendable, Comparable {
    case working
    /// Asked to leave: stages save checkpoints, nothing is claimed.
    case draining
    /// Asked twice, or out of time: stages are killed.
    case killing
    /// Every thread ends.
    case over

    static func < (one: Phase, other: Phase) -> Bool { one.rawValue < other.rawValue }
  }

  struct Running: Sendable {
    let attempt: RunningAttempt
    var reason: StopReason?
    /// Deadline in `monotonicSeconds()`, at which it is killed if it has not ended.
    var killAt: Double?
    var end: ProcessEnd?
  }

  var phase = Phase.working
  var claimer = Claimer.heart
  /// Whether as many jobs were claimed as may be.
  var claimsNoMore = false
  /// Whether the heartbeat has found, while it claimed, that nothing more is to be done.
  var isDone = false
  var isDeregistered = false
  /// Whether it was a worker once: a schema that admits it no longer lets it end in order.
  var wasRegistered = false
  var host = HostState()
  /// The registration; nil before the first, and between a lost lease and the next.
  var worker: Registration?
  var attempts: [Lease: Running] = [:]
  /// Time of the next claim, in `monotonicSeconds()`.
  var claimsFrom = 0.0
  /// Deadline of draining, in `monotonicSeconds()`.
  var drainEnd = 0.0
  /// Whether reports that found no server are given up.
  var givesUp = false
  /// The error that ends the agent.
  var failure: AgentError?

  /// The next deadline of a stage, or the agent's own while it works.
  func nextDeadline(leavingAt own: Double?) -> Double? {
    let kills = attempts.values.compactMap(\.killAt).min()
    guard phase == .working, let own else { return kills }
    return min(kills ?? own, own)
  }

  /// Asks a stage to stop, and sets the deadline after which it is killed.
  mutating func stop(_ key: Lease, because reason: StopReason, killAt: Double) {
    guard var running = attempts[key], running.end == nil else { return }
    if let earlier = running.reason, earlier >= reason { return }
    if running.reason == nil { running.attempt.child.requestStop() }
    running.reason = reason
    running.killAt = min(running.killAt ?? .infinity, killAt)
    attempts[key] = running
  }

  /// Kills a stage.
  mutating func kill(_ key: Lease, because reason: StopReason) {
    guard var running = attempts[key] else { return }
    running.reason = max(running.reason ?? reason, reason)
    running.killAt = nil
    attempts[key] = running
    running.attempt.child.kill()
  }

  /// Kills the stages that have not ended by their deadline.
  mutating func killDue(at now: Double) {
    for (key, running) in attempts {
      if let due = running.killAt, due <= now { kill(key, because: running.reason ?? .drained) }
    }
  }

  /// Kills the stages of a registration whose lease is over, whatever they are doing.
  mutating func loseLease(of lost: Registration) {
    guard worker == lost else { return }
    worker = nil
    for key in attempts.keys { kill(key, because: .lost) }
  }
}
