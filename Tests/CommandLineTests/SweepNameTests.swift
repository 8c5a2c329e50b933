// Verbs that are given the name of a sweep, and names that several runs have.

import Foundation
import Testing

@Suite struct SweepNameTests {
  private let world: World

  init() throws { world = try World() }

  private func makeSweep() throws {
    _ = try world.answer(
      "sweep", try world.runFile("evaluate: false"), "--set", "name=sw", "--set", "seed=0,1")
  }

  @Test func verbsOfManyRunsTakeASweep() throws {
    try makeSweep()
    #expect(
      try world.answer("pause", "sw")
        == "paused run 1 (sw seed=0)\npaused run 2 (sw seed=1)")
    let why = try world.answer("why", "sw")
    #expect(why.contains("sw seed=0") && why.contains("sw seed=1"), "\(why)")
    _ = try world.answer("resume", "sweep=sw")
    #expect(try world.rows("select count(*) from pra.runs where paused_at is not null") == ["0"])
    let jobs = try world.answer("jobs", "--run", "sw")
    #expect(jobs.contains("sw seed=0") && jobs.contains("sw seed=1"), "\(jobs)")
    #expect(try world.answer("jobs", "sw", "--limit", "1").split(separator: "\n").count == 3)
    #expect(
      try world.answer("tag", "sw", "paper")
        == "run 1 (sw seed=0): paper\nrun 2 (sw seed=1): paper")
    let moved = try world.answer("priority", "sw", "--to", "5")
    #expect(moved.contains("priority 5 in run 2 (sw seed=1)"), "\(moved)")
    #expect(try world.rows("select distinct priority from pra.jobs") == ["5"])
    let cancelled = try world.answer("cancel", "sw")
    #expect(
      cancelled.contains("cancelled 2 jobs of run 1 (sw seed=0)")
        && cancelled.contains("cancelled 1 job of run 2 (sw seed=1)"), "\(cancelled)")
    #expect(try world.rows("select distinct state from pra.runs") == ["cancelled"])
    #expect(try world.pra("watch", "sw").status == 1)
    let retried = try world.answer("retry", "sw")
    #expect(retried.contains("of run 2 (sw seed=1)"), "\(retried)")
    _ = try world.answer("cancel", "sw")
    _ = try world.answer("delete", "sw")
    let gone = try world.pra("cancel", "sw")
    #expect(gone.errors.contains("`pra delete --undo sweep=sw` brings them back"), "\(gone)")
    #expect(
      try world.answer("delete", "sw", "--undo")
        == "run 1 (sw seed=0) is back\nrun 2 (sw seed=1) is back")
    #expect(try world.pra("delete", "sweep=sw", "--undo").status == 3)
  }

  @Test func verbsOfOneRunNameThoseOfTheSweep() throws {
    try makeSweep()
    for words in [["logs", "--run", "sw"], ["checkpoints", "sw"], ["note", "sw"]] {
      let outcome = try Outcome(
        words, environment: ["PRA_DATABASE_URL": world.database.url.conninfo], in: world.folder)
      #expect(
        outcome.status == 2
          && outcome.errors.contains("is a sweep of runs 1, 2; name one of them"), "\(outcome)")
    }
    let figures = try world.pra("evaluations", "sweep=sw")
    #expect(
      figures.status == 3 && figures.errors.contains("no run of the sweep has evaluations"),
      "\(figures)")
    try world.admin.run("select pra.create_run('sw')")
    for verb in ["cancel", "pause", "retry", "why"] {
      let twice = try world.pra(verb, "sw")
      #expect(
        twice.status == 2
          && twice.errors.contains("'sw' is run 3 and a sweep; write id=3 or sweep=sw"), "\(twice)")
    }
    #expect(try world.answer("note", "sw") == "")
  }

  @Test func aNumberThatIsARunsAloneIsSaid() throws {
    try world.admin.run("select pra.create_run('one'), pra.create_run('two')")
    for (verb, said) in [
      ("why", "why --run"), ("cancel", "cancel --run"), ("retry", "retry --run"),
      ("logs", "logs --run"), ("job", "jobs --run"),
    ] {
      let outcome = try world.pra(verb, "2")
      #expect(
        outcome.errors.contains("there is no job 2; run 2 (two) is meant by pra \(said) 2"),
        "\(outcome)")
    }
    let none = try world.pra("job", "3")
    #expect(none.status == 3 && none.errors.contains("there is no job 3\n"), "\(none)")
  }

  @Test func ofSeveralRunsOfANameTheOneWithCheckpointsIsMeant() throws {
    _ = try world.answer("run", try world.runFile("evaluate: false"))
    _ = try world.answer("run", try world.runFile("evaluate: false"))
    let train = try world.rows("select id from pra.jobs where kind = 'train' order by id")
    try world.admin.run(
      """
      insert into pra_store.checkpoints (job_id, epoch, step, since) values (\(train[0]), 1, 20, 0);
      select pra.cancel_run(2)
      """)
    let listed = try world.pra("checkpoints", "emoji")
    #expect(
      listed.output.contains(" 20 ")
        && listed.errors.contains("run 2 has no checkpoints; this is run 1 of that name"),
      "\(listed)")
    let sampled = try world.pra("sample", "emoji", "--step", "20")
    #expect(sampled.errors.contains("this is run 1 of that name"), "\(sampled)")
    let numbered = try world.pra("sample", "2")
    #expect(
      numbered.status == 2
        && numbered.errors.contains(
          "is cancelled and has no checkpoint; pra retry \(train[1]) begins it again; run 1 of that name has some"
        ), "\(numbered)")
    let continued = try world.pra("continue", "2", "--total", "90")
    #expect(
      continued.errors.contains("has no checkpoint yet; run 1 of that name has some"),
      "\(continued)")
    #expect(
      try world.answer("delete", "emoji", "--only", "checkpoints").contains(
        "run 2 (emoji): nothing to delete; run 1 of that name has some"))
  }

  @Test func aSweepIsShownBeforeItIsEnqueued() throws {
    let file = try world.runFile()
    let shown = try world.answer(
      "sweep", file, "--set", "name=sw", "--set", "seed=0,1", "--dry-run")
    #expect(
      shown == """
        sw seed=0: 1 ingest, 1 train, 1 sample, 1 evaluate
        sw seed=1: 1 train, 1 sample, 1 evaluate
        2 runs, 7 jobs; nothing is enqueued yet
        """)
    for table in ["runs", "jobs", "artifacts", "sweeps"] {
      #expect(try world.rows("select count(*) from pra.\(table)") == ["0"])
    }
    _ = try world.answer("sweep", file, "--set", "name=sw", "--set", "seed=0,1")
    #expect(try world.rows("select count(*) from pra.jobs") == ["7"])
    let near = try world.pra("sweep", "show", "sw", "--by", "loss.recc")
    #expect(near.status == 3 && near.errors.contains("did you mean 'loss.rec"), "\(near)")
    _ = try world.answer("cancel", "sw")
    _ = try world.answer("delete", "sw")
    let gone = try world.pra("sweep", "show", "sw")
    #expect(
      gone.status == 3 && gone.errors.contains("all runs of sweep 'sw' are deleted"), "\(gone)")
  }

  @Test func commandsAndRunsAreNamed() throws {
    try world.admin.run(
      """
      select pra.enqueue('command', pra.create_run('val'), '{"name": "wild", "command": ["false"]}');
      select pra.enqueue('ingest', pra.create_run('other'), '{}');
      """)
    let waits = try world.pra("delete", "val")
    #expect(
      waits.errors.contains(
        "run 1 (val) cannot be deleted yet: its job 1 has not ended; pra cancel --run 1"),
      "\(waits)")
    _ = try world.answer("cancel", "1")
    _ = try world.answer("cancel", "2")
    let one = try world.pra("watch", "val")
    #expect(one.output.hasPrefix("job 1 command wild cancelled"), "\(one)")
    #expect(one.errors.contains("job 1 (command wild) cancelled"), "\(one)")
    let both = try world.pra("watch", "val", "other")
    #expect(
      both.output.contains("run 1 (val): job 1 command wild")
        && both.output.contains("run 2 (other): job 2 ingest"), "\(both)")
    let digest = String(repeating: "a", count: 64)
    try world.admin.run(
      """
      select pra.enqueue('train', pra.create_run('next'),
        '{"init": {"job": 1, "step": 2, "weights": ["\(digest)"]}}')
      """)
    let held = try world.answer("delete", "val", "--dry-run")
    #expect(held.contains("weights with which run 3 (next) began stay in the store"), "\(held)")
  }
}
