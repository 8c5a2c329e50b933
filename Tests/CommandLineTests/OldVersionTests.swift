// A database of version 0.1.0 with a finished run, and one whose training was interrupted.

import DatabaseTesting
import Foundation
import Postgres
import Testing

@Suite struct OldVersionTests {
  private let world: World

  /// Restores the dump of a database that the programs of 0.1.0 have made (commit c0b570e, `pg_dump --inserts`), and
  /// migrates it.
  init() throws {
    world = try World(migrated: false)
    let restored = try Outcome.shell(
      """
      gunzip -c "$DUMP" | "$PSQL" -qX -v ON_ERROR_STOP=1 -d "$PRA_DATABASE_URL"
      """,
      environment: [
        "DUMP": "\(Repository.root)/Tests/Golden/upgrade/0.1.0.sql.gz",
        "PSQL": "\(try #require(InstalledServer.system).folder)/psql",
        "PRA_DATABASE_URL": world.database.url.conninfo,
      ], in: world.folder)
    #expect(restored.status == 0, "\(restored.errors)")
    #expect(
      try world.rows("select max(version) from pra.schema_versions") == ["9"])
    _ = try world.answer("migrate")
  }

  private func job(_ kind: String, run: String) throws -> String {
    try world.rows(
      """
      select j.id from pra.jobs as j join pra.runs as r on r.id = j.run_id
      where j.kind = '\(kind)' and r.name = '\(run)' order by j.id limit 1
      """)[0]
  }

  private func work() throws {
    let worker = try world.pra("worker", "--until-idle", "--threads", "1")
    #expect(worker.status == 0, "\(worker.errors)")
    #expect(
      try world.rows("select id, message from pra.jobs where state <> 'succeeded'") == [])
  }

  @Test func itsResultsAreShownAndExported() throws {
    #expect(try world.answer("runs").contains("old"))
    let listed = try world.answer("data", "--json")
    #expect(listed.contains(#""images":12"#) || listed.contains(#""images": 12"#), "\(listed)")
    #expect(try world.answer("evaluations", "old").contains("reconstruction.psnr"))
    #expect(try world.answer("plot", "old", "-o", "-").hasPrefix("<svg"))
    let grid = try world.answer("images", "old", "-o", "\(world.folder)/grid.png", "--json")
    #expect(grid.contains(#""images":6"#), "\(grid)")
    _ = try world.answer("export", "images", "old", "-o", "\(world.folder)/pngs")
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: "\(world.folder)/pngs").count == 6)
    _ = try world.answer("export", "npz", "old", "-o", "\(world.folder)/drawn.npz")
    _ = try world.answer("export", "checkpoint", "old", "-o", "\(world.folder)/old.safetensors")
    let verified = try world.pra("store", "verify")
    #expect(verified.status == 0, "\(verified)")
  }

  @Test func itsDataSetsAndCheckpointsAreGoneOnWith() throws {
    // The interrupted training goes on at its checkpoint.
    let cut = try job("train", run: "cut")
    let step = try world.rows("select max(step) from pra.checkpoints where job_id = \(cut)")[0]
    // Further images of the weights of then, their figures, and a training on the data set of then.
    let (train, data) = (try job("train", run: "old"), try job("ingest", run: "old"))
    let sample = try world.answer(
      ["enqueue", "sample"] + ["train=\(train)", "count=3"].flatMap { ["--set", $0] })
    _ = try world.answer(
      ["enqueue", "evaluate"]
        + ["train=\(train)", "samples=[\(sample)]"].flatMap { ["--set", $0] })
    for kind in ["probe", "neighbours"] {
      let settings =
        kind == "probe"
        ? ["train=\(train)", "splits=1", "epochs=1", "warmup_epochs=0", "optimizer=adamw"]
        : ["data=\(data)", "samples=[\(sample)]"]
      _ = try world.answer(["enqueue", kind] + settings.flatMap { ["--set", $0] })
    }
    try work()
    #expect(try world.answer("logs", cut).contains("resumed from step \(step)"))
    #expect(
      try world.rows(
        "select count(*) from pra.images where job_id = \(sample) and class_name in ('sea', 'sky')")
        == ["3"])
    #expect(
      try world.rows(
        "select count(*) > 2, bool_and(value = value) from pra.evaluations where job_id > \(sample)"
      )
        == ["t t"])
    // Its source is ingested anew.
    let source = try world.rows("select arguments ->> 'source' from pra.jobs where id = \(data)")
    let again = try world.answer(
      "enqueue", "ingest", "--set", "source=\(source[0])", "--set", "image.size=8")
    try work()
    #expect(
      try world.rows("select result ->> 'images' from pra.jobs where id in (\(data), \(again))")
        == ["12", "12"])
  }
}
