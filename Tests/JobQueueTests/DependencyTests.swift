import JobQueue
import Postgres
import Testing

@Suite struct DependencyTests {
  @Test func aJobWaitsForAllItsParents() throws {
    let world = try QueueWorld()
    let worker = try world.worker()
    let parents = [try world.job(), try world.job()]
    let child = try world.job("sample") { $0.after = parents }
    #expect(try world.submit.state(of: child) == .blocked)
    #expect(try world.workers.finish(try world.claimOne(worker)))
    #expect(try world.submit.state(of: child) == .blocked)
    #expect(try world.workers.finish(try world.claimOne(worker)))
    #expect(try world.submit.state(of: child) == .ready)
  }

  @Test func aChildOfDoneParentsIsReadyAtOnce() throws {
    let world = try QueueWorld()
    let parent = try world.job()
    try world.workers.finish(try world.claimOne(try world.worker()))
    let child = try world.job { $0.after = [parent, parent] }
    #expect(try world.submit.state(of: child) == .ready)
  }

  @Test func aRetriedParentReleasesItsChildren() throws {
    let world = try QueueWorld()
    let worker = try world.worker()
    let parent = try world.job()
    let child = try world.job("sample") { $0.after = [parent] }
    try world.workers.reportExit(try world.claimOne(worker), .permanent)
    #expect(try world.submit.state(of: child) == .blocked)
    #expect(try world.submit.whyPending(child).detail.contains("pra retry"))
    try world.submit.retry(parent)
    try world.workers.finish(try world.claimOne(worker))
    #expect(try world.submit.state(of: child) == .ready)
  }

  @Test func cancellingTakesDependentsOnlyOnRequest() throws {
    let world = try QueueWorld()
    let parent = try world.job()
    let child = try world.job { $0.after = [parent] }
    let grandchild = try world.job { $0.after = [child] }
    #expect(try world.submit.cancel(parent) == 1)
    #expect(try world.submit.state(of: grandchild) == .blocked)
    #expect(try world.submit.cancel(child, withDependents: true) == 2)
    #expect(try world.submit.state(of: grandchild) == .cancelled)
  }

  @Test func aParentThatIsMissingIsNamed() throws {
    let world = try QueueWorld()
    let error = #expect(throws: PostgresError.self) { try world.job { $0.after = [4711] } }
    #expect(error?.sqlState == "PR002")
    #expect(error?.message.contains("4711") == true)
  }

  @Test("G4: a finish that fails at its end leaves nothing")
  func finishIsWhole() throws {
    let world = try QueueWorld()
    let parent = try world.job()
    let child = try world.job("sample") { $0.after = [parent] }
    let lease = try world.claimOne(try world.worker())
    try world.administrator.query(
      "select pra.put_artifact($1, $2, encode(sha256('x'), 'hex'), 'text/plain', 'x', $3)",
      lease.parameters)
    let output = """
      [{"name": "set", "media_type": "text/plain", "sha256": \
      "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"}]
      """
    #expect(throws: PostgresError.self) {
      try world.workers.finish(
        lease, outputs: output,
        evaluations: #"[{"metric": "m", "scope": "overall", "value": 1, "images": -1}]"#)
    }
    #expect(try world.value("select count(*) from pra.outputs") == "0")
    #expect(try world.submit.state(of: parent) == .running)
    #expect(try world.submit.state(of: child) == .blocked)
    #expect(try world.workers.finish(lease, outputs: output))
    #expect(try world.value("select count(*) from pra.outputs") == "1")
    #expect(try world.submit.state(of: child) == .ready)
    #expect(try world.workers.finish(lease, outputs: output) == false)
  }
}
