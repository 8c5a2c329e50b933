import JobQueue
import Postgres
import Testing

@Suite struct ScheduleTests {
  @Test(
    "cron lines fire on the calendar of their time zone",
    arguments: [
      ("0 3 * * *", "UTC", "2026-03-01 02:59:59+00", "2026-03-01 03:00:00+00"),
      ("0 3 * * *", "UTC", "2026-03-01 03:00:00+00", "2026-03-02 03:00:00+00"),
      ("*/15 * * * *", "UTC", "2026-03-01 10:07+00", "2026-03-01 10:15:00+00"),
      ("30 8-18/2 * * mon-fri", "UTC", "2026-02-27 18:30+00", "2026-03-02 08:30:00+00"),
      ("0 0 29 feb *", "UTC", "2026-03-01 00:00+00", "2028-02-29 00:00:00+00"),
      ("0 12 1 * 0", "UTC", "2026-02-28 13:00+00", "2026-03-01 12:00:00+00"),
      // A field that begins with a star restricts nothing by itself.
      ("0 0 */2 * 1", "UTC", "2026-11-30 12:00+00", "2026-12-07 00:00:00+00"),
      ("0 0 1 * */2", "UTC", "2026-11-30 12:00+00", "2026-12-01 00:00:00+00"),
      ("0 12 13 * fri", "UTC", "2026-03-01 00:00+00", "2026-03-06 12:00:00+00"),
      ("@daily", "Europe/Berlin", "2026-07-01 12:00+00", "2026-07-01 22:00:00+00"),
      // Clocks go from 02:00 to 03:00: a time in between fires at the first moment after it.
      ("30 2 * * *", "Europe/Berlin", "2026-03-28 12:00+00", "2026-03-29 01:00:00+00"),
      ("30 2 * * *", "Europe/Berlin", "2026-03-29 01:00+00", "2026-03-30 00:30:00+00"),
      ("30 2 * * sun", "Europe/Berlin", "2026-03-28 12:00+00", "2026-03-29 01:00:00+00"),
      ("0,30 2 * * *", "Europe/Berlin", "2026-03-29 00:59+00", "2026-03-29 01:00:00+00"),
      ("0 2,3 * * *", "Europe/Berlin", "2026-03-29 01:00+00", "2026-03-30 00:00:00+00"),
      ("30 * * * *", "Europe/Berlin", "2026-03-29 00:30+00", "2026-03-29 01:30:00+00"),
      ("*/20 2 * * *", "Europe/Berlin", "2026-03-28 12:00+00", "2026-03-30 00:00:00+00"),
      ("@daily", "Africa/Cairo", "2026-04-23 12:00+00", "2026-04-23 22:00:00+00"),
      ("@midnight", "America/Santiago", "2026-09-05 12:00+00", "2026-09-06 04:00:00+00"),
      ("15 2 * * *", "Australia/Lord_Howe", "2026-10-03 12:00+00", "2026-10-03 15:30:00+00"),
      // A day that was left out.
      ("0 0 30 12 *", "Pacific/Apia", "2011-12-01 00:00+00", "2011-12-30 10:00:00+00"),
      // Lines with * or a step go by elapsed time through the hour that comes twice.
      ("*/15 * * * *", "Europe/Berlin", "2026-10-24 23:45+00", "2026-10-25 00:00:00+00"),
      ("*/15 * * * *", "Europe/Berlin", "2026-10-25 00:45+00", "2026-10-25 01:00:00+00"),
      ("* * * * *", "Europe/Berlin", "2026-10-25 00:59+00", "2026-10-25 01:00:00+00"),
      ("@hourly", "Europe/Berlin", "2026-10-25 00:00+00", "2026-10-25 01:00:00+00"),
      ("*/20 2 * * *", "Europe/Berlin", "2026-10-25 00:40+00", "2026-10-25 01:00:00+00"),
      ("*/30 * * * *", "Australia/Lord_Howe", "2026-04-04 14:30+00", "2026-04-04 15:00:00+00"),
      ("45 1 * * *", "Australia/Lord_Howe", "2026-04-04 12:00+00", "2026-04-04 15:15:00+00"),
      ("@annually", "UTC", "2026-09-05 12:00+00", "2027-01-01 00:00:00+00"),
      ("0 0 * * fri-mon", "UTC", "2026-03-02 00:00+00", "2026-03-06 00:00:00+00"),
      ("0 0 * * fri-mon", "UTC", "2026-03-08 00:00+00", "2026-03-09 00:00:00+00"),
      ("0 0 * * fri-mon", "UTC", "2026-03-09 00:00+00", "2026-03-13 00:00:00+00"),
      ("0 0 1 nov-feb *", "UTC", "2026-02-02 00:00+00", "2026-11-01 00:00:00+00"),
      // Clocks go back from 03:00 to 02:00: 02:30 comes twice and fires once.
      ("30 2 * * *", "Europe/Berlin", "2026-10-25 00:00+00", "2026-10-25 01:30:00+00"),
      ("30 2 * * *", "Europe/Berlin", "2026-10-25 01:30+00", "2026-10-26 01:30:00+00"),
    ])
  func cron(line: String, zone: String, after: String, expected: String) throws {
    let world = try QueueWorld()
    let found = try world.administrator.query(
      "select pra_store.cron_next($1, $2, $3::timestamptz)::text as at",
      [.text(line), .text(zone), .text(after)]
    ).single().string("at")
    #expect(found == expected)
  }

