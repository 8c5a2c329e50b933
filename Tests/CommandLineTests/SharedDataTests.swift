// Equal images are ingested once, whoever asks for them; what shares them keeps them.

import Foundation
import Synchronization
import Testing

@Suite struct SharedDataTests {
  let world: World

  init() throws { world = try World() }

  private var ingestJobs: [String] {
    get throws { try world.rows("select state from pra.jobs where kind = 'ingest' order by id") }
  }

  @Test func aSweepIngestsOnce() throws {
    _ = try world.answer(
      "sweep", try world.runFile(""), "--set", "training.lr=1e-3,2e-3", "--set", "seed=0,1")
    #expect(try world.rows("select count(*) from pra.runs") == ["4"])
    #expect(try ingestJobs == ["ready"])
    #expect(
      try world.rows(
        "select count(distinct depends_on), count(*) from pra.jobs where kind = 'train'") == ["1 4"]
    )
  }

  @Test(arguments: [
    "data.skip_limit=3", "data.folder=flags", "data.validation.every=5", "image.size=64",
    "image.channels=1",
  ])
  func otherImagesAreNotShared(_ setting: String) throws {
    let file = try world.runFile("")
    _ = try world.answer("run", file)
    _ = try world.answer("run", file, "--set", setting)
    #expect(try ingestJobs.count == 2)
  }

  @Test func aCancelledRunLeavesTheDataThatAnotherWaitsFor() throws {
    let file = try world.runFile("")
    _ = try world.answer("run", file)
    _ = try world.answer("run", file, "--set", "name=second")
    let cancelled = try world.pra("cancel", "--run", "1")
    #expect(
      cancelled.status == 0 && cancelled.output == "cancelled 1 job of run 1 (emoji)\n",
      "\(cancelled)")
    #expect(cancelled.errors.contains("job 1 goes on: run 2 (second) waits for its data set too"))
    #expect(try ingestJobs == ["ready"])
    // By SQL as well.
    #expect(try world.rows("select pra.cancel_run(1)") == ["0"])
    // When nobody waits any more, it goes with its run.
    _ = try world.answer("cancel", "--run", "second")
    _ = try world.answer("cancel", "--run", "1")
    #expect(try ingestJobs == ["cancelled"])
    // A cancelled one is not waited for.
    _ = try world.answer("run", file, "--set", "name=third")
    #expect(try ingestJobs == ["cancelled", "ready"])
  }

  @Test func imagesOfWhichSomeAreLostAreIngestedAnew() throws {
    let file = try world.runFile("")
    _ = try world.answer("run", file)
    try world.admin.run(
      """
      update pra_store.jobs set state = 'succeeded', finished_at = now() where id = 1;
      insert into pra_store.artifacts (sha256, size, media_type, bytes)
      values (sha256('x'), 1, 'text/plain', 'x');
      insert into pra_store.job_outputs (job_id, name, epoch, sha256, media_type)
      values (1, 'data-00000.packed', 1, sha256('x'), 'text/plain');
      """)
    _ = try world.answer("run", file, "--set", "name=second")
    #expect(try ingestJobs == ["succeeded"])
    try world.admin.run(
      "update pra_store.artifacts set suspect_at = now() where sha256 = sha256('x')")
    _ = try world.answer("run", file, "--set", "name=third")
    #expect(try ingestJobs == ["succeeded", "ready"])
  }

  @Test func watchShowsTheJobOfAnotherRunThatItWaitsFor() throws {
    let file = try world.runFile("")
    _ = try world.answer("run", file)
    _ = try world.answer("run", file, "--set", "name=second")
    _ = try world.answer("cancel", "1")
    let watched = try world.pra("watch", "second")
    #expect(watched.status == 1, "\(watched)")
    #expect((watched.output + watched.errors).contains(/ingest.*cancelled/), "\(watched)")
  }

  @Test func submittersAtOnceMakeOneJob() throws {
    let file = try world.runFile("")
    // Not by a shell: one that is started from a thread of Dispatch waits for ever, since its children's
    // signal is blocked there.
    let (url, folder) = (world.database.url.conninfo, world.folder)
    let ended = Mutex<[Int32]>([])
    DispatchQueue.concurrentPerform(iterations: 4) { number in
      let outcome = try? Outcome(
        ["run", file, "--set", "name=run-\(number)"], environment: ["PRA_DATABASE_URL": url],
        in: folder)
      ended.withLock { $0.append(outcome?.status ?? -1) }
    }
    #expect(ended.withLock { $0 } == [0, 0, 0, 0])
    #expect(try world.rows("select count(*) from pra.runs") == ["4"])
    #expect(try ingestJobs.count == 1)
  }

  /// One fingerprint names the images: of the run, of `pra data`, and of the checkpoint's state.
  @Test func thereIsOneFingerprint() throws {
    let file = try world.runFile("")
    let small = [
      "trunk={width: 32, layers: 1, heads: 1}", "head={width: 32, blocks: 1}",
      "encoder={width: 32, blocks: 1, head_dim: 32}",
      "decoder={width: 32, blocks: 1, head_dim: 32}",
      "training={batch: 4, total: 2, warmup: 1}",
    ].flatMap { ["--set", $0] }
    _ = try world.answer(["run", file] + small)
    _ = try world.answer(["run", file, "--set", "name=second"] + small)
    #expect(try world.rows("select count(data_fingerprint) from pra.runs") == ["0"])
    let worker = try world.pra("worker", "--until-idle", "--threads", "1")
    #expect(worker.status == 0, "\(worker.errors)")
    let data =
      try JSONSerialization.jsonObject(
        with: Data(try world.answer("data", "--json").utf8)) as? [[String: Any]]
    let fingerprint = try #require(data?.first?["fingerprint"] as? String)
    #expect(data?.count == 1)
    #expect(
      try world.rows("select distinct data_fingerprint from pra.runs") == [fingerprint])
    _ = try world.answer("export", "checkpoint", "second", "-o", "\(world.folder)/out")
    let state = try String(contentsOfFile: "\(world.folder)/out/state.json", encoding: .utf8)
    #expect(state.contains("\"data_fingerprint\":\"\(fingerprint)\""))

    // Where one is removed, the other keeps the images that it trains on.
    let refused = try world.pra("delete", "1", "--only", "data")
    #expect(
      refused.status == 1 && refused.errors.contains("run 2 trains on the data set of run 1"),
      "\(refused)")
    _ = try world.answer("delete", "1")
    _ = try world.answer("gc", "--grace", "0")
    #expect(try world.rows("select count(*) from pra.outputs where kind = 'ingest'") != ["0"])
    _ = try world.answer("sample", "second", "--count", "2")
    _ = try world.answer("neighbours", "second", "--set", "rows=2")
    let last = try world.pra("worker", "--until-idle", "--threads", "1")
    #expect(last.status == 0, "\(last.errors)")
    #expect(try world.rows("select state from pra.jobs where kind = 'neighbours'") == ["succeeded"])
  }
}
