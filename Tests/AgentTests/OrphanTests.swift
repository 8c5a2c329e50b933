import DatabaseTesting
import Foundation
import Testing
import Threads

@testable import Agent

/// Processes that stages start and leave behind in sessions of their own.
@Suite struct OrphanTests {
  let world: World

  init() throws { world = try World() }

  /// A folder with a stage that is a shell script.
  private func stages(_ script: String) throws -> String {
    let folder = "\(world.folder)/stages"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let path = "\(folder)/pra-test"
    try "#!/bin/sh\n\(script)\n".write(toFile: path, atomically: true, encoding: .utf8)
    chmod(path, 0o755)
    return folder
  }

  /// Starts a process that leaves group and session, from a parent that ends at once.
  private static let daemon = "(setsid sleep 1000 & echo process $!)"

  @Test("what a stage has started ends with it", arguments: ["exit 65", "kill -SEGV $$", "exit 0"])
  func afterTheStage(end: String) throws {
    let job = try world.enqueue(#"{"act": "succeed"}"#, "fault_retries => 0")
    let folder = try stages(
      "\(Self.daemon)\n\(Self.daemon.replacing("process", with: "other"))\n\(end)")
    let agent = try world.agent("a", "stages=\(folder)", "idle=true")
    #expect(try agent.end() == .code(0))
    #expect(!isAlive(try world.process(job)))
    let left = try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { pid_t($0) }
      .filter { ProcessTree.variable("PRA_SCRATCH", of: $0)?.hasPrefix(world.folder) ?? false }
    #expect(left.isEmpty)
  }

  @Test("what a stage has started ends when it is killed, and what another has started does not")
  func afterAKill() throws {
    let folder = try stages("\(Self.daemon)\nsleep 1000")
    let jobs = try (0..<2).map { _ in try world.enqueue(#"{"act": "succeed"}"#) }
    let agent = try world.agent("a", "stages=\(folder)", "slots=2")
    let daemons = try jobs.map { try world.process($0) }
    #expect(daemons.allSatisfy { isAlive($0) })
    _ = try world.text("select pra.cancel(\(jobs[0]))")
    try wait { try world.state(jobs[0]) == "cancelled" }
    #expect(!isAlive(daemons[0]))
    #expect(isAlive(daemons[1]))
    // None stays in the table of processes.
    #expect(ProcessTree.children(of: agent.child.processID).allSatisfy { isAlive($0) })
    agent.signal(SIGTERM)
    agent.signal(SIGINT)
    _ = try agent.end()
    try wait { !isAlive(daemons[1]) }
  }

  @Test("what a stage has started ends with a killed agent")
  func afterTheAgent() throws {
    let job = try world.enqueue(#"{"act": "hang"}"#)
    let folder = try stages("\(Self.daemon)\nexec \(World.products)/pra-test")
    let agent = try world.agent("a", "stages=\(folder)")
    let daemon = try world.process(job)
    try wait { try world.log(job).components(separatedBy: "process ").count == 3 }
    #expect(isAlive(daemon))
    agent.signal(SIGKILL)
    #expect(try agent.end() == .signal(SIGKILL))
    try wait { !isAlive(daemon) }
  }

  /// As `pkill -9 -f name=a` does it.
  @Test("what waits for the agent's end is not ended by a signal to all that have its command line")
  func killedByCommandLine() throws {
    let job = try world.enqueue(#"{"act": "succeed"}"#)
    let folder = try stages("\(Self.daemon)\nexec sleep 1000")
    let agent = try world.agent("a", "stages=\(folder)")
    let daemon = try world.process(job)
    let named = try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap {
      pid_t($0)
    }
    .filter {
      let line = FileManager.default.contents(atPath: "/proc/\($0)/cmdline") ?? Data()
      return String(decoding: line, as: UTF8.self).contains("stages=\(folder)")
    }
    #expect(named == [agent.child.processID])
    for process in named { kill(process, SIGKILL) }
    #expect(try agent.end() == .signal(SIGKILL))
    try wait { !isAlive(daemon) }
  }

  @Test("a stage that hears nothing of its agent's death ends with it, and what it has started")
  func deafStage() throws {
    let job = try world.enqueue(#"{"act": "succeed"}"#)
    let folder = try stages("\(Self.daemon)\necho stage $$ end\nexec sleep 1000")
    let agent = try world.agent("a", "stages=\(folder)")
    let daemon = try world.process(job)
    var stage: pid_t?
    try wait {
      stage = try world.log(job).firstMatch(of: /stage ([0-9]+) end/).flatMap { pid_t($0.1) }
      return stage != nil
    }
    agent.signal(SIGKILL)
    #expect(try agent.end() == .signal(SIGKILL))
    try wait { !isAlive(daemon) && !isAlive(stage!) }
  }
}
