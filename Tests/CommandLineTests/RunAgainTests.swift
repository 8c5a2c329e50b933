// A run file that is printed is a run file: `pra run --dry-run` and `pra config`. What cannot be is refused
// before anything is stored.

import Foundation
import Testing

@Suite struct RunAgainTests {
  let world: World

  init() throws { world = try World() }

  private var configurations: [String] {
    get throws { try world.rows("select configuration from pra.runs order by id") }
  }

  @Test func aDryRunStoresNothingAndPrintsAFileThatRuns() throws {
    let file = try world.runFile()
    let dry = try world.pra("run", file, "--set", "training.lr=2e-3", "--dry-run")
    #expect(dry.status == 0, "\(dry.errors)")
    #expect(try world.rows("select count(*) from pra.runs") == ["0"])
    #expect(try world.rows("select count(*) from pra.artifacts") == ["0"])
    #expect(dry.output.contains(/# 1 +ingest +1/))
    #expect(dry.output.contains(/# 2 +train +1 +1\n/))
    // Ten images in three jobs; the evaluation waits for all of them.
    #expect(dry.output.contains(/# 3 +sample +3 +2\n/))
    #expect(dry.output.contains(/# 4 +evaluate +1 +3\n/))
    #expect(dry.output.contains("parameters"))

    let printed = try world.write("printed.yaml", dry.output)
    _ = try world.answer("run", printed)
    _ = try world.answer("run", file, "--set", "training.lr=2e-3")
    let stored = try configurations
    #expect(stored.count == 2 && stored[0] == stored[1])
  }

  @Test(arguments: [
    "sample: {count: 10, shards: 3}\nevaluate: true",
    "variants: {whole: {}, clean: {method: clean-input, trunk: {width: 64}}}\nseeds: [3, 7]",
    "variants: {a: {training: {lr: 1e-3}}, b: {preset: micro, image: {size: 32}}}\nsample: {count: 4}",
    "seeds: [1, 2]",
  ])
  func aStoredRunIsPrintedAsOneThatRunsAgain(_ settings: String) throws {
    let first = try world.answer("run", try world.runFile(settings))
    let text = try world.answer("config", first)
    #expect(text.contains("data:\n  run: \(first)"))
    // It does not depend on the folder in which it lies.
    try FileManager.default.createDirectory(
      atPath: "\(world.folder)/elsewhere", withIntermediateDirectories: false)
    let again = try world.write("elsewhere/again.yaml", text)
    _ = try world.answer("run", again)
    let stored = try configurations
    #expect(stored.count == 2 && stored[0] == stored[1])
    // Equal images are not ingested twice.
    #expect(
      try world.rows("select count(distinct data_job), count(*) from pra.runs") == ["1 2"])
  }

  @Test func epochsStayEpochs() throws {
    let first = try world.answer(
      "run", try world.runFile(""), "--set", "training.epochs=2")
    let text = try world.answer("config", "--run", first)
    #expect(text.contains("epochs: 2") && !text.contains("total:"))
    _ = try world.answer("run", try world.write("again.yaml", text))
    let stored = try configurations
    #expect(stored[0] == stored[1])
  }

  @Test func aRunWithoutAFileIsNamed() throws {
    _ = try world.admin.query("select pra.create_run('bare')")
    let outcome = try world.pra("config", "bare")
    #expect(
      outcome.status == 3 && outcome.errors.contains("run 1 (bare) was not made from a run file"))
    let both = try world.pra("config", "bare", "--run", "bare")
    #expect(both.status == 2 && both.errors.contains("--run: a run is named already; keep one"))
  }

  @Test func dataOfAnEarlierRunAreNamed() throws {
    _ = try world.answer("run", try world.runFile(""))
    let job = try world.rows("select id from pra.jobs where kind = 'ingest'")[0]
    for (name, data) in [("by-run", "{run: emoji}"), ("by-job", "{job: \(job)}")] {
      let file = try world.write("\(name).yaml", "name: \(name)\ndata: \(data)\n")
      _ = try world.answer("run", file)
    }
    // Another size is another data set of the same source.
    let large = try world.write(
      "large.yaml", "name: large\ndata: {run: emoji}\nconfig: {image: {size: 64}}\n")
    _ = try world.answer("run", large)
    #expect(
      try world.rows(
        "select id, arguments #>> '{image,size}' from pra.jobs where kind = 'ingest' order by id"
      )
      .count == 2)
    #expect(try world.rows("select count(distinct source_fingerprint) from pra.runs") == ["1"])
  }

  @Test(arguments: [
    ("{run: nope}", 3, "there is no run 'nope'"), ("{job: 99}", 3, "data.job: there is no job 99"),
    ("{job: 2}", 2, "data.job: job 2 is of kind train, expected an ingest job"),
    ("{run: empty}", 3, "data.run: run 2 (empty) has no data set"),
  ])
  func dataThatAreNotThereAreNamed(_ data: String, _ status: Int32, _ message: String) throws {
    _ = try world.answer("run", try world.runFile(""))
    _ = try world.admin.query("select pra.create_run('empty')")
    let outcome = try world.pra(
      "run", try world.write("a.yaml", "name: a\ndata: \(data)\n"))
    #expect(outcome.status == status && outcome.errors.contains(message), "\(outcome)")
  }
}
