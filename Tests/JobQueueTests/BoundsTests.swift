import DatabaseTesting
import JobQueue
import Postgres
import Testing

/// Values that a submitter may give: none of them makes a claim, a heartbeat or a reaper fail for others.
@Suite struct BoundsTests {
  @Test(
    "a value that a later call could not work with is refused",
    arguments: [
      (
        "array_first => 0, array_last => 3, first_path => '{folders,x}'",
        "path element at position 2"
      ),
      (
        "array_first => 0, array_last => 3, end_path => '{folders,x}'", "path element at position 2"
      ),
      ("array_first => 0, array_last => 3, first_path => array[null]::text[]", "is null"),
      ("array_first => 0, array_last => 3, first_path => '{{a,b},{c,d}}'", "subscripts"),
      ("array_first => 0, array_last => 9223372036854775806", "no range of elements"),
      (
        "array_first => 9223372036854775800, array_last => 9223372036854775805, pack => 1000000",
        "no range"
      ),
      ("time_limit => '400000 years'", "time_limit"),
      ("time_limit => '178956970 years'", "time_limit"),
      ("delay => '400000 years'", "delay"), ("delay => null", "delay"), ("gang => null", "gang"),
      ("deadline => '-infinity'", "deadline"), ("deadline => 'infinity'", "deadline"),
    ])
  func refused(argument: String, words: String) throws {
    let world = try QueueWorld()
    let error = #expect(throws: PostgresError.self) {
      try world.administrator.run(
        #"select pra.enqueue('train', \#(world.run), '{"folders": ["a"]}', \#(argument))"#)
    }
    #expect(error?.sqlState == "PR003")
    #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
  }

  @Test(arguments: ["0", "-1", "1e-320", "9e-7", "1000001", "'NaN'", "'infinity'", "null"])
  func aWeightHasBounds(weight: String) throws {
    let world = try QueueWorld()
    for call in [
      "pra.set_run_weight(\(world.run), \(weight))", "pra.set_user_weight('ann', \(weight))",
    ] {
      let error = #expect(throws: PostgresError.self) {
        try world.administrator.run("select \(call)")
      }
      #expect(error?.sqlState == "PR003")
    }
  }

  /// The least and the greatest weight beside each other are served.
  @Test func theOutermostWeightsAreServed() throws {
    let world = try QueueWorld()
    let others = try (0..<2).map { try world.submit.createRun(name: "other \($0)") }
    for (run, weight) in zip([world.run] + others, ["1e-6", "1e6", "1"]) {
      try world.administrator.run("select pra.set_run_weight(\(run), \(weight))")
      for _ in 0..<3 { _ = try world.submit.enqueue(NewJob(kind: "train", run: run)) }
    }
    #expect(try world.workers.claim(worker: try world.worker(), count: 9).count == 9)
  }

  /// An attempt over its time that its worker does not stop ends on the server.
  @Test(arguments: [
    "time_limit = interval '1 hour'", "deadline = clock_timestamp() - interval '1 hour'",
  ])
  func anAttemptOverItsTimeEndsWithoutItsWorker(limit: String) throws {
    let world = try QueueWorld()
    let job = try world.job()
    let worker = try world.worker()
    let lease = try world.claimOne(worker)
    try world.administrator.run(
      """
      update pra_store.jobs set \(limit) where id = \(job);
      update pra_store.attempts set started_at = started_at - interval '2 hours'
      """)
    let asks = try world.workers.heartbeat(worker: worker, running: [lease], draining: false)
    #expect(asks.map(\.1) == [.lost])
    #expect(try world.value("select outcome from pra.attempts") == "timeout")
    #expect(
      try world.value("select state from pra.jobs where id = \(job)")
        == (limit.hasPrefix("deadline") ? "failed" : "ready"))
  }

  @Test("a job retried with its run has the whole budget again, as one retried alone")
  func retried() throws {
    let world = try QueueWorld()
    let jobs = [try world.job(), try world.job()]
    try world.administrator.run(
      """
      update pra_store.jobs set state = 'failed', finished_at = now(), host_faults = 20, avoided_host = 'a',
        avoided_until = now() + interval '1 hour', faults = 4, lost = 6, timeouts = 2;
      select pra.retry(\(jobs[0]));
      select pra.retry_many(array[\(jobs[1])]);
      """)
    let budgets = try world.administrator.query(
      """
      select distinct (to_jsonb(j) - '{id, place, run_after, created_at, idempotency_key}'::text[])::text as text
      from pra_store.jobs as j
      """
    ).map { try $0.string("text") }
    #expect(budgets.count == 1, "\(budgets)")
  }

  /// The reaper is anybody, and a job's login says whose secrets it may use.
  @Test func aScheduledJobBelongsToTheLoginThatSetTheSchedule() throws {
    let world = try QueueWorld()
    let login = "\(try #require(try world.value("select current_database()")))_bob"
    try world.administrator.run("create role \(login) in role pra_submit")
    defer { try? world.administrator.run("drop role \(login)") }
    for author in [try #require(try world.value("select session_user")), login] {
      try world.administrator.run(
        """
        set session authorization \(author);
        select pra.schedule('nightly', '* * * * *', \(world.run), 'train', '{}');
        reset session authorization;
        update pra_store.schedules set next_at = next_at - interval '1 minute', overlap = 'queue',
          last_job = null;
        """)
      try world.administrator.run("select pra.reap()")
      #expect(
        try world.value("select created_by from pra_store.jobs order by id desc limit 1") == author)
      try world.administrator.run(
        "update pra_store.jobs set idempotency_key = null; delete from pra_store.schedules")
    }
  }
}
