// Arrays, limits, sweeps, schedules and draining through the command line.

import Testing

@Suite struct QueueVerbTests {
  let world: World
  private let source = "source=" + String(repeating: "c", count: 64)

  init() throws { world = try World() }

  private func train() throws -> String {
    let data = try world.answer("enqueue", "ingest", "--set", source)
    return try world.answer("enqueue", "train", "--set", "data=\(data)")
  }

  @Test func fiftyThousandImagesAreOneRow() throws {
    let train = try train()
    let job = try world.answer(
      "enqueue", "sample", "--set", "train=\(train)", "--set", "count=50000", "--array",
      "0-49999%8", "--pack", "500")
    let found = try world.rows(
      """
      select array_first, array_last, pack, arguments -> 'first', arguments -> 'last', limits <> '{}'
      from pra.jobs where id = \(job)
      """)
    #expect(found == ["0 49999 500 0 50000 t"])
    #expect(try world.rows("select count(*) from pra.jobs") == ["3"])
    #expect(try world.rows("select elements, waiting from pra.arrays") == ["50000 50000"])
  }

  @Test func anElementGoesWhereItIsNamed() throws {
    let data = try world.answer("enqueue", "ingest", "--set", source)
    let job = try world.answer(
      "enqueue", "train", "--set", "data=\(data)", "--array", "3-5", "--element",
      "config.seed", "--set", "config.preset=nano")
    #expect(
      try world.rows(
        "select array_first, arguments -> 'config' -> 'seed' from pra.jobs where id = \(job)")
        == ["3 3"])
  }

  @Test(
    "impossible options are refused by name",
    arguments: [
      (["--array", "5"], "--array 5"), (["--array", "5-4"], "--array 5-4"),
      (["--pack", "5"], "--pack"), (["--gang"], "--gang"),
      (["--array", "0-4", "--element", "nowhere"], "nowhere"),
      (["--array", "0-4"], "--element"),
      (["--array", "0-4", "--element", "skip_limit", "--pack", "2"], "--pack"),
      (["--time-limit", "0"], "--time-limit"), (["--deadline", "-1"], "--deadline"),
    ])
  func refusals(arguments: [String], named: String) throws {
    let outcome = try Outcome(
      ["enqueue", "ingest", "--set", source] + arguments,
      environment: ["PRA_DATABASE_URL": world.database.url.conninfo], in: world.folder)
    #expect(outcome.status == 2)
    #expect(outcome.errors.contains(named), "\(outcome.errors)")
    #expect(try world.rows("select count(*) from pra.jobs") == ["0"])
  }

  @Test func limitsAreSetAndHeld() throws {
    #expect(try world.answer("limits", "--set", "licence=4").contains("licence"))
    let job = try world.answer(
      "enqueue", "ingest", "--set", source, "--limit", "licence", "--time-limit", "60",
      "--deadline", "3600")
    #expect(
      try world.rows(
        "select limits, time_limit, deadline > now() + interval '59 min' from pra.jobs where id = \(job)"
      )
        == ["{licence} 00:01:00 t"])
    let unknown = try world.pra("enqueue", "ingest", "--set", source, "--limit", "nowhere")
    #expect(unknown.status == 3 && unknown.errors.contains("nowhere"))
    #expect(try world.pra("limits", "--set", "licence").status == 2)
  }

  @Test func aLimitThatIsTooSmallForAGangIsSaid() throws {
    _ = try world.answer("limits", "--set", "licence=3")
    let job = try world.answer(
      "enqueue", "ingest", "--set", source, "--array", "0-2", "--element", "skip_limit", "--gang",
      "--limit", "licence")
    let lowered = try world.pra("limits", "--set", "licence=2")
    #expect(lowered.status == 0)
    #expect(
      lowered.errors.contains(
        "gang \(job) can no longer start: its 3 members need a slot each of licence, which has 2"))
    let refused = try world.pra(
      "enqueue", "ingest", "--set", source, "--array", "0-2", "--element", "skip_limit", "--gang",
      "--limit", "licence")
    #expect(refused.status == 2 && refused.errors.contains("limit \"licence\", which has 2"))
    let raised = try world.pra("limits", "--set", "licence=3")
    #expect(raised.errors.isEmpty)
  }

  @Test func aRunIsCancelledAndRetriedInPieces() throws {
    let run = try world.answer("run", try world.runFile())
    _ = try world.rows(
      """
      select count(pra.enqueue('export', \(run), '{}')) from generate_series(1, 12000)
      """)
    #expect(try world.answer("cancel", "--run", run) == "cancelled 12004 jobs of run 1 (emoji)")
    #expect(
      try world.rows("select count(*) from pra.events where kind = 'job.cancelled'") == ["12004"])
    #expect(try world.answer("cancel", "--run", run) == "cancelled 0 jobs of run 1 (emoji)")
    #expect(try world.answer("retry", "--run", run) == "retried 12004 jobs of run 1 (emoji)")
    #expect(
      try world.rows("select state, count(*) from pra.jobs group by state order by state")
        == ["blocked 3", "ready 12001"])
    #expect(try world.answer("retry", "--run", run) == "no job of run 1 (emoji) has ended badly")
  }

  @Test func aRunOfVeryManyJobsIsWatchedByItsCounts() throws {
    let run = try world.answer("run", try world.runFile())
    _ = try world.rows(
      "select count(pra.enqueue('export', \(run), '{}')) from generate_series(1, 1500)")
    _ = try world.rows("select pra.cancel_run(\(run))")
    let outcome = try world.pra("watch", run)
    #expect(outcome.status == 1)
    #expect(outcome.output.contains("run \(run) (emoji): 1504 jobs, 1504 cancelled"))
    #expect(outcome.output.split(separator: "\n").count <= 21)
    let json = try world.pra("watch", run, "--json")
    #expect(json.output.split(separator: "\n").count == 1)
    #expect(json.output.contains(#""jobs":1504,"#) && json.output.contains(#""cancelled":1504"#))
  }

  @Test func jobsAreListedFromTheEndWithoutReadingAll() throws {
    let run = try world.answer("run", try world.runFile())
    _ = try world.rows(
      "select count(pra.enqueue('export', \(run), '{}')) from generate_series(1, 3000)")
    _ = try world.rows("analyze")
    let listed = try world.answer("jobs", "--limit", "3", "--json")
    #expect(
      listed.matches(of: /"job" *: *[0-9]+/).map { String($0.0.filter(\.isNumber)) }
        == ["3004", "3003", "3002"])
    let array = try world.rows("select id from pra.jobs where array_last is not null")[0]
    #expect(try world.answer("jobs", "--array", array, "--json") == "[]")
  }

  @Test func aScheduleSaysWhyItMadeNoJob() throws {
    // It gives the database the contracts, by which the arguments are refused.
    _ = try world.answer("migrate")
    let run = try world.answer("run", try world.runFile())
    _ = try world.answer(
      "schedule", "nightly", "@midnight", "ingest", "--run", run, "--set", source, "--overlap",
      "queue")
    #expect(try world.rows("select overlap, last_error from pra.schedules") == ["queue -"])
    _ = try world.rows(
      """
      update pra_store.schedules set arguments = '{"source": 5}', next_at = now() - interval '1 second'
      """)
    _ = try world.rows("select pra.reap()")
    #expect(try world.answer("schedules").contains("source"))
    let doctor = try world.pra("doctor")
    #expect(doctor.status == 1 && doctor.output.contains("no job at the last time of nightly: "))
    #expect(
      try world.pra(
        "schedule", "nightly", "@midnight", "ingest", "--run", run, "--set", source, "--overlap",
        "never"
      ).status == 2)
  }

  @Test func aScheduleThatIsSetAnewGoesOn() throws {
    let run = try world.answer("run", try world.runFile())
    let words = ["schedule", "s", "@midnight", "ingest", "--run", run, "--set", source]
    _ = try world.answer(words)
    _ = try world.answer("schedules", "--pause", "s")
    _ = try world.answer(words)
    #expect(try world.rows("select paused_at from pra.schedules") == ["-"])
  }

  @Test func aSweepIsTheCrossProduct() throws {
    let file = try world.runFile()
    let printed = try world.answer(
      "sweep", file, "--set", "training.lr=1e-4,3e-4", "--set", "seed=1,2",
      "--set", "training.total=5")
    #expect(printed.split(separator: "\n").count == 4)
    let found = try world.rows(
      """
      select name, configuration -> 'config' -> 'training' ->> 'lr',
        configuration -> 'config' -> 'training' ->> 'total'
      from pra.runs order by id limit 2
      """)
    #expect(
      found == [
        "emoji training.lr=1e-4 seed=1 0.0001 5",
        "emoji training.lr=1e-4 seed=2 0.0001 5",
      ])
  }

  @Test func aSweepWithAMistakeEnqueuesNothing() throws {
    let file = try world.runFile()
    let outcome = try world.pra(
      "sweep", file, "--set", "training.total=5,many")
    #expect(outcome.status == 2 && outcome.errors.contains("training.total"))
    #expect(try world.rows("select count(*) from pra.runs") == ["0"])
    let repeated = try world.pra("sweep", file, "--set", "training.total=5,5")
    #expect(repeated.status == 2)
    let many = try world.pra("sweep", file, "--set", "training.total=5,6", "--most", "1")
    #expect(many.status == 2 && many.errors.contains("--most"))
  }

  @Test func aScheduleIsMadePausedAndRemoved() throws {
    let run = try world.answer("run", try world.runFile())
    let first = try world.answer(
      "schedule", "nightly", "30 2 * * mon-fri", "ingest", "--run", run, "--set", source,
      "--time-zone", "Europe/Berlin")
    #expect(first.contains(":30:00"))
    #expect(try world.answer("schedules").contains("nightly"))
    _ = try world.answer("schedules", "--pause", "nightly")
    #expect(try world.rows("select paused_at is not null from pra.schedules") == ["t"])
    _ = try world.answer("schedules", "--remove", "nightly")
    #expect(try world.rows("select count(*) from pra.schedules") == ["0"])
    let wrong = try world.pra(
      "schedule", "nightly", "30 25 * * *", "ingest", "--run", run, "--set", source)
    #expect(wrong.status == 2 && wrong.errors.contains("cron"))
  }

  @Test func aWorkerThatIsDeclaredDeadLosesItsJobsAtOnce() throws {
    let sha256 = String(repeating: "a", count: 64)
    _ = try world.answer("enqueue", "ingest", "--set", "source=\(sha256)")
    try world.claimFirst()
    #expect(try world.rows("select state from pra.jobs") == ["running"])
    #expect(
      try world.answer("workers", "--dead", "1") == "worker 1 is dead; 1 job taken from it")
    #expect(try world.rows("select state from pra.jobs") == ["ready"])
    #expect(try world.rows("select stop_reason from pra.workers") == ["declared dead"])
    let again = try world.pra("workers", "--dead", "1")
    #expect(again.status == 3 && again.errors.contains("there is no live worker 1"))
    #expect(try world.pra("workers", "--dead", "1", "--all").status == 2)
  }

  @Test(
    "a lease has a maximum, and the sentence says why",
    arguments: ["601", "1e5", "inf", "nan", "0.5"])
  func longestLease(lease: String) throws {
    let outcome = try world.pra("worker", "--lease", lease)
    #expect(outcome.status == 2)
    #expect(
      outcome.errors.contains("expected 1 to 600 seconds, since a host that is gone keeps its jobs")
    )
  }

  @Test func drainingAndWeighingNameWhatIsThere() throws {
    #expect(try world.pra("drain", "7").status == 3)
    let run = try world.answer("run", try world.runFile())
    _ = try world.answer("weight", "3", "--run", run)
    #expect(try world.rows("select weight from pra.runs") == ["3"])
    _ = try world.answer("weight", "2", "--user", "ann")
    #expect(try world.pra("weight", "0", "--run", run).status == 2)
  }
}
