// The settings of a worker's command line.

import FoundationEssentials
import JobQueue
import Postgres

/// The settings of one agent: the jobs it serves, and its waiting times.
package struct AgentConfiguration: Sendable {
  package var databaseURL: DatabaseURL
  /// The name that operators see; need not be unique.
  package var name: String
  /// Version of the program, for operators.
  package var version: String?
  /// Labels against which the requirements of jobs are checked.
  package var labels: [String: String]
  package var queues: [String]
  package var kinds: [String]
  /// Number of jobs at once.
  package var slots: Int
  /// Number of threads for each job.
  package var threads: Int
  /// Seconds without a heartbeat after which the server gives its jobs to other workers.
  package var lease: Double
  /// Seconds between heartbeats.
  package var beat: Double
  /// Seconds in which a stage must save a checkpoint and end when the agent leaves or the job is
  /// preempted.
  package var drainTime: Double
  /// Whether to end when nothing is ready or running for this agent.
  package var untilIdle: Bool
  /// Seconds without work after which it ends; nil for no end.
  package var idleTime: Double?
  /// Seconds after which it has ended; it drains `drainTime` before, and claims no job whose time limit is longer than
  /// what is left; nil for no end.
  package var lifetime: Double?
  /// The number of jobs after which it ends; nil for no end.
  package var mostJobs: Int?
  /// The folder of the executables `pra-<kind>`.
  package var stageFolder: String
  /// The most bytes that the host's cache of artifacts may take; 0 for no cache, nil for a quarter of its file
  /// system.
  package var cacheQuota: Int64?
  /// The address of this host at which ranks of other hosts reach those that run here; nil for the one from which this
  /// host reaches the database.
  package var address: String?
  /// Ports at which they listen; nil for any that are free.
  package var ports: ClosedRange<Int>?
  /// Devices as `PRA_DEVICE` names them, each for one stage at a time; empty if the environment says
  /// which.
  package var devices: [String] = []
  /// Kinds that run on a device.
  package var kindsOfDevices: Set<String> = []
  /// Asks the store whether this host can use it; throws the reason why not.
  package var storeProbe: (@Sendable () throws -> Void)?
  /// Collects garbage where that is due; returns what went, or nil where nothing was due.
  package var upkeep: (@Sendable (Registration) throws -> String?)?
  /// Variables that stages inherit; those of their attempt take precedence.
  package var environment: [String: String]

  package init(
    databaseURL: DatabaseURL, name: String, version: String? = nil, labels: [String: String] = [:],
    queues: [String] = ["default"], kinds: [String], slots: Int = 1, threads: Int = 1,
    lease: Double = 30, beat: Double = 10, drainTime: Double = 60, untilIdle: Bool = false,
    cacheQuota: Int64? = 0, stageFolder: String,
    environment: [String: String] = ProcessInfo.processInfo.environment
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
    self.cacheQuota = cacheQuota
    self.stageFolder = stageFolder
    self.environment = environment
  }

  /// Refuses settings that cannot work, naming the field.
  func validate() throws(AgentError) {
    if queues.isEmpty { throw AgentError("queues: a worker serves at least one") }
    if kinds.isEmpty { throw AgentError("kinds: a worker runs at least one") }
    if let kind = kinds.first(where: { $0.wholeMatch(of: /[a-z][a-z0-9-]{0,62}/) == nil }) {
      throw AgentError("kinds: \"\(kind)\" is not a name of lower-case letters, digits and -")
    }
    if !(1...10_000).contains(slots) {
      throw AgentError("slots: \(slots), must be from 1 to 10000")
    }
    if threads < 1 { throw AgentError("threads: \(threads), must be 1 or more") }
    if !(1...600).contains(lease) {
      throw AgentError("lease: \(lease) s, must be from 1 s to 600 s")
    }
    if beat <= 0 || beat > lease / 2 {
      throw AgentError("beat: \(beat) s, must be above 0 and at most half the lease of \(lease) s")
    }
    if let cacheQuota, cacheQuota < 0 {
      throw AgentError("cacheQuota: \(cacheQuota) bytes, must not be negative")
    }
    if let lifetime, lifetime <= drainTime {
      throw AgentError("lifetime: \(lifetime) s, must be longer than drainTime, \(drainTime) s")
    }
    if let idleTime, idleTime < 0 {
      throw AgentError("idleTime: \(idleTime) s, must not be negative")
    }
    if let mostJobs, mostJobs < 1 { throw AgentError("mostJobs: \(mostJobs), must be 1 or more") }
    if drainTime < 0 { throw AgentError("drainTime: \(drainTime) s, must not be negative") }
  }
}
