// What the threads of the agent share: its registration and its running attempts.

import JobQueue

/// Why the agent ends an attempt before it ends by itself; the stronger reason prevails.
enum StopReason: Int, Sendable, Comparable {
  /// Other work needs the place: checkpoint and come back.
  case preempted
  /// The agent leaves.
  case drained
  case timedOut
  case cancelled
  /// Nothing may be written for it any more.
  case lost

  static func < (one: StopReason, other: StopReason) -> Bool { one.rawValue < other.rawValue }
}

struct AgentState: Sendable {
  /// Where the agent is on its way from start to end.
  enum Phase: Int, Sendable, Comparable {
    case working
    /// Asked to leave: stages checkpoint, nothing is claimed.
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
    /// On `monotonicSeconds()`; killed then if it has not ended.
    var killAt: Double?
    var end: ProcessEnd?
  }

  var phase = Phase.working
  /// The registration; nil before the first and between a lost lease and the next.
  var worker: Int64?
  var attempts: [Lease: Running] = [:]
  /// When draining ends, on `monotonicSeconds()`.
  var drainEnd = 0.0
  /// Set when reports that found no server are given up.
  var givesUp = false
  /// What ends the agent with an error.
  var failure: AgentError?

  var nextKill: Double? { attempts.values.compactMap(\.killAt).min() }

  /// Asks a stage to stop, and sets the moment of the kill.
  mutating func stop(_ key: Lease, because reason: StopReason, killAt: Double) {
    guard var running = attempts[key], running.end == nil else { return }
    if let earlier = running.reason, earlier >= reason { return }
    if running.reason == nil { running.attempt.child.requestStop() }
    running.reason = reason
    running.killAt = min(running.killAt ?? .infinity, killAt)
    attempts[key] = running
  }

  /// Ends a stage for certain.
  mutating func kill(_ key: Lease, because reason: StopReason) {
    guard var running = attempts[key] else { return }
    running.reason = max(running.reason ?? reason, reason)
    running.killAt = nil
    attempts[key] = running
    running.attempt.child.kill()
  }

  /// Ends the stages whose time to stop by themselves is over.
  mutating func killDue(at now: Double) {
    for (key, running) in attempts {
      if let due = running.killAt, due <= now { kill(key, because: running.reason ?? .drained) }
    }
  }

  /// The lease of a registration is over: its stages must not go on, whatever they are doing.
  mutating func loseLease(of lost: Int64) {
    guard worker == lost else { return }
    worker = nil
    for key in attempts.keys { kill(key, because: .lost) }
  }
}
