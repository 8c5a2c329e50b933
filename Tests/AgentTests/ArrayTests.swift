// Arrays and gangs through real agents and stages.

import DatabaseTesting
import Testing

@testable import Agent

@Suite struct ArrayTests {
  @Test func anArrayRunsElementByElement() throws {
    let world = try World()
    let array = try world.enqueue(
      #"{"act": "succeed"}"#, "array_first => 0, array_last => 4, array_limit => 2")
    let agent = try world.agent("one", "slots=3", "idle=true")
    #expect(try agent.end() == .code(0), "\(agent.output)")
    #expect(try world.state(array) == "succeeded")
    #expect(try world.text("select count(*) from pra.outputs") == "5")
    #expect(try world.text("select count(*) from pra.attempts where cause = 'exit-code'") == "0")
  }

  @Test func aGangRunsOnTwoAgentsAtOnce() throws {
    let world = try World()
    let first = try world.agent("one", "slots=1")
    let gang = try world.enqueue(
      #"{"act": "hang"}"#, "array_first => 0, array_last => 1, gang => true")
    try wait { try world.text("select state from pra.workers where name = 'one'") == "live" }
    #expect(try world.text("select count(*) from pra.attempts") == "0")
    let second = try world.agent("two", "slots=1")
    try wait {
      try world.text("select count(distinct worker_id) from pra.attempts where ended_at is null")
        == "2"
    }
    let member = try world.text("select min(id) from pra.jobs where array_id = \(gang)")!
    _ = try world.process(Int64(member)!)
    _ = try world.text("select pra.cancel(\(gang))")
    try wait {
      try world.text("select count(*) from pra.jobs where state = 'cancelled'") == "3"
    }
    for agent in [first, second] {
      agent.signal(15)
      #expect(try agent.end() == .code(0))
    }
  }
}
