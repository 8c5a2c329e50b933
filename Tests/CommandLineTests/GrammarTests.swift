// One grammar: verbs, workers and limits are named alike, and each error has a remedy.

import Foundation
import Testing

@Suite struct GrammarTests {
  let world: World

  init() throws { world = try World() }

  @Test(arguments: [
    ("rnu", "did you mean 'pra run'?"),
    ("status", "did you mean 'pra runs', 'pra jobs' or 'pra watch'?"),
    ("ps", "did you mean 'pra jobs'?"), ("squeue", "did you mean 'pra jobs'?"),
    ("smaple", "did you mean 'pra sample'?"), ("qqqqqqq", "pra --help lists all"),
  ])
  func theNearestVerbIsNamed(_ word: String, _ near: String) throws {
    let outcome = try world.pra(word, "--json")
    #expect(outcome.status == 2)
    #expect(outcome.errors == "error: there is no verb '\(word)'; \(near)\n")
  }

  @Test func aWorkerIsNamedByNumberOrName() throws {
    for name in ["a7-1", "a7-2", "twin", "twin"] {
      _ = try world.rows(
        "select pra.register_worker('\(name)', '{}', '{default}', '{noop}', slots => 1)")
    }
    #expect(try world.answer("drain", "a7-2").contains("of worker 2 to give way"))
    #expect(try world.answer("drain", "2", "--undo") == "worker 2 takes jobs again")
    #expect(try world.answer("workers", "--dead", "a7-1").hasPrefix("worker 1 is dead"))
    let near = try world.pra("drain", "a7-3")
    #expect(
      near.status == 3 && near.errors.contains("there is no worker 'a7-3'; did you mean 'a7-2'?"))
    let both = try world.pra("drain", "twin")
    #expect(
      both.status == 2
        && both.errors.contains("'twin' is the name of workers 4, 3; name one by its number"))
    // As workers could be called before such names were refused.
    _ = try world.rows("select pra.register_worker('2', '{}', '{default}', '{noop}', slots => 1)")
    let number = try world.pra("drain", "2")
    #expect(
      number.status == 2 && number.errors.contains("'2' is worker 2 and the name of worker 5"),
      "\(number)")
    #expect(try world.answer("drain", "5").contains("of worker 5"))
  }

  @Test func numbersOfJobsMayStandApartOrTogether() throws {
    let source = "source=\(String(repeating: "a", count: 64))"
    for _ in 1...4 { _ = try world.answer("enqueue", "ingest", "--set", source) }
    #expect(try world.answer("cancel", "1", "2", "3") == "cancelled 3 jobs")
    #expect(try world.answer("cancel", "4", "--with-dependents") == "cancelled 1 job")
    #expect(try world.answer("retry", "1,2", "3").split(separator: "\n").count == 3)
    #expect(try world.pra("cancel", "--run", "99", "3").status == 2)
    let many = try Outcome(
      ["retry"] + (100..<4100).map(String.init),
      environment: ["PRA_DATABASE_URL": world.database.url.conninfo], in: world.folder)
    #expect(many.status == 3 && many.errors.contains("there is no job 100"), "\(many)")
  }

  @Test func aLimitThatNobodyNeedsIsRemoved() throws {
    _ = try world.answer("limits", "--set", "licence=2", "--set", "other=1")
    _ = try world.answer(
      "enqueue", "reference", "--set", "statistics=" + String(repeating: "d", count: 64), "--limit",
      "licence")
    let held = try world.pra("limits", "--remove", "licence")
    #expect(
      held.status == 1
        && held.errors.contains("job 1 has not ended and needs a slot of \"licence\""))
    #expect(try !world.answer("limits", "--remove", "other").contains("other"))
    _ = try world.answer("cancel", "1")
    #expect(try !world.answer("limits", "--remove", "licence").contains("licence"))
    let missing = try world.pra("limits", "--remove", "licence")
    #expect(missing.status == 3 && missing.errors.contains("there is no limit \"licence\""))
  }

  @Test func anExportedFileHasTheUsersMode() throws {
    _ = try world.rows("select pra.create_run('empty')")
    for (mask, mode) in [("077", "600"), ("022", "644"), ("002", "664")] {
      let outcome = try Outcome.shell(
        "cd \(world.folder) && umask \(mask); $PRA plot --help > /dev/null; $PRA export csv empty -o \(mask).csv; stat -c %a \(mask).csv",
        environment: ["PRA_DATABASE_URL": world.database.url.conninfo], in: world.folder)
      #expect(outcome.output.hasSuffix("\(mode)\n"), "\(mask): \(outcome)")
    }
  }

  /// A server that is there and says no is not unreachable.
  @Test func aRefusedLoginIsNotAnUnreachableServer() throws {
    let url = world.database.url
    let nobody = try world.pra(
      "runs", environment: ["PRA_DATABASE_URL": url.with("user", "nobody_at_all").conninfo])
    #expect(nobody.status == 2)
    #expect(nobody.errors.contains("the database refuses the login: "), "\(nobody.errors)")
    #expect(nobody.errors.contains("correct the user in PRA_DATABASE_URL"))
    let nowhere = try world.pra(
      "runs", environment: ["PRA_DATABASE_URL": url.with("dbname", "no_such_database").conninfo])
    #expect(nowhere.status == 2 && !nowhere.errors.contains("unreachable"))
    #expect(
      nowhere.errors.contains("make it with createdb and then pra migrate"), "\(nowhere.errors)")
    let empty = try world.pra(
      "runs", environment: ["PRA_DATABASE_URL": url.with("dbname", "template1").conninfo])
    #expect(empty.errors.contains("Run `pra migrate`"), "\(empty.errors)")
  }

  @Test func aRunIsNamedByPositionOrOption() throws {
    _ = try world.answer("run", try world.runFile(""))
    for words in [
      ["pause", "emoji"], ["pause", "--run", "emoji"], ["resume", "1"], ["weight", "2", "emoji"],
      ["weight", "1", "--run", "1"], ["checkpoints", "--run", "emoji"], ["checkpoints", "emoji"],
      ["logs", "emoji"], ["logs", "--run", "emoji"], ["cancel", "emoji"], ["retry", "id=1"],
      ["cancel", "--run", "1"],
    ] {
      _ = try world.answer(words)
    }
    #expect(try world.rows("select distinct state from pra.jobs") == ["cancelled"])
    for words in [
      ["cancel", "emoji", "2"], ["cancel", "emoji", "--run", "emoji"],
      ["pause", "a", "--run", "b"],
    ] {
      let outcome = try Outcome(
        words, environment: ["PRA_DATABASE_URL": world.database.url.conninfo], in: world.folder)
      #expect(outcome.status == 2, "\(words)")
    }
  }

  /// A job that would wait for ever is not enqueued.
  @Test func nothingWaitsForATrainingThatWasCancelled() throws {
    _ = try world.answer("run", try world.runFile(""))
    _ = try world.answer("cancel", "emoji")
    for verb in ["sample", "probe"] {
      let outcome = try world.pra(verb, "emoji")
      #expect(outcome.status == 2)
      #expect(
        outcome.errors.contains(
          "the training of run 1 (emoji) is cancelled and has no checkpoint; pra retry 2 begins it again"
        ),
        "\(outcome.errors)")
    }
    #expect(try world.rows("select count(*) from pra.jobs") == ["2"])
  }

  @Test func nothingWaitsForImagesThatNeverCome() throws {
    _ = try world.answer("run", try world.runFile("sample: {count: 4}"))
    _ = try world.answer("cancel", "1")
    // The sample job waits for a training, which waits for the cancelled data set.
    for verb in ["evaluate", "neighbours"] {
      let outcome = try world.pra(verb, "emoji", "--job", "3")
      #expect(outcome.status == 2)
      #expect(
        outcome.errors.contains(
          "job 3 waits for job 1, which is cancelled: its images do not come before pra retry 1"),
        "\(outcome.errors)")
    }
    let sample = try world.pra("sample", "emoji")
    #expect(
      sample.status == 2
        && sample.errors.contains("waits for job 1, which is cancelled: pra retry 1 lets it begin"),
      "\(sample.errors)")
    _ = try world.answer("cancel", "3")
    let named = try world.pra("evaluate", "emoji", "--job", "3")
    #expect(named.status == 2 && named.errors.contains("its images do not come before pra retry"))
    let unnamed = try world.pra("evaluate", "emoji")
    #expect(
      unnamed.status == 3
        && unnamed.errors.contains(
          "no drawn images: job 3 is cancelled, and pra retry 3 draws its images"),
      "\(unnamed.errors)")
    #expect(try world.rows("select count(*) from pra.jobs") == ["3"])
  }

  @Test func settingsThatAreSeldomMeantAreSaidOnce() throws {
    let file = try world.runFile("")
    let warm = try world.pra("run", file, "--set", "training.total=50", "--dry-run")
    #expect(warm.status == 0)
    #expect(
      warm.errors
        == "pra: training.warmup: 100 steps are more than training.total, 50: the learning "
        + "rate comes to 0.00075 and not to training.lr, 0.0015; give fewer\n")
    let sweep = try world.pra(
      "sweep", file, "--set", "seed=1,2", "--set", "data.validation.share=0.99", "--dry-run")
    #expect(sweep.status == 0)
    #expect(
      sweep.errors
        == "pra: data.validation.share: 0.99 holds out more images than it leaves to train "
        + "on; 0.01 would hold out the rest\n")
    #expect(try world.pra("run", file, "--dry-run").errors == "")
  }

  @Test func anOptionThatIsWrongIsNamedAsItWasGiven() throws {
    let file = try world.runFile("sample: {count: 0}")
    #expect(try world.pra("run", file, "--dry-run", "--set", "sample.count=4").status == 0)
    for (options, message) in [
      (["--set", "config.training.lr=x"], "error: --set config.training.lr: found 'x'"),
      (["--ranks", "none"], "error: --ranks: found 'none'"),
      (["--set", "data.source=nowhere.tar"], "error: --set data.source: "),
    ] {
      let outcome = try Outcome(
        ["run", file, "--set", "sample.count=4"] + options,
        environment: ["PRA_DATABASE_URL": world.database.url.conninfo], in: world.folder)
      #expect(outcome.status == 2 && outcome.errors.hasPrefix(message), "\(outcome.errors)")
    }
  }
}
