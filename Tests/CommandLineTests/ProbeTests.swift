// A linear probe of a trained model, through the queue.

import Foundation
import Raster
import Testing

@Suite struct ProbeTests {
  @Test func everyLayerIsMeasuredBesidePixels() throws {
    let world = try World()
    for (kind, colour) in [("red", 0), ("green", 1), ("blue", 2)] {
      let folder = "\(world.folder)/pictures/\(kind)"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      for number in 0..<10 {
        var pixels = [UInt8](repeating: UInt8(40 + number), count: 16 * 16 * 3)
        for i in stride(from: colour, to: 3 * 16 * (6 + number), by: 3) { pixels[i] = 220 }
        let picture = Picture(width: 16, height: 16, channels: 3, pixels: pixels)
        try Data(try picture.png()).write(to: URL(filePath: "\(folder)/\(number).png"))
      }
    }
    let file = try world.write(
      "run.yaml",
      """
      name: small
      data: {source: pictures}
      config:
        image: {size: 16, patch: 8}
        trunk: {width: 32, layers: 2, heads: 1}
        head: {width: 32, blocks: 1}
        encoder: {width: 32, blocks: 1, head_dim: 32}
        decoder: {width: 32, blocks: 1, head_dim: 32}
        training: {batch: 4, total: 4, warmup: 1, checkpoint_every: 4}

      """)
    _ = try world.answer("run", file)
    let train = try world.rows("select id from pra.jobs where kind = 'train'")[0]
    let job = try world.answer("enqueue", "probe", "--set", "train=\(train)", "--set", "pool=2")
    let one = try world.answer(
      "enqueue", "probe", "--set", "train=\(train)", "--set", "splits=1", "--set",
      "optimizer=adamw", "--set", "epochs=40", "--set", "warmup_epochs=2", "--set", "batch=12",
      "--set", "lr=0.02")
    let other = try world.answer(
      "enqueue", "probe", "--set", "train=\(train)", "--set", "validation=1", "--set", "epochs=2",
      "--set", "warmup_epochs=0", "--set", "optimizer=lars")
    #expect(try world.pra("worker", "--until-idle", "--threads", "1").status == 0)
    for (job, images) in [(job, 30), (one, 6)] {
      let scopes = try world.rows(
        """
        select scope, images, value > 0.5, value <= 1 from pra.evaluations
        where job_id = \(job) and metric = 'probe.top1' order by 1
        """)
      #expect(scopes == ["block 1", "block 2", "pixels"].map { "\($0) \(images) t t" })
    }
    // Five splits hold out every image once; if a layer and pixels differ, only one of them is
    // right.
    #expect(
      try world.rows(
        """
        select jsonb_array_length(details -> 'weight_decay'), jsonb_typeof(details -> 'deviation'),
          round(30 * (value - (
            select value from pra.evaluations
            where job_id = \(job) and metric = 'probe.pixels.top1'))) =
            (details ->> 'right_alone')::int - (details ->> 'pixels_right_alone')::int
        from pra.evaluations where job_id = \(job) and metric = 'probe.last.top1'
        """) == ["5 number t"])
    #expect(
      try world.rows(
        "select images from pra.evaluations where job_id = \(other) and metric = 'probe.best.top1'")
        == ["30"])
    let names = try world.rows("select name from pra.outputs where job_id = \(job) order by 1")
    #expect(names == ["probe.json", "probe.png", "probe.svg"])
    let written = try world.pra("export", "outputs", job, "-o", "\(world.folder)/probe")
    #expect(written.output == names.map { "\(world.folder)/probe/\($0)\n" }.joined())
    let figure = try Picture(
      png: Array(Data(contentsOf: URL(filePath: "\(world.folder)/probe/probe.png"))))
    #expect(figure.width > 200 && figure.height > 100)
    #expect(try world.pra("export", "outputs", "99999", "-o", world.folder).status == 3)

    let wrong = try world.answer(
      "enqueue", "probe", "--set", "train=\(train)", "--set", "weights=ema-0.5")
    let uneven = try world.answer(
      "enqueue", "probe", "--set", "train=\(train)", "--set", "pool=3")
    _ = try world.pra("worker", "--until-idle")
    #expect(
      try world.rows("select message from pra.jobs where id = \(uneven)")[0].contains(
        "pool: found 3, expected a divisor of the 2 patches of a side"))
    #expect(
      try world.rows("select message from pra.jobs where id = \(wrong)")[0].contains(
        "has no ema-0.5.safetensors"))
    for (settings, message) in [
      (["optimizer=lars", "warmup_epochs=200"], "warmup_epochs: found 200"),
      (["splits=6"], "splits: found 6, expected at most 5 of 0.2"),
    ] {
      let refused = try Outcome(
        ["enqueue", "probe", "--set", "train=\(train)"] + settings.flatMap { ["--set", $0] },
        environment: ["PRA_DATABASE_URL": world.database.url.conninfo], in: world.folder)
      #expect(refused.status == 2 && refused.errors.contains(message), "\(refused.errors)")
    }
  }
}
