// Names, tags, notes and groups of runs; what a name means where several runs have it.

import Foundation
import Testing

@Suite struct RunNameTests {
  private let world: World

  init() throws { world = try World() }

  /// Three runs of one name: the first two have metrics, lr among them as every training, the second one was cancelled, the third has nothing.
  private func makeRuns() throws {
    for (number, value) in [(1, 0.5), (2, 0.25)] {
      try world.admin.run("select pra.enqueue('train', pra.create_run('emoji'), '{}')")
      try world.claimFirst()
      try world.admin.run(
        """
        insert into pra_store.metric_staging (job_id, epoch, batch, name, steps, "values")
        values (\(number), 1, 1, 'loss', '{0,1}', '{1,\(value)}'), (\(number), 1, 1, 'lr', '{0,1}', '{0,0}');
        select pra.absorb_metrics(\(number), 1, 1);
        select pra.finish(\(number), 1, metric_batch => 1)
        """)
    }
    try world.admin.run("select pra.enqueue('train', pra.create_run('emoji'), '{}')")
  }

  @Test func aNameMeansTheNewestRunThatHasWhatIsAsked() throws {
    try makeRuns()
    let plot = try world.pra("plot", "emoji", "--metric", "loss", "-o", "\(world.folder)/loss.svg")
    #expect(plot.status == 0 && plot.output.contains("loss (2 steps)"), "\(plot)")
    #expect(
      plot.errors.contains("run 3 has no metrics; this is run 2 of that name"), "\(plot.errors)")
    let numbered = try world.pra("plot", "3", "-o", "\(world.folder)/loss.svg")
    #expect(
      numbered.status == 3
        && numbered.errors.contains("run 3 has no metrics yet; runs 2, 1 of that name have some"),
      "\(numbered.errors)")
    let images = try world.pra("images", "emoji", "-o", "\(world.folder)/a.png")
    #expect(images.status == 3 && images.errors.contains("run 3 has no images"), "\(images.errors)")
  }

  @Test func noJobIsPutIntoACancelledRunUnasked() throws {
    try makeRuns()
    _ = try world.answer("cancel", "--run", "3")
    func enqueue(_ words: String...) throws -> Outcome {
      try Outcome(
        ["enqueue", "ingest", "--set", "source=\(String(repeating: "a", count: 64))"] + words,
        environment: ["PRA_DATABASE_URL": world.database.url.conninfo], in: world.folder)
    }
    let named = try enqueue("--run", "emoji")
    #expect(named.status == 0 && named.errors.contains("is put into run 2"), "\(named.errors)")
    #expect(try world.rows("select run_id from pra.jobs where id = 4") == ["2"])
    let parent = try enqueue("--after", "3")
    #expect(
      parent.status == 2 && parent.errors.contains("run 3, which is cancelled; --run 3"),
      "\(parent.errors)")
    #expect(try enqueue("--after", "3", "--run", "3").status == 0)
    _ = try world.answer("rename", "3", "alone")
    _ = try world.answer("cancel", "--run", "3")
    let alone = try enqueue("--run", "alone")
    #expect(alone.status == 2 && alone.errors.contains("run 3 is cancelled"), "\(alone.errors)")
  }

  @Test func runsAreRenamedTaggedNotedAndArchived() throws {
    try makeRuns()
    #expect(try world.answer("rename", "1", "first") == "run 1 is first, was emoji")
    #expect(try world.pra("rename", "1", "12").status == 2)
    #expect(try world.answer("tag", "first", "baseline", "paper") == "baseline paper")
    #expect(try world.answer("tag", "first", "paper", "--remove") == "baseline")
    #expect(try world.answer("tag", "first") == "baseline")
    #expect(try world.pra("tag", "first", "no blanks").status == 2)
    _ = try world.answer("note", "first", "lr was too high")
    #expect(try world.answer("note", "first") == "lr was too high")
    _ = try world.answer("note", "first", "--remove")
    #expect(try world.answer("note", "first") == "")
    let tagged = try world.answer("runs", "--tag", "baseline")
    #expect(tagged.contains("first") && !tagged.contains("emoji"), "\(tagged)")
    _ = try world.answer("archive", "first", "2")
    let shown = try world.answer("runs")
    #expect(!shown.contains("first") && shown.contains("emoji"), "\(shown)")
    #expect(try world.answer("runs", "--archived").contains("first"))
    _ = try world.answer("archive", "first", "--undo")
    #expect(try world.answer("runs").contains("first"))
  }

  @Test func runsAreFilteredAndSorted() throws {
    try makeRuns()
    for (run, rate) in [(1, "1e-3"), (2, "1e-4"), (3, "0.01")] {
      try world.admin.run(
        """
        update pra_store.runs
        set configuration = '{"config": {"method": "pra", "training": {"lr": \(rate)}}}', name = 'run-\(run)'
        where id = \(run)
        """)
    }
    func ids(_ words: String...) throws -> [Int] {
      let text = try world.answer(["runs", "--json"] + words)
      let rows = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [[String: Any]]
      return (rows ?? []).compactMap { $0["run"] as? Int }
    }
    #expect(try ids() == [3, 2, 1])
    #expect(try ids("--limit", "1") == [3])
    #expect(try ids("--where", "lr>=1e-3") == [3, 1])
    #expect(try ids("--where", "training.lr>1e-3") == [3])
    #expect(try ids("--where", "lr<0.01", "--where", "method=pra") == [2, 1])
    #expect(try ids("--where", "method!=pra") == [])
    #expect(try ids("--where", "loss<0.4") == [2])
    #expect(try ids("--sort", "loss") == [2, 1, 3])
    #expect(try ids("--sort", "lr") == [2, 1, 3])
    #expect(try ids("--state", "succeeded") == [2, 1])
    #expect(try ids("--name", "RUN-1") == [1])
    #expect(try ids("--user", "nobody") == [])
    let table = try world.answer("runs")
    #expect(table.contains("loss") && table.contains("0.25"), "\(table)")
    for (words, said) in [
      (["--where", "lrr>1"], "did you mean"),
      (["--where", "lr"], "expected a setting or a figure"),
      (["--where", "lr>fast"], "expected a number"), (["--sort", "nothing.like.it"], "no setting"),
      (["--state", "done"], "expected empty"),
    ] {
      let outcome = try Outcome(
        ["runs"] + words, environment: ["PRA_DATABASE_URL": world.database.url.conninfo],
        in: world.folder)
      #expect(outcome.status == 2 && outcome.errors.contains(said), "\(words): \(outcome.errors)")
    }
  }

  @Test func jobsAreFiltered() throws {
    try makeRuns()
    try world.admin.run(
      """
      select pra.enqueue('ingest', 3, '{}', queue => 'gpu');
      update pra_store.jobs set created_by = 'ada' where id = 3
      """)
    func ids(_ words: String...) throws -> [Int] {
      let text = try world.answer(["jobs", "--json"] + words)
      let rows = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [[String: Any]]
      return (rows ?? []).compactMap { $0["job"] as? Int }
    }
    #expect(try ids("--kind", "ingest") == [4])
    #expect(try ids("--kind", "train", "--state", "ready") == [3])
    #expect(try ids("--queue", "gpu") == [4])
    #expect(try ids("--user", "ada") == [3])
    #expect(try world.pra("jobs", "--kind", "trian").status == 2)
  }

  @Test func aSweepIsAGroup() throws {
    let made = try world.answer(
      "sweep", try world.runFile("evaluate: false"), "--set", "name=sw", "--set",
      "training.lr=1e-3,1e-4", "--set", "seed=0,1")
    let names = made.split(separator: "\n").map { String($0.drop { $0 != " " }.dropFirst()) }
    #expect(names.count == 4 && names[0] == "sw training.lr=1e-3 seed=0", "\(made)")
    #expect(try world.rows("select name from pra.runs order by id") == names)
    #expect(
      try world.rows("select name, keys, runs from pra.sweeps") == [
        "sw {training.lr,seed} {1,2,3,4}"
      ])
    try world.admin.run("update pra_store.jobs set state = 'cancelled', finished_at = now()")
    for (run, value) in [(1, 0.5), (3, 0.25)] {
      try world.admin.run(
        """
        insert into pra_store.metric_names (name, better) values ('loss', 'down') on conflict do nothing;
        insert into pra_store.evaluations (job_id, metric, scope, epoch, value, images)
        select max(id), 'frechet.random-conv-32-v1', 'overall', 1, \(value), 64 from pra_store.jobs where run_id = \(run)
        """)
    }
    let shown = try world.answer("sweep", "show", "sw").split(separator: "\n")
    #expect(shown[0].contains("training.lr") && shown[0].contains("seed"), "\(shown)")
    #expect(shown[2].hasPrefix("  3") && shown[2].hasSuffix("0.25 *"), "\(shown)")
    #expect(shown[3].hasPrefix("  1"), "\(shown)")
    let json = try world.answer("sweep", "show", "sw", "--json")
    #expect(
      json.contains(#""settings":{"training.lr":"0.0001","seed":"0"},"value":0.25"#), "\(json)")
    let compared = try world.answer("compare", "sw")
    #expect(compared.contains("(1)") && compared.contains("(4)"), "\(compared)")
    #expect(try world.pra("sweep", "show", "none").status == 3)
    // The same runs again are the same group.
    _ = try world.answer("archive", "sw")
    #expect(try world.answer("runs").split(separator: "\n").count <= 2)
    try world.admin.run("select pra.create_run('sw')")
    let twice = try world.pra("compare", "sw")
    #expect(twice.status == 2 && twice.errors.contains("sweep=sw"), "\(twice.errors)")
    _ = try world.answer("compare", "sweep=sw")
  }
}
