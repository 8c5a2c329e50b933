// `pra sweep`: the names of its runs say what they are, and all are enqueued or none.

import Foundation
import Testing

@Suite struct SweepTests {
  let world: World

  init() throws { world = try World() }

  private var names: [String] {
    get throws { try world.rows("select name from pra.runs order by id") }
  }

  @Test(arguments: [
    ["seed=1,2", "seed=3"], ["seed=0,1", "config.seed=2,3"], ["config.seed=1", "seed=1,2"],
    ["training={total: 5}", "training.total=5,6"], ["config.training.lr=1e-3", "training.lr=1e-4"],
  ])
  func aKeyThatIsGivenTwiceIsRefused(_ settings: [String]) throws {
    let outcome = try Outcome(
      ["sweep", try world.runFile()] + settings.flatMap { ["--set", $0] },
      environment: ["PRA_DATABASE_URL": world.database.url.conninfo], in: world.folder)
    #expect(outcome.status == 2 && outcome.errors.contains("is given by --set"), "\(outcome)")
    #expect(try names.isEmpty)
  }

  @Test(arguments: [
    "seed=0,00", "training.lr=1e-4,0.0001", "name=a,b", "data.skip_limit=0,0x0",
    ##"data.background=white,"#ffffff""##, "data.background=gray,grey",
    ##"data.background="#ff80AA","#FF80aa""##,
  ])
  func equalSettingsUnderTwoNamesAreRefused(_ setting: String) throws {
    let outcome = try world.pra("sweep", try world.runFile(), "--set", setting)
    #expect(outcome.status == 2 && outcome.errors.contains("are one configuration"), "\(outcome)")
    #expect(try names.isEmpty)
  }

  @Test func aSourceUnderTwoSpellingsIsOne() throws {
    let folder = "\(Repository.root)/ops/demo.d"
    let outcome = try world.pra(
      "sweep", try world.runFile(), "--set",
      "data.source=\(folder)/emoji-32.tar,\(folder)/.././demo.d/emoji-32.tar")
    #expect(outcome.status == 2 && outcome.errors.contains("are one configuration"), "\(outcome)")
    #expect(try names.isEmpty)
  }

  @Test("a source or a file that is missing is found before the first run is enqueued")
  func everythingIsChecked() throws {
    let good = "\(Repository.root)/ops/demo.d/emoji-32.tar"
    let outcome = try world.pra(
      "sweep", try world.runFile(), "--set", "data.source=\(good),nope.tar")
    #expect(outcome.status == 2 && outcome.errors.contains("nope.tar") && outcome.output.isEmpty)
    let weights = try world.pra(
      "sweep", try world.runFile(), "--set", "loss.lpips=0,1", "--set",
      "loss.lpips_file=[]")
    #expect(weights.status == 2 && weights.output.isEmpty, "\(weights)")
    #expect(try names.isEmpty)
    #expect(try world.rows("select count(*) from pra.artifacts") == ["0"])
  }

