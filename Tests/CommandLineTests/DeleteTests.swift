// Deletion of runs, and of what finished runs have made.

import Foundation
import Raster
import Testing

@Suite struct DeleteTests {
  private let world: World

  init() throws { world = try World() }

  private func run(_ name: String, seed: Int) throws -> Outcome {
    let path = try world.write(
      "\(name).yaml",
      """
      name: \(name)
      data: {source: pictures}
      config:
        seed: \(seed)
        image: {size: 16, patch: 8}
        trunk: {width: 32, layers: 1, heads: 1}
        head: {width: 32, blocks: 1}
        encoder: {width: 32, blocks: 1, head_dim: 32}
        decoder: {width: 32, blocks: 1, head_dim: 32}
        training: {batch: 4, total: 2, warmup: 1}
        sampling: {steps: 2}
      sample: {count: 4}
      evaluate: true

      """)
    return try world.pra("run", path)
  }

  /// Two runs of the same data, with weights of their own, done.
  private func twoRuns() throws {
    for number in 0..<8 {
      let folder = "\(world.folder)/pictures/\(number % 2 == 0 ? "even" : "odd")"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      let pixels = (0..<16 * 16 * 3).map { UInt8(truncatingIfNeeded: $0 * (number + 3)) }
      let picture = Picture(width: 16, height: 16, channels: 3, pixels: pixels)
      try Data(try picture.png()).write(to: URL(filePath: "\(folder)/\(number).png"))
    }
    for (name, seed) in [("old", 1), ("new", 2)] {
      let outcome = try run(name, seed: seed)
      #expect(outcome.status == 0, "\(outcome.errors)")
    }
    let worker = try world.pra("worker", "--until-idle", "--threads", "1")
    #expect(worker.status == 0, "\(worker.errors)")
    // Both are compared with one data set, whose features are computed once.
    let logs = try ["old", "new"].map { try world.answer("logs", "--run", $0) }
    #expect(logs.count { $0.contains("features of the data set were computed before") } == 1)
    #expect(try world.rows("select count(*) from pra.kept_results") == ["1"])
  }

  private func bytes() throws -> Int {
    try #require(Int(world.rows("select sum(size) from pra.artifacts")[0]))
  }

