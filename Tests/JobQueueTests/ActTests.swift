import DatabaseTesting
import JobQueue
import Postgres
import Synchronization
import Testing

/// Acts that meet jobs which end, wait or are gone in the meantime.
@Suite struct ActTests {
  @Test("a drain passes over a job that ends while it waits for its row")
  func drainDuringAFinish() throws {
    let world = try QueueWorld()
    let worker = try world.worker()
    let ending = try world.job()
    _ = try world.job()
    let leases = try world.workers.claim(worker: worker, count: 2).map(\.lease)
    let database = world.database
    let asked: [Int64] = try onThreads(2) { thread, team in
      if thread == 0 {
        while team.goesOn, team.done.load(ordering: .sequentiallyConsistent) == 0 {}
        return try database.connect().query(
          "select pra.drain($1)::bigint as asked", [.integer(worker.worker)]
        ).single().integer("asked")
      }
      let (finishing, watching) = (try database.connect(), try database.connect())
      try finishing.query("begin")
      try finishing.query(
        """
        update pra_store.jobs
        set state = 'succeeded', worker_id = null, finished_at = clock_timestamp() where id = $1
        """, [.integer(ending)])
      team.done.store(1, ordering: .sequentiallyConsistent)
      let waiting = """
        select count(*) from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'
        """
      while team.goesOn, try watching.query(waiting).single().text(at: 0) == "0" {}
      try finishing.query("commit")
      return 0
    }
    #expect(asked[0] == 1)
    #expect(leases.count == 2)
    #expect(try world.value("select state from pra.workers") == "draining")
  }

