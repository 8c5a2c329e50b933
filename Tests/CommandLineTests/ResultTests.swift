// Results of a run as files: grids, curves, images, checkpoints, metrics, evaluations.

import Foundation
import Postgres
import Raster
import Testing

@Suite struct ResultTests {
  let world: World

  /// Job 1 is a train job that has left everything that a training can leave, job 2 has drawn images.
  init() throws {
    world = try World()
    let admin = world.admin
    try admin.run("select pra.enqueue('train', pra.create_run('drawn'), '{}')")
    try world.claimFirst()
    try admin.run(
      """
      select pra.enqueue('sample', 1, '{"train": 1, "count": 3}');
      select pra.claim((select max(id) from pra.workers), 1);
      select pra.continue_from(1, 1)
      """)
    try admin.run(
      """
      insert into pra_store.metric_staging (job_id, epoch, batch, name, steps, "values")
      select 1, 1, 1, name, '{0,1,2,3}', array[1, 1 / 2.0, 1 / 3.0, 1 / 4.0]
      from unnest('{loss,loss.flow,loss.rec}'::text[]) as name;
      select pra.absorb_metrics(1, 1, 1)
      """)
    var images: [String] = []
    for number in 0..<3 {
      let picture = Picture(
        width: 2, height: 2, channels: 3, pixels: [UInt8](repeating: UInt8(100 + number), count: 12)
      )
      let sha256 = try world.store(try picture.png(), "image/png")
      images.append(
        """
        {"number": \(number + 6), "label": 0, "class": "sky", "seed": 1, "sha256": "\(sha256)"}
        """)
    }
    for step in [2, 4] {
      let sha256 = try world.store(Array("weights of \(step)".utf8), "application/octet-stream")
      try admin.query(
        "select pra.register_checkpoint(1, 1, $1, $2::jsonb)",
        [
          .integer(step),
          .text(
            """
            [{"name": "model.safetensors", "sha256": "\(sha256)",
              "media_type": "application/octet-stream"}]
            """),
        ])
    }
    try admin.query(
      "select pra.finish(2, 1, images => $1::jsonb)",
      [.text("[\(images.joined(separator: ","))]")])
    try admin.query(
      "select pra.finish(1, 1, evaluations => $1::jsonb, metric_batch => 1)",
      [
        .text(
          """
          [{"metric": "frechet.random", "scope": "overall", "value": 1.5, "images": 3},
           {"metric": "frechet.random", "scope": "sky", "value": "NaN", "images": 1}]
          """)
      ])
  }

  private func bytes(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(filePath: "\(world.folder)/\(name)")))
  }

  @Test func metricsBecomeCSV() throws {
    let text = try world.answer("export", "csv", "drawn")
    let lines = text.split(separator: "\n")
    #expect(lines.count == 1 + 12)
    #expect(lines[0] == "run,name,step,value")
    #expect(lines[1] == "drawn,loss,0,1" && lines[2] == "drawn,loss,1,0.5")
    _ = try world.answer("export", "csv", "1", "-o", "\(world.folder)/metrics.csv")
    #expect(try bytes("metrics.csv") == Array((text + "\n").utf8))
  }

  @Test func imagesAreNamedByTheirNumbers() throws {
    _ = try world.answer("export", "images", "drawn", "-o", "\(world.folder)/images")
    let names = try FileManager.default.contentsOfDirectory(atPath: "\(world.folder)/images")
    #expect(names.sorted() == ["000006.png", "000007.png", "000008.png"])
    let picture = try Picture(png: try bytes("images/000007.png"), channels: 3)
    #expect(picture.pixels == [UInt8](repeating: 101, count: 12))
  }

  @Test func theLastCheckpointUnlessAStepIsNamed() throws {
    _ = try world.answer("export", "checkpoint", "drawn", "-o", "\(world.folder)/last")
    #expect(try bytes("last/model.safetensors") == Array("weights of 4".utf8))
    _ = try world.answer(
      "export", "checkpoint", "--job", "1", "--step", "2", "-o", "\(world.folder)/second")
    #expect(try bytes("second/model.safetensors") == Array("weights of 2".utf8))
    let none = try world.pra(
      "export", "checkpoint", "drawn", "--step", "3", "-o", "\(world.folder)/third")
    #expect(none.status == 3)
    #expect(!FileManager.default.fileExists(atPath: "\(world.folder)/third"))
  }

  @Test func damagedBytesAreNotExported() throws {
    try world.admin.run(
      """
      set session_replication_role = replica;
      update pra_store.artifacts set bytes = convert_to('weights of 9', 'UTF8')
      where sha256 = sha256(convert_to('weights of 4', 'UTF8'))
      """)
    let outcome = try world.pra("export", "checkpoint", "drawn", "-o", "\(world.folder)/bad")
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("damaged"))
    #expect(try FileManager.default.contentsOfDirectory(atPath: "\(world.folder)/bad").isEmpty)
  }

  @Test func aGridHasItsColumns() throws {
    _ = try world.answer(
      "images", "drawn", "-o", "\(world.folder)/grid.png", "--columns", "2", "--limit", "3",
      "--scale", "3")
    let grid = try Picture(png: try bytes("grid.png"), channels: 3)
    #expect(grid.width == 2 * (6 + 1) + 1 && grid.height == 2 * (6 + 1) + 1)
    #expect(grid.pixels[(grid.width + 1) * 3] == 100)
  }

  @Test func curvesAreSVGOrPNG() throws {
    _ = try world.answer("plot", "drawn", "-o", "\(world.folder)/loss.svg")
    #expect(String(decoding: try bytes("loss.svg"), as: UTF8.self).contains("loss.flow"))
    let answer = try world.answer(
      "plot", "drawn", "-o", "\(world.folder)/loss.png", "--metric", "loss", "--log", "--json")
    #expect(answer.contains(#""series":[{"name":"loss","points":4}]"#))
    #expect(try Picture(png: try bytes("loss.png"), channels: 3).width == 960)
  }

  @Test func anUnknownMetricNamesTheKnown() throws {
    let outcome = try world.pra("plot", "drawn", "--metric", "los")
    #expect(outcome.status == 3)
    #expect(outcome.errors.contains("loss, loss.flow, loss.rec"))
  }

  @Test func anEvaluationSaysWhatItIsNot() throws {
    let text = try world.answer("evaluations", "drawn")
    #expect(text.contains("overall  1.500") && text.contains("no FID"))
  }
}

extension World {
  /// Stores bytes as job 1's attempt; returns their digest.
  func store(_ bytes: [UInt8], _ mediaType: String) throws -> String {
    let sha256 = try admin.query(
      "select encode(sha256($1::bytea), 'hex') as sha256", [.bytes(bytes)]
    ).single().string("sha256")
    try admin.query(
      "select pra.put_artifact(1, 1, $1, $2, $3)", [.text(sha256), .text(mediaType), .bytes(bytes)])
    return sha256
  }
}
