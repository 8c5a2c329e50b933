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
    // The stage waits before step 7; on a busy machine it may be long in coming there.
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

  @Test func aWaitingAgentIsHandedAJob() throws {
    let world = try World()
    let agent = try world.agent("a", "lease=200", "beat=100")
    try wait { try world.text("select count(*) from pra_store.waiting_workers") == "1" }
    let job = try world.enqueue(#"{"act": "train", "count": 3}"#)
    #expect(try world.text("select worker_id from pra.attempts where job_id = \(job)") != nil)
    try wait { try world.state(job) == "succeeded" }
    // It waits again.
    try wait { try world.text("select count(*) from pra_store.waiting_workers") == "1" }
    agent.signal(SIGTERM)
    #expect(try agent.end() == .code(0))
    #expect(try world.text("select count(*) from pra_store.waiting_workers") == "0")
  }

  @Test func whatIsHandedToAnAgentThatLeavesGoesBackIntoLine() throws {
    let world = try World()
    let agent = try world.agent("a", "lease=200", "beat=100")
    let giver = try giver(world)
    agent.signal(SIGTERM)
    // It asks that nothing be handed over any more, and waits for what is.
    try waitForLock(world)
    try giver.run("commit")
    #expect(try agent.end() == .code(0))
    let job = try #require(Int64(try world.text("select id from pra.jobs") ?? ""))
    #expect(try world.state(job) == "ready")
    #expect(try world.end(job) == "released the worker leaves")
  }

  @Test func whatIsHandedToASessionThatBrokeIsGivenBack() throws {
    let world = try World()
    let agent = try world.agent("a", "lease=200", "beat=100")
    let giver = try giver(world)
    let broken = """
      select pg_terminate_backend(pid, 60000) from pg_stat_activity
      where datname = current_database() and application_name = 'pra worker a claim'
      """
    #expect(try world.text(broken) == "true")
    // The next session waits for what is handed to the one before, which will not hear of it.
    try waitForLock(world)
    try giver.run("commit")
    let job = try #require(Int64(try world.text("select id from pra.jobs") ?? ""))
    try wait { try world.state(job) == "succeeded" }
    #expect(try world.end(job) == "released the claim was not heard")
    #expect(try world.end(job, 2) == "succeeded 0")
    agent.signal(SIGTERM)
    #expect(try agent.end() == .code(0))
  }

  /// A transaction that hands a job over and goes on.
  private func giver(_ world: World) throws -> Connection {
    try wait { try world.text("select count(*) from pra_store.waiting_workers") == "1" }
    let giver = try Connection(world.url)
    try giver.run(
      """
      begin; set idle_in_transaction_session_timeout = 0;
      select pra.enqueue('test', \(world.run), '{"act": "train", "count": 3}')
      """)
    return giver
  }

  private func waitForLock(_ world: World) throws {
    try wait {
      try world.text(
        """
        select count(*) from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'
        """) == "1"
    }
  }
}
