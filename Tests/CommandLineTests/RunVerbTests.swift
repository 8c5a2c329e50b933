// `pra run`: the jobs that it makes, the artifacts that it stores, and the reuse of both.

import Foundation
import Testing

@Suite struct RunVerbTests {
  let world: World

  init() throws { world = try World() }

  @Test func aRunIsADAGOfItsJobs() throws {
    let run = try world.answer("run", try world.runFile())
    let found = try world.rows(
      """
      select j.kind, j.state, (
        select string_agg(p.kind, ',' order by p.id) from pra.jobs as p
        where p.id = any (j.depends_on))
      from pra.jobs as j where j.run_id = \(run) order by j.id
      """)
    #expect(
      found == [
        "ingest ready -", "train blocked ingest", "sample blocked train",
        "evaluate blocked sample",
      ])
  }

  /// Arms of one image size share the data set; the comparison waits for every evaluation.
  @Test func variantsAndSeedsMakeOneRunWithAComparison() throws {
    let run = try world.answer(
      "run",
      try world.runFile(
        """
        variants: {pra: {}, small: {image: {size: 16, patch: 4}}, diffusion: {method: diffusion}}
        seeds: [0, 1]
        sample: {count: 4}
        evaluate: true
        """))
    let found = try world.rows(
      "select kind, count(*) from pra.jobs where run_id = \(run) group by kind order by kind")
    #expect(found == ["compare 1", "evaluate 6", "ingest 2", "sample 6", "train 6"])
    let last = try world.rows(
      """
      select cardinality(depends_on), arguments->'names'->>4, arguments->>'title' from pra.jobs
      where kind = 'compare'
      """)
    #expect(last == ["6 diffusion emoji"])
    let variants = try world.rows(
      """
      select variant, seed, string_agg(kind, ',' order by job_id) from pra.variants
      where run_id = \(run) group by variant, seed order by variant, seed
      """)
    #expect(
      variants
        == ["diffusion", "pra", "small"].flatMap { name in
          (0...1).map { "\(name) \($0) train,sample,evaluate" }
        })
    let seeds = try world.rows(
      """
      select arguments->'config'->'seed', arguments->'config'->'sampling'->'seed' from pra.jobs
      where kind = 'train' order by id
      """)
    #expect(seeds == ["0 0", "1 1", "0 0", "1 1", "0 0", "1 1"])
  }

  @Test func shardsShareTheImages() throws {
    _ = try world.answer("run", try world.runFile())
    let array = try world.rows(
      """
      select array_first, array_last, pack, arguments->'first', arguments->'last'
      from pra.jobs where kind = 'sample'
      """)
    #expect(array == ["0 9 4 0 4"])
  }

  @Test func tenThousandShardsAreOneRow() throws {
    _ = try world.answer(
      "run",
      try world.runFile("sample: {count: 50000, shards: 10000}\nevaluate: true"))
    #expect(try world.rows("select count(*) from pra.jobs") == ["4"])
    #expect(try world.rows("select elements from pra.arrays") == ["50000"])
    #expect(try world.rows("select pack from pra.jobs where kind = 'sample'") == ["5"])
  }

  @Test func aConfigurationThatIsTooLargeIsRefusedBeforeAnythingIsStored() throws {
    for (count, words) in [
      (900, "configuration: has "), (1200, "variants, seeds: make 1200 configurations"),
    ] {
      let name = String(repeating: "v", count: 400)
      let arms = (0..<count).map { "\(name)\($0): {seed: \($0)}" }.joined(separator: ", ")
      let outcome = try world.pra("run", try world.runFile("variants: {\(arms)}"))
      #expect(outcome.status == 2)
      #expect(outcome.errors.contains(words), "\(outcome.errors)")
    }
    #expect(try world.rows("select count(*) from pra.artifacts") == ["0"])
  }

  @Test func theSourceIsStoredUnderItsDigest() throws {
    _ = try world.answer("run", try world.runFile())
    let found = try world.rows(
      """
      select r.source_fingerprint = a.sha256, j.arguments->>'source' = a.sha256, a.size > 1000000
      from pra.runs as r, pra.artifacts as a, pra.jobs as j where j.kind = 'ingest'
      """)
    #expect(found == ["t t t"])
  }

  @Test func settingsOfTheCommandLineWin() throws {
    _ = try world.answer(
      "run", try world.runFile(), "--set", "training.total=7", "--set", "config.seed=3", "--set",
      "sample.shards=1", "--set", "name=other", "--set", "evaluate=false")
    let found = try world.rows(
      """
      select r.name, r.configuration->'config'->'training'->'total',
        j.arguments->'config'->'training'->'total', j.arguments->'config'->'seed', r.jobs
      from pra.runs as r join pra.jobs as j on j.run_id = r.id and j.kind = 'train'
      """)
    #expect(found == ["other 7 7 3 3"])
  }

  @Test func aRunIsReusedUnlessSomethingDiffers() throws {
    let file = try world.runFile()
    let first = try world.answer("run", file, "--reuse")
    #expect(try world.answer("run", file, "--reuse") == first)
    #expect(try world.answer("run", file) != first)
    #expect(try world.answer("run", file, "--reuse", "--set", "seed=1") != first)
  }

  @Test func aRunThatEndedBadlyIsNotReused() throws {
    let file = try world.runFile()
    let first = try world.answer("run", file, "--reuse")
    _ = try world.answer("cancel", "--run", first)
    #expect(try world.answer("run", file, "--reuse") != first)
  }

  @Test func aFolderIsPackedTheSameEveryTime() throws {
    for (name, text) in [("b/2.png", "two"), ("a/1.png", "one")] {
      try FileManager.default.createDirectory(
        atPath: "\(world.folder)/images/\(name.prefix(1))", withIntermediateDirectories: true)
      try world.write("images/\(name)", text)
    }
    let file = try world.runFile()
    let before = try FileManager.default.contentsOfDirectory(atPath: world.folder)
    for _ in 0..<2 { _ = try world.answer("run", file, "--set", "data.source=images") }
    let found = try world.rows(
      "select count(*), count(distinct source_fingerprint), (select count(*) from pra.artifacts) from pra.runs"
    )
    #expect(found == ["2 1 1"])
    let after = try FileManager.default.contentsOfDirectory(atPath: world.folder)
    #expect(after.filter { $0.hasSuffix(".tar") } == before.filter { $0.hasSuffix(".tar") })
  }

  @Test func waitingEndsWithTheMessageOfTheJobThatFailed() throws {
    let run = try world.answer("run", try world.runFile())
    _ = try world.rows("select pra.cancel(1)")
    let outcome = try world.pra("watch", run)
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("error: job 1 (ingest) cancelled"))
    #expect(outcome.output.contains("job 1 ingest cancelled\n"))
    #expect(!outcome.output.contains("\u{1B}"))
  }
}
