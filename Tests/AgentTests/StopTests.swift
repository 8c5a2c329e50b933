import DatabaseTesting
import Foundation
import Postgres
import Testing
import Threads

@testable import Agent

/// Signals of systemd, Slurm, a terminal and operators, which reach the agent, its stages, or all of
/// them at once.
@Suite struct StopTests {
  private static let training = #"{"act": "train", "count": 20, "every": 3, "hold": 7}"#

  /// A world whose one job waits before step 7, an agent and the job's stage.
  private func waiting(_ act: String = StopTests.training) throws -> (
    World, Int64, AgentProcess, pid_t
  ) {
    let world = try World()
    let job = try world.enqueue(act)
    let agent = try world.agent("first")
    let stage = try world.process(job)
    if act == Self.training {
      try wait { try world.text("select max(step) from pra.metrics_raw") == "6" }
    }
    return (world, job, agent, stage)
  }

  private func counted(_ world: World) throws -> String? {
    try world.text(
      """
      select concat_ws(' ', faults + lost + timeouts + preemptions, crash_hosts,
        (select count(*) from pra_store.crashes), (select max(step) from pra.checkpoints))
      from pra.jobs
      """)
  }

  @Test(
    "a signal to all processes releases the job with its checkpoint, whoever hears it first",
    arguments: [SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2], [true, false])
  func all(signal: Int32, stageFirst: Bool) throws {
    let (world, job, agent, stage) = try waiting()
    // As systemd does it: each process of the control group, one after the other.
    let processes = [agent.child.processID] + ProcessTree.below(agent.child.processID)
    #expect(processes.contains(stage))
    for process in stageFirst ? processes.reversed() : processes { kill(process, signal) }
    #expect(try agent.end() == .code(0))
    #expect(try world.end(job)?.hasPrefix("released 75 ") == true)
    #expect(try world.state(job) == "ready")
    #expect(try counted(world) == "0 {} 0 7")
    #expect(try world.agent("second", "idle=true").end() == .code(0))
    #expect(try world.series(job) == ["0...6 of 1", "7...19 of 2"])
  }

  @Test("a stage that is stopped alone gives its job back, and the agent goes on")
  func stageAlone() throws {
    let (world, job, agent, stage) = try waiting()
    kill(stage, SIGTERM)
    try wait { try world.state(job) == "ready" }
    #expect(
      try world.end(job)
        == "released 75 the stage was asked to stop by a signal that its agent did not send")
    #expect(try counted(world) == "0 {} 0 7")
    try wait { try world.state(job) == "succeeded" }
    #expect(try world.series(job) == ["0...6 of 1", "7...19 of 2"])
    agent.signal(SIGTERM)
    #expect(try agent.end() == .code(0))
  }

  @Test("a stage hears a warning and a signal to stop, and writes its checkpoint")
  func warned() throws {
    let (world, job, agent, stage) = try waiting()
    for number in [SIGUSR1, SIGTERM] { kill(stage, number) }
    try wait { try world.state(job) != "running" }
    #expect(try counted(world) == "0 {} 0 7")
    agent.signal(SIGTERM)
    _ = try agent.end()
  }

  @Test("a second signal ends a stage that does not stop, and that is no crash either")
  func second() throws {
    let (world, job, agent, stage) = try waiting(#"{"act": "deaf"}"#)
    kill(stage, SIGTERM)
    kill(stage, SIGINT)  // of two that are equal the kernel may deliver one
    try wait { try world.state(job) == "ready" }
    #expect(!isAlive(stage))
    #expect(
      try world.end(job)?.wholeMatch(of: /released signal (2|15) the stage was stopped by .*/)
        != nil)
    #expect(try counted(world) == "0 {} 0")
    agent.signal(SIGTERM)
    _ = try agent.end()
  }

  /// systemd's SendSIGHUP sends both at once, which threads hear in any order, Slurm a warning before the limit.
  @Test(
    "signals that are sent together let the stage write its checkpoint, in whatever order they are heard",
    arguments: [
      [SIGTERM, SIGHUP, SIGUSR1], [SIGHUP, SIGTERM], [SIGUSR1, SIGTERM], [SIGUSR2, SIGTERM],
    ])
  func together(signals: [Int32]) throws {
    let (world, job, agent, _) = try waiting()
    for number in signals { agent.signal(number) }
    #expect(try agent.end() == .code(0))
    #expect(try world.end(job) == "released 75 the worker was asked to leave")
    #expect(try counted(world) == "0 {} 0 7")
  }

  @Test("an agent under nohup survives the end of its terminal")
  func nohup() throws {
    let world = try World()
    let agent = try AgentProcess(
      ["-c", #"trap '' HUP; exec "$0" "$@""#, "\(World.products)/test-agent"]
        + world.settings("a", ["lease=200", "beat=100"]),
      environment: world.environment, executable: "/bin/sh")
    try wait { try world.text("select count(*) from pra.workers") == "1" }
    agent.signal(SIGHUP)
    let job = try world.enqueue(#"{"act": "succeed"}"#)
    try wait { try world.state(job) == "succeeded" }
    agent.signal(SIGTERM)
    #expect(try agent.end() == .code(0))
  }
}
