// The search of runs by state beside the view of all runs.

import JobQueue
import Postgres
import Testing

@Suite struct RunStateTests {
  let world: QueueWorld

  init() throws { world = try QueueWorld() }

  private func newRun(_ state: String) throws -> Int64 {
    try world.submit.createRun(name: state)
  }

  private func job(_ run: Int64, after: [Int64] = []) throws -> Int64 {
    var job = NewJob(kind: "train", run: run)
    job.after = after
    return try world.submit.enqueue(job)
  }

  /// A run in each state; the run of the world is empty.
  private func makeRuns() throws {
    let worker = try world.worker()
    func start(_ job: Int64) throws -> Lease {
      try #require(try world.workers.claim(worker: worker).first { $0.lease.job == job }).lease
    }
    _ = try world.workers.finish(try start(try job(try newRun("succeeded"))))
    let broken = try job(try newRun("failed"))
    _ = try world.workers.reportExit(
      try start(broken), .permanent, message: "broken", exitCode: 1)
    let lost = try world.workers.register(name: "away", queues: ["default"], kinds: ["train"])
    _ = try job(try newRun("lost"))
    #expect(try world.workers.claim(worker: lost).count == 1)
    try world.expire(lost)
    _ = try start(try job(try newRun("running")))
    _ = try job(try newRun("pending"))
    let paused = try newRun("paused")
    _ = try job(paused)
    try world.submit.pause(run: paused)
    _ = try job(try newRun("blocked"), after: [broken])
    let given = try newRun("cancelled")
    _ = try world.submit.cancel(try job(given))
    _ = try job(given, after: [broken])
  }

  @Test func eachStateHasTheRunsThatTheViewShowsInIt() throws {
    try makeRuns()
    for state in RunSearch.allStates {
      var search = RunSearch(limit: 100)
      search.states = [state]
      let found = try world.administrator.query(RunSearchQueries.page, search.parameters)
        .map { try $0.integer("id") }
      let shown = try world.administrator.query(
        """
        select r.id, r.name from pra.runs as r
        where case when r.lost_at is not null then 'lost' else r.state end = $1 order by r.id desc
        """, [.text(state)])
      #expect(found == (try shown.map { try $0.integer("id") }), "\(state)")
      #expect(try shown.map { try $0.string("name") } == [state == "empty" ? "test" : state])
    }
  }
}