  @Test("a member that is cancelled while its gang waits takes the others with it")
  func cancelledMember() throws {
    let world = try QueueWorld()
    let gang = try world.job {
      $0.array = JobArray(0...2)
      $0.array?.isGang = true
    }
    let worker = try world.worker()
    let leases = try world.workers.claim(worker: worker, count: 3).map(\.lease)
    for lease in leases { try world.workers.release(lease) }
    #expect(try world.submit.state(of: gang) == .ready)
    _ = try world.submit.cancel(leases[1].job)
    #expect(try world.submit.state(of: gang) == .failed)
    #expect(
      try world.value(
        "select string_agg(distinct state::text, ' ') from pra.jobs where array_id is not null")
        == "cancelled")
    #expect(try world.workers.claim(worker: worker, count: 3).isEmpty)
    // It starts whole once it is retried.
    _ = try world.submit.retry(gang)
    #expect(try world.workers.claim(worker: worker, count: 3).count == 3)
  }

  @Test("a key of an array without arguments of its own is not that of one with them")
  func keysOfManyJobs() throws {
    let world = try QueueWorld()
    let submitter = try world.database.connect(.submit)
    try submitter.query(
      """
      select pra.enqueue('other', $1, '{}', array_first => 0, array_last => 1, idempotency_key => 'k')
      """, [.integer(world.run)])
    let error = #expect(throws: PostgresError.self) {
      try submitter.query(
        """
        select pra.enqueue_many(
          'other', $1, array['{"a": 1}', '{"a": 2}']::jsonb[], idempotency_key => 'k')
        """, [.integer(world.run)])
    }
    #expect(error?.sqlState == "PR004")
    #expect(try world.value("select count(*) from pra_store.element_arguments") == "0")
  }

  @Test("a retry refuses what cannot run again, and says why")
  func refusedRetries() throws {
    let world = try QueueWorld()
    let late = try world.job()
    _ = try world.submit.cancel(late)
    try world.administrator.run("update pra_store.jobs set deadline = now() - interval '1 hour'")
    let overdue = #expect(throws: PostgresError.self) { try world.submit.retry(late) }
    #expect(overdue?.sqlState == "PR004")
    #expect(overdue?.message.contains("had to end by") == true)

    let array = try world.job { $0.array = JobArray(0...1) }
    let worker = try world.worker()
    let part = try world.claimOne(worker)
    _ = try world.submit.cancel(array)
    let stopping = #expect(throws: PostgresError.self) { try world.submit.retry(array) }
    #expect(stopping?.message.contains("is being stopped") == true)
    try world.workers.reportExit(part, .cancelled)
    _ = try world.submit.retry(array)
    #expect(try world.workers.claim(worker: worker, count: 2).count == 2)

    try world.administrator.run("select pra.set_limit('disk', 1)")
    let limited = try world.job { $0.limits = ["disk"] }
    _ = try world.submit.cancel(limited)
    try world.administrator.run("select pra.remove_limit('disk')")
    let gone = #expect(throws: PostgresError.self) { try world.submit.retry(limited) }
    #expect(gone?.message.contains(#"limit "disk", which is gone"#) == true)
    // Many at once are passed over.
    #expect(
      try world.value("select pra.retry_many(array[\(late), \(limited)])") == "0")
  }

  @Test("a deadline that is over is refused, but the job of a key is found again")
  func deadlines() throws {
    let world = try QueueWorld()
    let over = "select pra.enqueue('train', \(world.run), '{}', deadline => now() - interval '1 s'"
    let submitter = try world.database.connect(.submit)
    #expect(throws: PostgresError.self) { try submitter.query("\(over))") }
    try submitter.query(
      """
      select pra.enqueue('train', \(world.run), '{}', deadline => now() + interval '1 h',
        idempotency_key => 'k')
      """)
    try submitter.query("\(over), idempotency_key => 'k')")
    #expect(try world.value("select count(*) from pra.jobs") == "1")
  }

  @Test("a deleted run takes no jobs, its schedules wait, and both go with it")
  func deletedRuns() throws {
    let world = try QueueWorld()
    let submitter = try world.database.connect(.submit)
    func schedule() throws {
      try submitter.query("select pra.schedule('s', '* * * * *', \(world.run), 'train', '{}')")
    }
    func fire() throws -> String? {
      try world.administrator.run(
        "update pra_store.schedules set next_at = now() - interval '10 s'")
      return try world.value("select pra_store.run_schedules()")
    }
    try schedule()
    #expect(try fire() == "1")
    _ = try world.submit.cancelRun(world.run)
    let goes = try submitter.query("select what from pra.delete_runs(array[\(world.run)])")
      .map { try $0.string("what") }
    #expect(goes.contains("schedules"))
    #expect(try fire() == "0")
    for statement in [
      "select pra.enqueue('train', \(world.run), '{}')",
      "select pra.enqueue_many('train', \(world.run), array['{}']::jsonb[])",
      "select pra.schedule('t', '@daily', \(world.run), 'train', '{}')",
    ] {
      let error = #expect(throws: PostgresError.self) { try submitter.query(statement) }
      #expect(error?.message.contains("is deleted") == true)
    }
    try submitter.query("select pra.undelete_run(\(world.run))")
    #expect(try fire() == "1")
    _ = try world.submit.cancelRun(world.run)
    try submitter.query("select pra.delete_runs(array[\(world.run)])")
    try world.administrator.run("select pra.purge_runs('0')")
    #expect(try world.value("select count(*) from pra.runs") == "0")
    #expect(try world.value("select count(*) from pra.schedules") == "0")
  }

  @Test("the limit of an array goes with it, and with an enqueue that was one before")
  func limitsOfArrays() throws {
    let world = try QueueWorld()
    for _ in 0..<2 {
      try world.administrator.run(
        """
        select pra.enqueue('train', \(world.run), '{}', array_first => 0, array_last => 9,
          array_limit => 3, idempotency_key => 'k')
        """)
    }
    #expect(try world.value("select count(*) from pra.limits") == "1")
    _ = try world.submit.cancelRun(world.run)
    try world.administrator.run("select pra.delete_runs(array[\(world.run)])")
    try world.administrator.run("select pra.purge_runs('0')")
    #expect(try world.value("select count(*) from pra_store.limits") == "0")
  }

  @Test("no login that only reads keeps others from a name, a preview or a month")
  func keysOfLocks() throws {
    let world = try QueueWorld()
    let first = try world.database.connect(.submit)
    let second = try world.database.connect(.submit)
    try first.query("begin")
    try first.query("select pra.lock_name('run a')")
    try first.query("select pra.lock_name('run a')")
    try second.query("select pra.lock_name('run b')")
    try second.query("set lock_timeout = '50ms'")
    let error = #expect(throws: PostgresError.self) {
      try second.query("select pra.lock_name('run a')")
    }
    #expect(error?.sqlState == "55P03")
    try first.query("commit")
    try second.query("select pra.lock_name('run a')")
    #expect(try world.value("select count(*) from pra_store.keys") == "0")
    // The functions have no number that another login could lock.
    #expect(
      try world.value(
        """
        select string_agg(p.proname, ' ') from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace
        where n.nspname in ('pra', 'pra_store') and p.prosrc like '%advisory_%lock(%'
        """) == nil)
  }
}
