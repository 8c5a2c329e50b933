// The jobs that an agent waits for which ends when it is idle.

import Testing

@testable import Agent

@Suite struct UntilIdleTests {
  @Test("a job that is put off until next week keeps nobody", arguments: [false, true])
  func nextWeek(hasDependent: Bool) throws {
    let world = try World()
    let job = try world.enqueue(#"{"act": "succeed"}"#, "delay => '7 days'")
    if hasDependent {
      _ = try world.enqueue(#"{"act": "succeed"}"#, "after => array[\(job)]::bigint[]")
    }
    let agent = try world.agent("a", "idle=true")
    #expect(try agent.end() == .code(0))
    #expect(try world.state(job) == "ready")
    #expect(agent.output.contains("idle, though job \(job) is due at 2"), "\(agent.output)")
  }

  @Test func aJobThatIsDueSoonIsWaitedFor() throws {
    let world = try World()
    let job = try world.enqueue(#"{"act": "succeed"}"#, "delay => '1 second'")
    let agent = try world.agent("a", "idle=true")
    #expect(try agent.end() == .code(0))
    #expect(try world.state(job) == "succeeded")
    #expect(agent.output.contains("waits: job \(job) is due at 2"), "\(agent.output)")
  }

  /// Its pause may be longer than what a job may be put off.
  @Test func aJobThatIsTriedAgainIsWaitedFor() throws {
    let world = try World()
    let job = try world.enqueue(#"{"act": "fail"}"#, "fault_retries => 1")
    let agent = try world.agent("a", "idle=true")
    try wait {
      try world.text("select epoch from pra.jobs where id = \(job) and state = 'ready'") == "1"
    }
    try world.admin.run(
      "update pra_store.jobs set run_after = clock_timestamp() + interval '70 seconds' where id = \(job)"
    )
    try wait { agent.output.contains("waits: job \(job) is due at 2") }
    try world.admin.run("update pra_store.jobs set run_after = clock_timestamp() where id = \(job)")
    #expect(try agent.end() == .code(0))
    #expect(try world.state(job) == "failed")
  }
}