  @Test(
    "an impossible line is refused",
    arguments: [
      "* * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "x * * * *", "5-1 * * * *",
      "*/0 * * * *", "0 0 31 2 *", "", "0 0 * * * *",
    ])
  func badLine(line: String) throws {
    let world = try QueueWorld()
    let error = #expect(throws: PostgresError.self) {
      try world.submit.schedule("s", cron: line, run: world.run, kind: "train", arguments: "{}")
    }
    #expect(error?.sqlState == "PR003" && error?.message.hasPrefix("cron") == true)
  }

  @Test("a line that goes by elapsed time fires each hour of a year once, whatever clocks do")
  func elapsed() throws {
    let world = try QueueWorld()
    for zone in ["Europe/Berlin", "America/St_Johns", "Africa/Cairo"] {
      #expect(
        try world.value(
          """
          with recursive fires (at, n) as (
            select '2026-01-01 00:00+00'::timestamptz, 0
            union all
            select pra_store.cron_next('0 */6 * * *', '\(zone)', at), n + 1 from fires
            where at < '2027-01-01'
          )
          select bool_and(to_char(at at time zone '\(zone)', 'HH24:MI') in ('00:00', '06:00', '12:00', '18:00'))
            and count(*) between 1458 and 1463 and count(*) = count(distinct at)
          from fires where n > 0
          """) == "t", "\(zone)")
    }
  }

  @Test(
    "while the job of the time before has not ended, a time skips or enqueues as the schedule says")
  func overlap() throws {
    let world = try QueueWorld()
    for (name, overlap) in [("skips", Overlap.skip), ("queues", .queue)] {
      _ = try world.submit.schedule(
        name, cron: "* * * * *", run: world.run, kind: "train", arguments: "{}", overlap: overlap)
    }
    func fire() throws -> String? {
      try world.administrator.run(
        "update pra_store.schedules set next_at = date_trunc('minute', next_at) - interval '1 min'")
      try world.administrator.run(
        "update pra_store.jobs set idempotency_key = idempotency_key || ' earlier ' || id")
      _ = try world.workers.reap()
      return try world.value(
        """
        select string_agg(n::text, ' ' order by name) from (
          select split_part(idempotency_key, ' ', 2) as name, count(*) as n from pra.jobs group by 1) as c
        """)
    }
    #expect(try fire() == "1 1")
    #expect(try fire() == "2 1")
    #expect(
      try world.value("select count(*) from pra.events where kind = 'schedule.skipped'") == "1")
    let worker = try world.worker()
    for job in try world.workers.claim(worker: worker, count: 10) {
      try world.workers.finish(job.lease)
    }
    #expect(try fire() == "3 2")
  }

  @Test("a schedule of which each missed time is wanted queues them by default, any other skips")
  func overlapByDefault() throws {
    let world = try QueueWorld()
    for policy in CatchUp.allCases {
      _ = try world.submit.schedule(
        policy.rawValue, cron: "@daily", run: world.run, kind: "train", arguments: "{}",
        catchUp: policy)
    }
    #expect(
      try world.value("select string_agg(overlap, ' ' order by name) from pra.schedules")
        == "queue skip skip")
  }

  @Test("what could never make a job is refused when the schedule is set")
  func refusedAtOnce() throws {
    let world = try QueueWorld()
    for (cron, kind, arguments) in [
      (String(repeating: "0,", count: 200) + "0 0 * * *", "train", "{}"), ("@daily", "No", "{}"),
      ("@daily", "train", "[]"),
    ] {
      let error = #expect(throws: PostgresError.self) {
        try world.submit.schedule(
          "s", cron: cron, run: world.run, kind: kind, arguments: arguments)
      }
      #expect(error?.sqlState == "PR003")
    }
  }

  @Test("a schedule whose calendar has gone says so, and the others fire")
  func lostCalendar() throws {
    let world = try QueueWorld()
    for name in ["a", "b"] {
      _ = try world.submit.schedule(
        name, cron: "* * * * *", run: world.run, kind: "train", arguments: "{}")
    }
    try world.administrator.run(
      """
      update pra_store.schedules set next_at = date_trunc('minute', now()),
        time_zone = case name when 'a' then 'Europe/Atlantis' else time_zone end
      """)
    _ = try world.workers.reap()
    #expect(try world.value("select count(*) from pra.jobs") == "1")
    #expect(
      try world.value("select last_error ~ 'Atlantis' from pra.schedules where name = 'a'") == "t")
  }

  @Test func anUnknownTimeZoneIsRefused() throws {
    let world = try QueueWorld()
    let error = #expect(throws: PostgresError.self) {
      try world.submit.schedule(
        "s", cron: "@daily", run: world.run, kind: "train", arguments: "{}",
        timeZone: "Europe/Atlantis")
    }
    #expect(error?.message.contains("Europe/Atlantis") == true)
  }

  @Test(
    "missed times are made up for as the schedule says",
    arguments: [
      (CatchUp.all, "5"), (.last, "1"), (.none, "0"),
    ])
  func catchUp(policy: CatchUp, jobs: String) throws {
    let world = try QueueWorld()
    _ = try world.submit.schedule(
      "s", cron: "0 * * * *", run: world.run, kind: "train", arguments: "{}", catchUp: policy)
    // Five full hours, the last more than a minute ago.
    try world.administrator.run(
      """
      update pra_store.schedules
      set cron = to_char((now() - interval '30 min') at time zone 'UTC', 'MI') || ' * * * *',
        next_at = date_trunc('minute', now() - interval '30 min') - interval '4 h'
      """)
    _ = try world.workers.reap()
    _ = try world.workers.reap()
    #expect(try world.value("select count(*) from pra.jobs") == jobs)
    #expect(try world.value("select next_at > now() from pra.schedules") == "t")
  }

  @Test("one firing makes one job, whoever looks")
  func once() async throws {
    let world = try QueueWorld()
    _ = try world.submit.schedule(
      "s", cron: "* * * * *", run: world.run, kind: "train", arguments: #"{"a": 1}"#)
    try world.administrator.run(
      "update pra_store.schedules set next_at = date_trunc('minute', now())")
    let database = world.database
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<4 {
        group.addTask { _ = try WorkerQueue(try database.connect(.worker)).reap() }
      }
      try await group.waitForAll()
    }
    #expect(try world.value("select count(*) from pra.jobs") == "1")
    #expect(try world.value("select arguments from pra.jobs") == #"{"a": 1}"#)
  }

  @Test func aPausedScheduleDoesNotFire() throws {
    let world = try QueueWorld()
    _ = try world.submit.schedule(
      "s", cron: "* * * * *", run: world.run, kind: "train", arguments: "{}")
    try world.submit.pause(schedule: "s")
    try world.administrator.run(
      "update pra_store.schedules set next_at = now() - interval '1 hour'")
    _ = try world.workers.reap()
    try world.submit.pause(schedule: "s", false)
    _ = try world.workers.reap()
    #expect(try world.value("select count(*) from pra.jobs") == "0")
    try world.submit.unschedule("s")
    #expect(throws: PostgresError.self) { try world.submit.unschedule("s") }
  }

  @Test("a schedule whose job is refused says so and lets the others fire")
  func refused() throws {
    let world = try QueueWorld()
    for name in ["a", "b"] {
      _ = try world.submit.schedule(
        name, cron: "* * * * *", run: world.run, kind: "train", arguments: "{}")
    }
    try world.administrator.run(
      """
      update pra_store.schedules
      set next_at = date_trunc('minute', now()), kind = case name when 'a' then 'No' else kind end
      """)
    _ = try world.workers.reap()
    #expect(try world.value("select count(*) from pra.jobs") == "1")
    #expect(
      try world.value("select count(*) from pra.events where kind = 'schedule.failed'") == "1")
    #expect(
      try world.value(
        "select string_agg(name, ' ') from pra.schedules where last_error is not null")
        == "a")
    try world.administrator.run(
      "update pra_store.schedules set next_at = date_trunc('minute', now()) - interval '1 h', kind = 'train'"
    )
    _ = try world.workers.reap()
    #expect(try world.value("select count(last_error) from pra.schedules") == "0")
  }
}
