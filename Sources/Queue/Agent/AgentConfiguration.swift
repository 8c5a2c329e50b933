// What a worker is told by its command line.

import FoundationEssentials
import Postgres

/// One agent: what it serves, and how long it waits.
package struct AgentConfiguration: Sendable {
  package var databaseURL: DatabaseURL
  /// As operators see it; need not be unique.
  package var name: String
  /// Of the program, for operators.
  package var version: String?
  /// What the requirements of jobs are compared with.
  package var labels: [String: String]
  package var queues: [String]
  package var kinds: [String]
  /// Jobs at once.
  package var slots: Int
  /// Threads for each of them.
  package var threads: Int
  /// Seconds of silence after which the server gives its jobs to others.
  package var lease: Double
  /// Seconds between heartbeats.
  package var beat: Double
  /// Seconds that a stage has to checkpoint and end when the agent ends, or when it is preempted.
  package var drainTime: Double
  /// End when nothing is ready or running for this agent.
  package var untilIdle: Bool
  /// Where the executables `pra-<kind>` lie.
  package var stageFolder: String
  /// Inherited by stages, below the variables of their attempt.
  package var environment: [String: String]

  package init(
    databaseURL: DatabaseURL, name: String, version: String? = nil, labels: [String: String] = [:],
    queues: [String] = ["default"], kinds: [String], slots: Int = 1, threads: Int = 1,
    lease: Double = 30, beat: Double = 10, drainTime: Double = 60, untilIdle: Bool = false,
    stageFolder: String, environment: [String: String] = ProcessInfo.processInfo.environment
  ) {
    self.databaseURL = databaseURL
    self.name = name
    self.version = version
    self.labels = labels
    self.queues = queues
    self.kinds = kinds
    self.slots = slots
    self.threads = threads
    self.lease = lease
    self.beat = beat
    self.drainTime = drainTime
    self.untilIdle = untilIdle
    self.stageFolder = stageFolder
    self.environment = environment
  }

  /// Refuses what cannot work, naming the field.
  func validate() throws(AgentError) {
    if queues.isEmpty { throw AgentError("queues: a worker serves at least one") }
    if kinds.isEmpty { throw AgentError("kinds: a worker runs at least one") }
    if slots < 1 { throw AgentError("slots: \(slots), must be 1 or more") }
    if threads < 1 { throw AgentError("threads: \(threads), must be 1 or more") }
    if lease < 1 { throw AgentError("lease: \(lease) s, must be 1 s or more") }
    if beat <= 0 || beat > lease / 2 {
      throw AgentError("beat: \(beat) s, must be above 0 and at most half the lease of \(lease) s")
    }
    if drainTime < 0 { throw AgentError("drainTime: \(drainTime) s, must not be negative") }
  }
}
