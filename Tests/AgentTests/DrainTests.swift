import DatabaseTesting
import Foundation
import Postgres
import Testing

@testable import Agent

/// Agents that are asked to leave (G5).
@Suite struct DrainTests {
  @Test func aDrainedJobIsReleasedWithItsCheckpointAndNoBudgetSpent() throws {
    let world = try World()
    let job = try world.enqueue(#"{"act": "train", "count": 20, "every": 3, "hold": 7}"#)
    let agent = try world.agent("first")
    // The stage waits before step 7, which it may reach late on a busy machine.
    try wait { try world.text("select max(step) from pra.metrics_raw") == "6" }
    agent.signal(SIGTERM)
    #expect(try agent.end() == .code(0))
    #expect(try world.end(job) == "released 75 the worker was asked to leave")
    #expect(try world.state(job) == "ready")
    #expect(
      try world.text("select faults + lost + timeouts + preemptions from pra.jobs") == "0")
    #expect(try world.text("select max(step) from pra.checkpoints") == "7")

    #expect(try world.agent("second", "idle=true").end() == .code(0))
    #expect(try world.series(job) == ["0...6 of 1", "7...19 of 2"])
  }

  @Test func aStageThatDoesNotStopIsKilledAfterTheDrainTime() throws {
    let world = try World()
    let job = try world.enqueue(#"{"act": "deaf"}"#)
    let agent = try world.agent("a", "drain=0.3")
    let stage = try world.process(job)
    agent.signal(SIGTERM)
    #expect(try agent.end() == .code(1))
    #expect(!isAlive(stage))
    #expect(try world.state(job) == "ready")
    #expect(try world.end(job)?.hasPrefix("released signal 9 ") == true)
  }

  @Test func aSecondSignalKillsAtOnce() throws {
    let world = try World()
    let job = try world.enqueue(#"{"act": "deaf"}"#)
    let agent = try world.agent("a", "drain=1000")
    let stage = try world.process(job)
    agent.signal(SIGTERM)
    try wait { try world.text("select state from pra.workers") == "draining" }
    #expect(isAlive(stage))
    agent.signal(SIGINT)
    #expect(try agent.end() == .code(1))
    #expect(!isAlive(stage))
    #expect(try world.end(job)?.hasPrefix("released") == true)
  }

  @Test func anIdleAgentLeavesAtOnce() throws {
    let world = try World()
    let agent = try world.agent("a", "lease=200", "beat=100")
    try wait { try world.text("select count(*) from pra.workers") == "1" }
    agent.signal(SIGTERM)
    #expect(try agent.end() == .code(0))
  }
}
