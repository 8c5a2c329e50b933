// Series of more points than one page, or one picture, holds.

import Foundation
import Testing

@Suite struct LongSeriesTests {
  private let world: World
  private let points = 25_000

  init() throws {
    world = try World()
    try world.admin.run("select pra.enqueue('train', pra.create_run('long, \"so\"'), '{}')")
    try world.claimFirst()
    try world.admin.run(
      """
      select pra.continue_from(1, 1);
      insert into pra_store.metric_staging (job_id, epoch, batch, name, steps, "values")
      select 1, 1, 1, name, array(select generate_series(0, \(points - 1))),
        array(select case when i = 7000 then 1000 else i % 10 end from generate_series(0, \(points - 1)) as i)
      from unnest('{loss,lr}'::text[]) as name;
      select pra.absorb_metrics(1, 1, 1);
      select pra.finish(1, 1, metric_batch => 1)
      """)
  }

  private func text(_ name: String) throws -> String {
    try String(contentsOfFile: "\(world.folder)/\(name)", encoding: .utf8)
  }

  @Test func everyPointIsExportedOnceAndInOrder() throws {
    _ = try world.answer("export", "csv", "1", "-o", "\(world.folder)/out.csv")
    let lines = try text("out.csv").split(separator: "\n")
    #expect(lines.count == 1 + 2 * points)
    #expect(lines[0] == "run,name,step,value")
    #expect(lines[1 + 7000] == #""long, ""so""",loss,7000,1000"#)
    #expect(lines[1 + points + 24_999] == #""long, ""so""",lr,24999,9"#)
    let piped = try world.answer("export", "csv", "1")
    #expect(piped.split(separator: "\n") == lines)
    let board = try world.answer(
      "export", "tensorboard", "1", "-o", "\(world.folder)/board", "--json")
    #expect(board.contains("\"points\":\(2 * points)"))
  }

  /// A spike of one step in so many is seen in the band, whatever is averaged.
  @Test func aLongSeriesIsDrawnFromRollupsAndAfterThinning() throws {
    func plot(_ name: String) throws -> String {
      let told = try world.answer(
        "plot", "1", "--metric", "loss", "-o", "\(world.folder)/\(name).svg", "--json")
      #expect(told.contains("\"points\":\(points)"), "\(told)")
      return try text("\(name).svg")
    }
    let before = try plot("before")
    #expect(before.contains("fill-opacity=\"0.18\"") && before.contains(">1000<"))
    let dry = try world.answer("gc", "1", "--thin", "1000", "--thin-after", "0", "--dry-run")
    #expect(dry.contains("metric points of 2 series of run 1: 49948"), "\(dry)")
    _ = try world.answer("gc", "1", "--thin", "1000", "--thin-after", "0")
    #expect(try world.rows("select count(*) from pra.metrics") == ["52"])
    #expect(try plot("after") == before)
    let bad = try world.pra("gc", "1", "--thin", "1")
    #expect(bad.status == 2 && bad.errors.contains("--thin 1: expected 2 or more"), "\(bad.errors)")
  }
}
