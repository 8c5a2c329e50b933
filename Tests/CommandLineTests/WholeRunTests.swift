// A whole small run, from a folder of pictures to exported images, through a real worker.

import Foundation
import Raster
import Testing

@Suite struct WholeRunTests {
  let world: World

  init() throws {
    world = try World()
    for (kind, colour) in [("red", 0), ("blue", 2)] {
      let folder = "\(world.folder)/pictures/\(kind)"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      for number in 0..<4 {
        var pixels = [UInt8](repeating: 40, count: 16 * 16 * 3)
        for i in stride(from: colour, to: 3 * 16 * (4 + number), by: 3) { pixels[i] = 220 }
        let picture = Picture(width: 16, height: 16, channels: 3, pixels: pixels)
        try Data(try picture.png()).write(to: URL(filePath: "\(folder)/\(number).png"))
      }
    }
    try world.write(
      "run.yaml",
      """
      name: small
      data: {source: pictures}
      config:
        image: {size: 16, patch: 8}
        trunk: {width: 32, layers: 1, heads: 1}
        head: {width: 32, blocks: 1}
        encoder: {width: 32, blocks: 1, head_dim: 32}
        decoder: {width: 32, blocks: 1, head_dim: 32}
        training: {batch: 4, total: 4, warmup: 1, checkpoint_every: 2}
        sampling: {steps: 2}
      sample: {count: 5, shards: 3}
      evaluate: true

      """)
  }

  private func finish(
    _ settings: String..., environment: [String: String] = [:]
  ) throws -> String {
    let arguments = ["run", "\(world.folder)/run.yaml"] + settings
    let run = try Outcome(
      arguments, environment: ["PRA_DATABASE_URL": world.database.url.conninfo], in: world.folder)
    #expect(run.status == 0, "\(run.errors)")
    let worker = try world.pra(
      "worker", "--until-idle", "--label", "host=here", "--threads", "1", environment: environment)
    #expect(worker.status == 0, "\(worker.errors)")
    let id = run.output.trimmingCharacters(in: .newlines)
    let end = try world.pra("watch", id)
    #expect(end.status == 0, "\(end.errors)\n\(worker.errors)")
    return id
  }

  private func images(_ run: String) throws -> [String: Data] {
    let folder = "\(world.folder)/images-\(run)"
    _ = try world.answer("export", "images", run, "-o", folder)
    let names = try FileManager.default.contentsOfDirectory(atPath: folder)
    return try Dictionary(
      uniqueKeysWithValues: names.map {
        ($0, try Data(contentsOf: URL(filePath: "\(folder)/\($0)")))
      })
  }

  @Test func aRunEndsAndItsImagesDoNotDependOnShards() throws {
    let three = try finish()
    let drawn = try images(three)
    #expect(drawn.keys.sorted() == (0..<5).map { "00000\($0).png" })

    let csv = try world.answer("export", "csv", three).split(separator: "\n")
    #expect(csv.count { $0.hasPrefix("small,loss,") } == 4)
    let checkpoint = "\(world.folder)/checkpoint"
    _ = try world.answer("export", "checkpoint", three, "-o", checkpoint)
    #expect(FileManager.default.fileExists(atPath: "\(checkpoint)/state.json"))
    #expect(try world.answer("evaluations", three).contains("overall"))
    #expect(
      try world.rows("select distinct labels->>'host' from pra.workers") == ["here"])

    // Only the sharding differs: other data or another order would make another run.
    let one = try finish("--set", "sample.shards=1")
    #expect(try images(one) == drawn)
  }

  /// Every method, through the queue, to one figure and one table.
  @Test func allMethodsAreCompared() throws {
    let methods = [
      "pra", "clean-input", "teacher-forced", "x-prediction", "noise-injection", "exact-rollout",
      "diffusion",
    ]
    let variants = methods.map { "\($0): {method: \($0)}" }.joined(separator: ", ")
    let run = try finish(
      "--set", "variants={\(variants)}", "--set", "seeds=[0, 1]", "--set", "sample.shards=1",
      "--set", "training.total=2")
    let folder = "\(world.folder)/comparison"
    _ = try world.answer("export", "comparison", run, "-o", folder)
    let table = try String(contentsOfFile: "\(folder)/comparison.md", encoding: .utf8)
    for method in methods { #expect(table.contains("| \(method) | **"), "\(method)") }
    let picture = try Picture(
      png: Array(try Data(contentsOf: URL(filePath: "\(folder)/comparison.png"))), channels: 3)
    #expect(picture.width == 960)
    let means = try world.rows(
      """
      select count(*), min(images), bool_and(value > 0) from pra.evaluations
      where run_id = \(run) and metric = 'frechet.random-conv-32-v1.mean'
      """)
    #expect(means == ["7 2 t"])
    let figures = try world.rows(
      """
      select count(distinct variant), count(distinct seed), count(*) from pra.evaluations
      where run_id = \(run) and metric = 'frechet.random-conv-32-v1' and scope = 'overall'
      """)
    #expect(figures == ["7 2 14"])
    let curves = try world.answer("plot", run, "-o", "\(world.folder)/loss.svg")
    #expect(curves.contains("loss, teacher-forced, seed 1 (2 steps)"))
    let grid = try world.answer(
      "images", run, "-o", "\(world.folder)/grid.png", "--by", "variant", "--variant", "pra",
      "--variant", "diffusion", "--json")
    for row in ["pra, seed 0", "pra, seed 1", "diffusion, seed 1"] { #expect(grid.contains(row)) }
    #expect(!grid.contains("teacher-forced"))
  }

  /// G7 on the programs themselves: shards, batch, caches and threads do not change a byte of a
  /// PNG.
  @Test(arguments: ["pra", "x-prediction", "diffusion"])
  func imagesAreTheSameBytesHoweverTheyAreDrawn(_ method: String) throws {
    let given = ["--set", "method=\(method)", "--set", "sample.count=16"]
    func drawn(_ shards: Int, _ environment: [String: String]) throws -> [String: Data] {
      try images(
        finish(
          given[0], given[1], given[2], given[3], "--set", "sample.shards=\(shards)", "--set",
          "evaluate=false", environment: environment))
    }
    let expected = try drawn(8, [:])
    #expect(expected.count == 16 && Set(expected.values).count == 16)
    #expect(try drawn(1, ["PRA_SAMPLE_BATCH": "1"]) == expected)
    #expect(try drawn(1, ["PRA_SAMPLE_BATCH": "64"]) == expected)
    #expect(try drawn(2, ["PRA_KV_CACHE": "off"]) == expected)
  }

  @Test func aBrokenPictureFailsTheRunWithItsName() throws {
    let path = "\(world.folder)/pictures/red/2.png"
    let whole = try Data(contentsOf: URL(filePath: path))
    try whole.prefix(whole.count / 2).write(to: URL(filePath: path))
    let run = try world.answer("run", "\(world.folder)/run.yaml")
    _ = try world.pra("worker", "--until-idle")
    let end = try world.pra("watch", run)
    #expect(end.status == 1)
    #expect(end.errors.hasPrefix("error: job 1 (ingest) failed: "), "\(end.errors)")
    #expect(end.errors.contains("red/2.png"), "\(end.errors)")
    #expect(try world.rows("select count(*) from pra.attempts") == ["1"])
  }
}
