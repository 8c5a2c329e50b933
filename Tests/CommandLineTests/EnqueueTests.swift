// `pra enqueue`, and the verbs that change enqueued jobs.

import Testing

@Suite struct EnqueueTests {
  let world: World
  private let source = "source=" + String(repeating: "c", count: 64)

  init() throws { world = try World() }

  @Test func oneKeyIsOneJob() throws {
    let first = try world.answer("enqueue", "ingest", "--set", source, "--key", "nightly")
    let second = try world.answer("enqueue", "ingest", "--set", source, "--key", "nightly")
    #expect(first == second)
    #expect(try world.rows("select count(*) from pra.jobs") == ["1"])
    #expect(try world.rows("select count(*) from pra.runs") == ["1"])
  }

  @Test func aKeyOfAnotherJobIsRefused() throws {
    _ = try world.answer("enqueue", "ingest", "--set", source, "--key", "nightly")
    let outcome = try world.pra(
      "enqueue", "ingest", "--set", source, "--set", "skip_limit=3", "--key", "nightly")
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("nightly"))
  }

  @Test func aTrainJobResolvesOverItsPreset() throws {
    let data = try world.answer("enqueue", "ingest", "--set", source)
    _ = try world.answer(
      "enqueue", "train", "--set", "data=\(data)", "--set", "config.preset=micro", "--set",
      "config.training.total=9")
    let found = try world.rows(
      """
      select c->'trunk'->'layers', c->'training'->'total', c->'sampling'->>'weights'
      from (select arguments->'config' as c from pra.jobs where kind = 'train') as t
      """)
    #expect(found == ["8 9 ema-0.999"])
  }

  @Test func aSampleJobTakesWhatItsTrainJobSays() throws {
    let data = try world.answer("enqueue", "ingest", "--set", source)
    let train = try world.answer(
      "enqueue", "train", "--set", "data=\(data)", "--set", "config.sampling.steps=6")
    let job = try world.answer(
      "enqueue", "sample", "--set", "train=\(train)", "--set", "count=12", "--set",
      "sampling.seed=4")
    let found = try world.rows(
      """
      select arguments->'data', arguments->'last', arguments->'sampling'->'steps',
        arguments->'sampling'->'seed', depends_on, run_id = 1
      from pra.jobs where id = \(job)
      """)
    #expect(found == ["\(data) 12 6 4 {\(data),\(train)} t"])
  }

  @Test func aFileGivesTheArguments() throws {
    let file = try world.write("arguments.yaml", "source: \(source.dropFirst(7))\nskip_limit: 2\n")
    let job = try world.answer(
      "enqueue", "ingest", "--config", file, "--set", "image.size=64", "--priority", "5", "--queue",
      "slow", "--require", "gpu>=1", "--delay", "3600")
    let found = try world.rows(
      """
      select arguments->'skip_limit', arguments->'image'->'size', priority, queue, requirements,
        run_after > now() + interval '50 minutes'
      from pra.jobs where id = \(job)
      """)
    #expect(found == [#"2 64 5 slow [{"op": ">=", "label": "gpu", "value": "1"}] t"#])
  }

  @Test func aRunIsFoundByNumberAndByItsLatestName() throws {
    let file = try world.runFile()
    _ = try world.answer("run", file)
    let second = try world.answer("run", file)
    let job = try world.answer("enqueue", "ingest", "--set", source, "--run", "emoji")
    #expect(try world.rows("select run_id from pra.jobs where id = \(job)") == [second])
    let other = try world.answer("enqueue", "ingest", "--set", source, "--run", "1")
    #expect(try world.rows("select run_id from pra.jobs where id = \(other)") == ["1"])
  }

  @Test func cancelAndRetry() throws {
    let job = try world.answer("enqueue", "ingest", "--set", source)
    #expect(try world.answer("cancel", job) == "cancelled 1 job")
    #expect(try world.rows("select state from pra.jobs") == ["cancelled"])
    #expect(
      try world.answer("cancel", job) == "job \(job) is cancelled already\ncancelled 0 jobs")
    #expect(try world.answer("retry", job) == "job \(job) is ready")
    let again = try world.pra("preempt", job)
    #expect(again.status == 1 && again.errors.contains("not running"))
  }

  @Test func aWholeRunIsCancelledAndRetried() throws {
    let run = try world.answer("run", try world.runFile())
    #expect(try world.answer("cancel", "--run", run) == "cancelled 4 jobs of run 1 (emoji)")
    #expect(try world.answer("why", "emoji") == "nothing of run 1 waits")
    _ = try world.answer("retry", "--run", "emoji")
    let why = try world.answer("why", "emoji").split(separator: "\n").dropFirst(2)
    #expect(
      why.count == 4 && why.first?.contains(#/^ *1 +emoji +ingest +no-worker +/#) == true, "\(why)")
    #expect(why.dropFirst().allSatisfy { $0.contains(" dependency ") }, "\(why)")
    #expect(
      try world.rows("select state, count(*) from pra.jobs group by state order by state")
        == ["blocked 3", "ready 1"])
  }

  @Test func runsAndQueuesPauseAndResume() throws {
    let job = try world.answer("enqueue", "ingest", "--set", source)
    _ = try world.answer("pause", "1")
    _ = try world.answer("pause", "--queue", "default")
    let why = try world.answer("why", job)
    #expect(why.contains("run-paused") && why.contains("queue-paused"))
    _ = try world.answer("resume", "1")
    _ = try world.answer("resume", "--queue", "default")
    #expect(try world.rows("select reason from pra.why_pending(\(job))") == ["no-worker"])
  }
}
