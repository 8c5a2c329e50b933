// A newer schema under agents of this version, on a database with work in it.

import DatabaseTesting
import Glibc
import Postgres
import Testing

@testable import Agent

@Suite struct UpgradeTests {
  /// Leaves the database as a newer program's `pra migrate` does.
  private func migrate(_ world: World, worksFrom version: Int) throws {
    try world.admin.run(
      """
      insert into pra_store.migrations (version, name, sha256) values (9999, 'later', '');
      alter table pra_store.jobs add column later integer;
      update pra_store.compatibility set works_from = \(version)
      """)
  }

  @Test("a newer schema that admits it leaves an agent at work, and lets another begin")
  func admitted() throws {
    let world = try World()
    let running = try world.enqueue(#"{"act": "train", "count": 60, "pace": 10000}"#)
    let agent = try world.agent("a")
    try wait { try world.state(running) == "running" }
    try migrate(world, worksFrom: 115)
    #expect(try world.agent("b", "rest=0").end() == .code(0))
    try wait { try world.state(running) == "succeeded" }
    let later = try world.enqueue(#"{"act": "succeed"}"#)
    try wait { try world.state(later) == "succeeded" }
    agent.signal(SIGTERM)
    #expect(try agent.end() == .code(0))
  }

  @Test("an agent that is too old drains, says why, ends with 0, and a newer one goes on")
  func tooOld() throws {
    let world = try World()
    let job = try world.enqueue(#"{"act": "train", "count": 800, "pace": 20000}"#)
    let idle = try world.agent("idle", "queues=other", "beat=0.2")
    let agent = try world.agent("a", "beat=0.2")
    _ = try world.process(job)
    try migrate(world, worksFrom: 9999)
    for one in [agent, idle] {
      #expect(try one.end() == .code(0))
      #expect(one.output.contains("it drains, since the schema is at 9999"), "\(one.output)")
      #expect(one.output.contains("Upgrade this program"))
    }
    #expect(try world.end(job)?.hasPrefix("released") == true)
    #expect(try world.state(job) == "ready")
    let refused = try world.agent("c")
    #expect(try refused.end() == .code(2))
    #expect(refused.output.contains("Upgrade this program"), "\(refused.output)")
    // The newer program, as this one would be if it knew that version.
    try world.admin.run("update pra_store.compatibility set works_from = 115")
    #expect(try world.agent("new", "idle=true").end() == .code(0))
    #expect(try world.state(job) == "succeeded")
    #expect(try world.text("select faults from pra.jobs where id = \(job)") == "0")
  }
}
