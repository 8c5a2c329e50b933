// The jobs that an agent waits for which ends when it is idle.

import DatabaseTesting
import Glibc
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

  /// Another agent's job runs all the time, and one of the parents was cancelled: nobody will make it ready.
  @Test(
    "a job behind one that was cancelled keeps nobody, however much else runs",
    arguments: [false, true])
  func deadParent(isArray: Bool) throws {
    let world = try World()
    let running = try world.enqueue(#"{"act": "hang"}"#, "queue => 'other'")
    let other = try world.agent("other", "queues=other", "lease=60", "beat=20")
    try wait { try world.state(running) == "running" }
    let array = isArray ? ", array_first => 0, array_last => 3" : ""
    let dead = try world.enqueue(#"{"act": "succeed"}"#, "delay => '1 hour'\(array)")
    let job = try world.enqueue(
      #"{"act": "succeed"}"#,
      isArray
        ? "after => array[\(dead)]::bigint[]\(array), elementwise => true"
        : "after => array[\(running), \(dead)]::bigint[]")
    let last = try world.enqueue(
      #"{"act": "succeed"}"#, "after => array[\(job), \(running)]::bigint[]")
    _ = try world.text("select pra.cancel(\(dead))")
    let agent = try world.agent("a", "idle=true")
    #expect(try agent.end() == .code(0))
    #expect(try world.state(last) == "blocked")
    other.signal(SIGTERM)
    #expect(try other.end() == .code(0))
  }

  @Test("a job behind one that runs elsewhere is waited for")
  func livingParent() throws {
    let world = try World()
    let running = try world.enqueue(
      #"{"act": "train", "count": 60, "pace": 20000}"#, "queue => 'other'")
    let job = try world.enqueue(#"{"act": "succeed"}"#, "after => array[\(running)]::bigint[]")
    let other = try world.agent("other", "queues=other", "lease=60", "beat=20")
    try wait { try world.state(running) == "running" }
    #expect(try world.agent("a", "idle=true").end() == .code(0))
    #expect(try world.state(job) == "succeeded")
    other.signal(SIGTERM)
    #expect(try other.end() == .code(0))
  }

  @Test func aJobThatIsDueSoonIsWaitedFor() throws {
    let world = try World()
    let job = try world.enqueue(#"{"act": "succeed"}"#, "delay => '50 seconds'")
    let agent = try world.agent("a", "idle=true")
    try wait { agent.output.contains("waits: job \(job) is due at 2") }
    try world.admin.run("update pra_store.jobs set run_after = clock_timestamp() where id = \(job)")
    #expect(try agent.end() == .code(0))
    #expect(try world.state(job) == "succeeded")
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