  @Test func aRunGoesAndItsNumbersStay() throws {
    try twoRuns()
    let evaluations = try world.rows(
      "select run_name, metric, value from pra.evaluations order by 1, 2")
    let metrics = try world.rows("select count(*) from pra.metrics")
    _ = try world.answer("gc", "--grace", "0")
    let whole = try bytes()
    let dry = try world.answer(
      "delete", "old", "--only", "checkpoints", "--only", "images", "--dry-run")
    #expect(dry.contains("would delete 1 checkpoint") && dry.contains("4 images"), "\(dry)")
    _ = try world.answer("gc", "--grace", "0")
    #expect(try bytes() == whole)

    _ = try world.answer("delete", "old", "--only", "checkpoints")
    _ = try world.answer("gc", "--grace", "0")
    let withoutWeights = try bytes()
    #expect(withoutWeights < whole)
    #expect(try world.rows("select count(*) from pra.images where run_id = 1") == ["4"])
    _ = try world.answer("images", "old", "-o", "\(world.folder)/grid.png")

    // The other run trains on the same data set, which was ingested once.
    let refused = try world.pra("delete", "old", "--only", "images", "--only", "data")
    #expect(refused.status != 0 && refused.errors.contains("trains on the data set of run 1"))
    #expect(try world.rows("select count(*) from pra.images where run_id = 1") == ["4"])
    let said = try world.answer("delete", "old", "--only", "images")
    #expect(said.contains("4 images"), "\(said)")
    _ = try world.answer("gc", "--grace", "0")
    #expect(try world.rows("select count(*) from pra.images where run_id = 1") == ["0"])
    #expect(
      try world.rows("select removed from pra.runs order by id") == [
        "{checkpoints,images}", "{}",
      ])
    let source = try world.rows("select arguments ->> 'source' from pra.jobs where kind = 'ingest'")
    #expect(Set(source).count == 1)
    func sources() throws -> [String] {
      try world.rows("select count(*) from pra.artifacts where sha256 = '\(source[0])'")
    }
    #expect(try sources() == ["1"])
    #expect(
      try world.rows("select count(*) from pra.outputs where name = 'data.json'")
        == ["1"])
    #expect(
      try world.rows("select run_name, metric, value from pra.evaluations order by 1, 2")
        == evaluations)
    #expect(try world.rows("select count(*) from pra.metrics") == metrics)
    _ = try world.answer("plot", "old", "-o", "\(world.folder)/loss.svg")

    _ = try world.answer(
      "delete", "new", "--only", "checkpoints", "--only", "images", "--only", "data")
    #expect(try world.answer("delete", "old", "--only", "data").contains("1 data set ("))
    _ = try world.answer("gc", "--grace", "0")
    #expect(try sources() == ["0"])
    #expect(try world.rows("select count(*) from pra.kept_results") == ["0"])
    #expect(try world.answer("delete", "new", "--only", "images").contains("nothing to delete"))
    // A run that was removed is not taken for done.
    let again = try run("new", seed: 2)
    #expect(again.output == "3\n", "\(again.output)\(again.errors)")
  }

  /// Rows of any table that name a run, or one of its jobs.
  private func rowsOf(run: Int, jobs: [String]) throws -> [String] {
    let columns = try world.admin.query(
      """
      select c.table_name as name, c.column_name as key
      from information_schema.columns as c join information_schema.tables as t using (table_schema, table_name)
      where c.table_schema = 'pra_store' and t.table_type = 'BASE TABLE'
        and c.column_name in ('run_id', 'job_id', 'array_id', 'parent_id', 'last_job')
        -- Events of runs stay, and a result that was kept tells who computed it.
        and not (c.table_name like 'events%' and c.column_name = 'run_id') and c.table_name <> 'kept_results'
      order by 1, 2
      """)
    #expect(columns.count > 30)
    return try columns.compactMap { row in
      let (table, key) = (try row.string("name"), try row.string("key"))
      let ids = key == "run_id" ? "\(run)" : jobs.joined(separator: ",")
      let count = try world.rows(
        "select count(*) from pra_store.\"\(table)\" where \"\(key)\" in (\(ids))")[0]
      return count == "0" ? nil : "\(table).\(key): \(count)"
    }
  }

  @Test func aWholeRunGoesAndComesBackUntilItIsCollected() throws {
    try twoRuns()
    let jobs = try world.rows("select id from pra.jobs where run_id = 1 order by id")
    let others =
      "select (select count(*) from pra.metrics where run_id = 2), "
      + "(select count(*) from pra.evaluations where run_id = 2), (select count(*) from pra.images where run_id = 2)"
    let before = try world.rows(others)
    let dry = try world.answer("delete", "old", "--dry-run")
    #expect(dry.contains("would delete \(jobs.count) jobs") && dry.contains("would free"), "\(dry)")
    #expect(try world.rows("select deleted_at from pra.runs where id = 1") == ["-"])

    let said = try world.answer("delete", "old")
    #expect(said.contains("pra delete --undo 1"), "\(said)")
    #expect(!(try world.answer("runs")).contains("old"))
    #expect(try world.answer("runs", "--deleted").contains("old"))
    #expect(!(try world.answer("jobs")).contains("old"))
    for name in ["old", "1"] {
      let gone = try world.pra("images", name, "-o", "\(world.folder)/grid.png")
      #expect(gone.status == 3, "\(gone.errors)")
    }
    #expect(try world.pra("delete", "old").status == 3)
    // Within the grace period nothing of it goes.
    _ = try world.answer("gc", "--grace", "1")
    #expect(try world.answer("delete", "--undo", "old").contains("run 1 (old) is back"))
    _ = try world.answer("images", "old", "-o", "\(world.folder)/grid.png")
    #expect(try world.pra("delete", "--undo", "old").status == 3)

    let whole = try bytes()
    _ = try world.answer("delete", "1")
    // A dry run counts what loses its references with the run, and takes nothing.
    let foreseen = try world.answer("gc", "--grace", "0", "--dry-run")
    #expect(try bytes() == whole)
    let collected = try world.answer("gc", "--grace", "0")
    // Its data set stays, since the other run trains on it.
    #expect(
      collected.contains("run 1 (old): \(jobs.count - 1) jobs are gone, 1 stays"), "\(collected)")
    #expect(
      collected.contains("the database takes")
        && collected.contains(
          "besides, which the server frees or writes over after its next checkpoints"),
      "\(collected)")
    #expect(
      foreseen.replacing("would be deleted", with: "deleted").replacing(
        "would be gone", with: "are gone"
      )
      .split(separator: "\n").allSatisfy { collected.contains($0) }
        && foreseen.contains("artifacts: "),
      "\(foreseen)\(collected)")
    #expect(try bytes() < whole)
    #expect(try world.rows(others) == before)
    _ = try world.answer("images", "new", "-o", "\(world.folder)/grid.png")
    _ = try world.answer("delete", "new")
    _ = try world.answer("gc", "--grace", "0")
    #expect(try rowsOf(run: 1, jobs: jobs) == [])
    #expect(try world.rows("select count(*) from pra.runs where id = 1") == ["0"])
    let undone = try world.pra("delete", "--undo", "1")
    #expect(undone.status == 3 && undone.errors.contains("gone for good"), "\(undone.errors)")
    // Large values lie in a table of their own, whose rows nobody has counted when it is written anew.
    try world.admin.run(
      """
      create table pra_store.large (bytes bytea);
      alter table pra_store.large alter column bytes set storage external;
      insert into pra_store.large select decode(repeat('00', 1000000), 'hex') from generate_series(1, 40)
      """)
    let compact = try world.answer("gc", "--compact")
    #expect(compact.contains("the database takes") && !compact.contains("are free"), "\(compact)")
    try world.admin.run(
      "delete from pra_store.large where ctid in (select ctid from pra_store.large order by ctid limit 20)"
    )
    try world.admin.run("vacuum analyze pra_store.large")
    #expect((try world.answer("gc")).contains("are free for new rows"))
  }

  /// A job of a deleted run stays for as long as a job of another run depends on it.
  @Test func jobsThatOthersReadStay() throws {
    try world.admin.run(
      """
      select pra.enqueue('ingest', pra.create_run('data'), '{}');
      select pra.enqueue('train', pra.create_run('user'), '{}', after => '{1}');
      select pra.enqueue('probe', 1, '{}');
      update pra_store.jobs set state = 'succeeded', unmet = 0, finished_at = now()
      """)
    _ = try world.answer("delete", "data")
    let first = try world.answer("gc", "--grace", "0")
    #expect(first.contains("run 1 (data): 1 job is gone, 1 stays"), "\(first)")
    #expect(try world.rows("select id from pra.jobs order by id") == ["1", "2"])
    #expect(try world.pra("delete", "--undo", "1").errors.contains("is gone since"))
    #expect(!(try world.answer("gc", "--grace", "0")).contains("run 1"))
    _ = try world.answer("delete", "user")
    _ = try world.answer("gc", "--grace", "0")
    #expect(try world.rows("select count(*) from pra_store.jobs") == ["0"])
    #expect(try world.rows("select count(*) from pra_store.runs") == ["0"])
  }

  @Test func theLastCheckpointGoesWhereARuleSaysSo() throws {
    try twoRuns()
    let kept = try world.answer("gc", "old", "--keep-last", "1")
    #expect(kept.contains("kept: last"), "\(kept)")
    _ = try world.answer("gc", "old", "--keep-last", "0")
    #expect(
      try world.rows("select run_id, count(*) from pra.checkpoints group by 1 order by 1") == [
        "2 1"
      ])
  }

  @Test func aRunThatIsNotOverStays() throws {
    let admin = world.admin
    try admin.run(
      """
      select pra.enqueue('ingest', pra.create_run('data'), '{}');
      select pra.enqueue('train', pra.create_run('user'), '{}', after => '{1}')
      """)
    let running = try world.pra("delete", "data", "--only", "data")
    #expect(
      running.status == 1
        && running.errors.contains("run 1 (data) cannot be deleted yet: its job 1 has not ended"),
      "\(running.errors)")
    try admin.run(
      """
      update pra_store.jobs set state = 'succeeded', finished_at = now() where id = 1
      """)
    let read = try world.pra("delete", "data", "--only", "data")
    #expect(read.status == 1 && read.errors.contains("job 2, of another run"), "\(read.errors)")
    // Checkpoints of that run are read by nobody.
    #expect(try world.pra("delete", "data", "--only", "checkpoints").status == 0)
    #expect(try world.pra("delete", "none").status == 3)
  }
}
