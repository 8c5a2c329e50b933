// Removal of what a finished run has made.

import Foundation
import Raster
import Testing

@Suite struct RemoveTests {
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
    let dry = try world.answer("rm", "old", "--images", "--data", "--dry-run")
    #expect(dry.contains("would remove 1 checkpoints") && dry.contains("4 images"), "\(dry)")
    _ = try world.answer("gc", "--grace", "0")
    #expect(try bytes() == whole)

    _ = try world.answer("rm", "old")
    _ = try world.answer("gc", "--grace", "0")
    let withoutWeights = try bytes()
    #expect(withoutWeights < whole)
    #expect(try world.rows("select count(*) from pra.images where run_id = 1") == ["4"])
    _ = try world.answer("images", "old", "-o", "\(world.folder)/grid.png")

    let said = try world.answer("rm", "old", "--images", "--data")
    #expect(said.contains("4 images") && said.contains("data sets"), "\(said)")
    _ = try world.answer("gc", "--grace", "0")
    #expect(try world.rows("select count(*) from pra.images where run_id = 1") == ["0"])
    #expect(
      try world.rows("select removed from pra.runs order by id") == [
        "{checkpoints,data,images}", "{}",
      ])
    // The other run has the same data, source and packed: its job still names them.
    let source = try world.rows("select arguments ->> 'source' from pra.jobs where kind = 'ingest'")
    #expect(Set(source).count == 1)
    func sources() throws -> [String] {
      try world.rows("select count(*) from pra.artifacts where sha256 = '\(source[0])'")
    }
    #expect(try sources() == ["1"])
    #expect(
      try world.rows("select count(*) from pra.outputs where run_id = 2 and name = 'data.json'")
        == ["1"])
    #expect(
      try world.rows("select run_name, metric, value from pra.evaluations order by 1, 2")
        == evaluations)
    #expect(try world.rows("select count(*) from pra.metrics") == metrics)
    _ = try world.answer("plot", "old", "-o", "\(world.folder)/loss.svg")

    _ = try world.answer("rm", "new", "--images", "--data")
    _ = try world.answer("gc", "--grace", "0")
    #expect(try sources() == ["0"])
    #expect(try world.rows("select count(*) from pra.kept_results") == ["0"])
    #expect(try world.answer("rm", "new", "--images", "--data").contains("nothing to remove"))
    // A run that was removed is not taken for done.
    let again = try run("new", seed: 2)
    #expect(again.output == "3\n", "\(again.output)\(again.errors)")
  }

  @Test func aRunThatIsNotOverStays() throws {
    let admin = world.admin
    try admin.run(
      """
      select pra.enqueue('ingest', pra.create_run('data'), '{}');
      select pra.enqueue('train', pra.create_run('user'), '{}', after => '{1}')
      """)
    let running = try world.pra("rm", "data", "--data")
    #expect(
      running.status == 1 && running.errors.contains("job 1 of run 1 has not ended"),
      "\(running.errors)")
    try admin.run(
      """
      update pra_store.jobs set state = 'succeeded', finished_at = now() where id = 1
      """)
    let read = try world.pra("rm", "data", "--data")
    #expect(read.status == 1 && read.errors.contains("job 2, of another run"), "\(read.errors)")
    // Checkpoints of that run are read by nobody.
    #expect(try world.pra("rm", "data").status == 0)
    #expect(try world.pra("rm", "none").status == 3)
  }
}
