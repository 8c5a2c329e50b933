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
      ("0 12 13 * fri", "UTC", "2026-03-01 00:00+00", "2026-03-06 12:00:00+00"),
      ("@daily", "Europe/Berlin", "2026-07-01 12:00+00", "2026-07-01 22:00:00+00"),
      // Clocks go from 02:00 to 03:00: that 02:30 does not exist.
      ("30 2 * * *", "Europe/Berlin", "2026-03-28 12:00+00", "2026-03-30 00:30:00+00"),
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
  }
}