  @Test func apostrophesAreTextAndQuotesAreQuotes() throws {
    let text = try String(contentsOfFile: try world.runFile(), encoding: .utf8)
    let file = try world.write("its.yaml", text.replacing("name: emoji", with: "name: \"it's\""))
    _ = try world.answer("sweep", file, "--set", "seed=0,1")
    #expect(try names == ["it's seed=0", "it's seed=1"])
    _ = try world.answer("sweep", file, "--set", "method='pra','clean-input'", "--set", "name=o'x")
    #expect(
      try world.rows(
        "select configuration -> 'config' ->> 'method' from pra.runs where id > 2 order by id")
        == ["pra", "clean-input"])
    #expect(try names.suffix(2) == ["o'x method='pra'", "o'x method='clean-input'"])
  }

  @Test func thePrintedNamesAreThoseOfTheRuns() throws {
    let printed = try world.answer(
      "sweep", try world.runFile(), "--set", "name=x", "--set", "seed=1,2")
    #expect(printed == "1 x seed=1\n2 x seed=2")
    #expect(try names == ["x seed=1", "x seed=2"])
  }

  @Test(arguments: [
    ("seed=0,1,", "a value is missing after the last comma"),
    ("seed=0,,1", "a value is missing before a comma"), ("seed=,1", "a value is missing before"),
  ])
  func aMissingValueIsNamed(setting: String, words: String) throws {
    let outcome = try world.pra("sweep", try world.runFile(), "--set", setting)
    #expect(outcome.status == 2 && outcome.errors.contains(words), "\(outcome)")
  }

  @Test(
    "aliases as keys are refused at once",
    arguments: [
      (0..<30).map { "k\($0): &k\($0) {? *k\($0 - 1) : 1, ? [*k\($0 - 1)] : 2}" }.joined(
        separator: "\n"),
      (1..<30).reduce("k0: &k0 [a]") {
        $0 + "\nk\($1): &k\($1) {[*k\($1 - 1)]: 1, [*k\($1 - 1), b]: 2}"
      },
      "a: &a [x]\nb:\n  *a : 1\n",
    ])
  func aliasedKeys(_ text: String) throws {
    let file = try world.write("bomb.yaml", "name: a\ndata: {source: x.tar}\n\(text)\n")
    let clock = ContinuousClock()
    let time = try clock.measure {
      let outcome = try world.pra("run", file)
      #expect(outcome.status == 2 && outcome.errors.contains("a key is an alias"), "\(outcome)")
    }
    #expect(time < .seconds(20))
  }

  @Test func seedsAreOneLineWithMeanAndDeviation() throws {
    _ = try world.answer(
      "sweep", try world.runFile("evaluate: false"), "--set", "name=sw", "--set",
      "training.lr=1e-3,1e-4", "--set", "seed=0,1")
    try world.admin.run("update pra_store.jobs set state = 'cancelled', finished_at = now()")
    try world.admin.run(
      "insert into pra_store.metric_names (name, better) values ('loss', 'down') on conflict do nothing"
    )
    for (run, value) in [(1, 0.5), (2, 0.3), (3, 0.25), (4, 0.75)] {
      try world.admin.run(
        """
        insert into pra_store.evaluations (job_id, metric, scope, epoch, value, images)
        select max(id), 'frechet.random-conv-32-v1', 'overall', 1, \(value), 64
        from pra_store.jobs where run_id = \(run)
        """)
    }
    let lines = try world.answer("sweep", "show", "sw").split(separator: "\n").map {
      $0.split(separator: " ", omittingEmptySubsequences: true).map(String.init)
    }
    // The best run is of the worse setting.
    #expect(lines[2][0] == "3" && lines[2].last == "*", "\(lines)")
    let head = try #require(lines.firstIndex { $0.contains("mean") })
    #expect(
      lines[head] == ["training.lr", "seeds", "mean", "frechet.random-conv-32-v1", "deviation"])
    #expect(lines[head + 2] == ["0.001", "2", "of", "2", "0.4", "*", "0.14142"], "\(lines)")
    #expect(lines[head + 3] == ["0.0001", "2", "of", "2", "0.5", "0.35355"], "\(lines)")
    let json = try world.answer("sweep", "show", "sw", "--json")
    #expect(
      json.contains(
        #""over_seeds":[{"settings":{"training.lr":"0.001"},"runs":[2,1],"values":2,"mean":0.4,"#),
      "\(json)")
    // Without seeds there is nothing to take the mean of.
    _ = try world.answer(
      "sweep", try world.runFile("evaluate: false"), "--set", "name=plain", "--set",
      "training.lr=1e-3,1e-4")
    #expect(try !world.answer("sweep", "show", "plain").contains("mean"))
  }

  @Test func aSweepIsNamedForItsFiguresAndItsCurves() throws {
    _ = try world.answer(
      "sweep", try world.runFile("evaluate: false"), "--set", "name=sw", "--set", "seed=0,1")
    try world.admin.run(
      """
      insert into pra_store.metric_names (name, better) values ('loss', 'down') on conflict do nothing;
      insert into pra_store.evaluations (job_id, metric, scope, epoch, value, images)
      select max(id), 'frechet.random-conv-32-v1', 'overall', 1, run_id, 64 from pra_store.jobs group by run_id
      """)
    let shown = try world.answer("evaluations", "sw").split(separator: "\n").map {
      $0.split(separator: " ").map(String.init)
    }
    #expect(shown[0].starts(with: ["run", "name"]), "\(shown)")
    #expect(shown[2][0] == "1" && shown[3][0] == "2", "\(shown)")
    #expect(try !world.answer("evaluations", "1").contains("name"))
    #expect(try world.answer("evaluations", "sw", "--json").contains(#""run":2"#))
    #expect(try world.answer("export", "csv", "sw") == "run,name,step,value")
  }

  @Test func itsJobsGetAPriorityInOneStatement() throws {
    _ = try world.answer(
      "sweep", try world.runFile("evaluate: false"), "--set", "name=sw", "--set", "seed=0,1")
    let said = try world.answer("priority", "sw", "--to", "7")
    #expect(said.contains("2 jobs have priority 7 in run 1"), "\(said)")
    #expect(try world.rows("select distinct priority from pra.jobs") == ["7"])
    #expect(
      try world.rows("select count(*) from pra.events where kind = 'job.priority_set'")
        == world.rows("select count(*) from pra.jobs"))
    // A data set that only these runs wait for goes with the last of them.
    _ = try world.answer("cancel", "sw")
    #expect(try world.rows("select distinct state from pra.jobs") == ["cancelled"])
    // Jobs that have ended are passed over.
    #expect(try world.rows("select pra.set_priority_many(array[1, 2, 99], 3)") == ["0"])
  }

  @Test func aRunWhoseLastJobNobodyTakesIsShownAsWaiting() throws {
    _ = try world.answer("run", try world.runFile("evaluate: false"))
    try world.admin.run(
      """
      update pra_store.jobs set state = 'succeeded', started_at = now(), finished_at = now() where id = 1;
      update pra_store.jobs set state = 'ready', unmet = 0 where id = 2
      """)
    let line = try #require(try world.answer("runs").split(separator: "\n").last)
    #expect(line.contains("waiting"), "\(line)")
    #expect(try world.answer("why", "emoji").contains("no live worker"))
    #expect(try world.answer("runs", "--json").contains(#""state":"running""#))
  }
}
