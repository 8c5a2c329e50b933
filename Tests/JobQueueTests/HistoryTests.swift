// The recorded history of jobs, and its deletion.

import JobQueue
import Postgres
import Testing

@Suite struct HistoryTests {
  private func story(_ world: QueueWorld, _ job: Int64) throws -> [String] {
    try world.administrator.query(
      "select kind || coalesce(' ' || epoch, '') as line from pra.events where job_id = $1 order by at",
      [.integer(job)]
    ).map { try $0.string("line") }
  }

  @Test("the events of a job are told in order, whoever wrote them")
  func events() throws {
    let world = try QueueWorld()
    let jobs = try (0..<2).map { _ in try world.job() }
    let worker = try world.worker()
    let first = try world.workers.claim(worker: worker, count: 2).map(\.lease)
    try world.workers.release(first[0])
    #expect(try world.workers.finishMany(worker: worker, [first[1]]) == [jobs[1]])
    try world.workers.finish(try world.claimOne(worker))
    #expect(
      try story(world, jobs[0]) == [
        "job.enqueued", "job.claimed 1", "attempt.released 1", "job.claimed 2",
        "attempt.succeeded 2",
      ])
    #expect(
      try story(world, jobs[1]) == ["job.enqueued", "job.claimed 1", "attempt.succeeded 1"])
  }

  @Test("many jobs are claimed and finished with one event")
  func oneEventForMany() throws {
    let world = try QueueWorld()
    for _ in 0..<50 { _ = try world.job() }
    let worker = try world.worker()
    let before = try world.value("select count(*) from pra_store.events")
    let leases = try world.workers.claim(worker: worker, count: 50).map(\.lease)
    #expect(leases.count == 50)
    #expect(try world.workers.finishMany(worker: worker, leases).count == 50)
    #expect(
      try world.value("select count(*) - \(before!) from pra_store.events") == "1")
    #expect(try world.value("select count(*) from pra.events where kind = 'job.claimed'") == "50")
  }

  @Test("events of past months go with their partition, and no others")
  func retention() throws {
    let world = try QueueWorld()
    try world.administrator.query(
      """
      insert into pra_store.events (at, kind)
      values ('2020-01-31 23:59:59+00', 'january'), ('2020-02-01 00:00:00+00', 'february'),
        ('2020-03-01 00:00:00+00', 'march')
      """)
    func kinds() throws -> String? {
      try world.value(
        "select string_agg(kind, ' ' order by at) from pra.events where id < 0 or at < '2021-01-01'"
      )
    }
    #expect(try kinds() == "january february march")
    let dry = try world.administrator.query("select * from pra.drop_events('2020-03-01+00', true)")
    #expect(dry.isEmpty)
    let dropped = try world.administrator.query("select * from pra.drop_events('2020-03-01+00')")
    #expect(try dropped.map { try $0.string("partition") } == ["events_202001", "events_202002"])
    #expect(try kinds() == "march")
    // A late event of a month that has a partition goes into that partition.
    try world.administrator.query(
      "insert into pra_store.events (at, kind) values ('2020-03-31 23:00:00+00', 'late')")
    #expect(try kinds() == "march late")
    #expect(try world.value("select count(*) from pra_store.events_other") == "0")
    let error = #expect(throws: PostgresError.self) {
      try world.database.connect(.submit).query("select * from pra.drop_events(now())")
    }
    #expect(error?.sqlState == "42501")
  }

  @Test("why a job waits is one row, whatever keeps it")
  func why() throws {
    let world = try QueueWorld()
    let job = try world.job { $0.requirements = ["gpu>=1", "gpu>=2"] }
    try world.submit.pause(run: world.run)
    let row = try world.administrator.query("select * from pra.why_pending(\(job))").single()
    #expect(try row.string("reason") == "run-paused, no-worker")
    #expect(
      try row.string("detail").hasSuffix(
        "; no live worker serves queue \"default\" and kind \"train\""))
    #expect(try row.string("detail") == world.submit.why(job))
  }
}
