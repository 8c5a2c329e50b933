// An attempt from its claim to the end of its process.

import Glibc
import JobQueue
import Threads

/// The stage of one attempt: its process, its output, its folder.
final class RunningAttempt: Sendable {
  let key: Lease
  let kind: String
  let child: ChildProcess
  let log: LogSpool
  let folder: String
  /// The device that is the stage's alone.
  let device: String?

  /// Starts the stage.
  /// - Parameter device: the value of `PRA_DEVICE`; nil for that of the configuration's environment
  init(
    job: ClaimedJob, configuration: AgentConfiguration, scratch: ScratchFolder, device: String?
  ) throws(AgentError) {
    key = job.lease
    kind = job.kind
    self.device = device
    guard configuration.kinds.contains(job.kind) else {
      throw AgentError(
        "the database gave a job of kind \(job.kind), which this worker does not run")
    }
    folder = try scratch.makeFolder(named: "\(key.job)-\(key.epoch)")
    let stage = "\(configuration.stageFolder)/pra-\(job.kind)"
    do throws(AgentError) {
      var known = configuration.environment
      known["PRA_DATABASE_URL"] = configuration.databaseURL.conninfo
      log = try LogSpool(path: "\(folder).log", redactor: Redactor(environment: known))
      child = try ChildProcess(
        executable: stage,
        environment: configuration.environment.filter {
          !ServiceManager.variables.contains($0.key)
        }.merging(scratch.cache?.environment ?? [:]) { $1 }.merging([
          "PRA_DATABASE_URL": configuration.databaseURL.conninfo,
          "PRA_JOB": String(key.job),
          "PRA_EPOCH": String(key.epoch),
          "PRA_SCRATCH": folder,
          "PRA_THREADS": String(configuration.threads),
          "PRA_LEASE": String(configuration.lease),
        ]) { $1 }.merging(Self.network(configuration)) { $1 }.merging(
          device.map { ["PRA_DEVICE": $0] } ?? [:]
        ) { $1 })
      // Not by the environment, which every process of the account can read, and every child of the stage inherits.
      child.say("token \(key.token)")
    } catch {
      removeTree(folder)
      throw error
    }
  }

  /// Where ranks of other hosts may reach the stage.
  private static func network(_ configuration: AgentConfiguration) -> [String: String] {
    var known: [String: String] = [:]
    known["PRA_ADDRESS"] = configuration.address
    known["PRA_PORTS"] = configuration.ports.map { "\($0.lowerBound)-\($0.upperBound)" }
    return known
  }

  /// Reads the output and waits for the end, each on a thread of its own.
  /// - Throws: `ThreadError` after the stage has been killed
  func watch(onEnd: @escaping @Sendable (ProcessEnd) -> Void) throws(ThreadError) {
    let output = child.output
    var reader: DedicatedThread?
    do throws(ThreadError) {
      let started = try read(output)
      reader = started
      try DedicatedThread("wait \(key.job)") { [self] in onEnd(end(of: started)) }
    } catch {
      child.kill()
      _ = end(of: reader)
      throw error
    }
  }

  private func read(_ output: Int32) throws(ThreadError) -> DedicatedThread {
    try DedicatedThread("log \(key.job)") { [log] in
      var buffer = [UInt8](repeating: 0, count: 1 << 16)
      while true {
        let count = Glibc.read(output, &buffer, buffer.count)
        if count < 0 && errno == EINTR { continue }
        guard count > 0 else { break }
        log.append(buffer[..<count])
      }
      log.end()
    }
  }

  /// Waits for the process and for the rest of its output.
  private func end(of reader: DedicatedThread?) -> ProcessEnd {
    let end = child.wait()
    // A process that could not be killed may hold the other end for ever: only what is there already
    // is read.
    shutdown(child.output, Int32(SHUT_RD))
    reader?.join()
    close(child.output)
    return end
  }
}
