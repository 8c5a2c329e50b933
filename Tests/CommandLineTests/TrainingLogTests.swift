// The log and the series of a training while it runs.

import Foundation
import Raster
import Testing

@Suite struct TrainingLogTests {
  @Test func theLogHasLossRateAndTimeLeft() throws {
    let world = try World()
    for number in 0..<4 {
      let folder = "\(world.folder)/pictures/one"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      let pixels = (0..<16 * 16 * 3).map { UInt8(truncatingIfNeeded: $0 * (number + 3)) }
      let picture = Picture(width: 16, height: 16, channels: 3, pixels: pixels)
      try Data(try picture.png()).write(to: URL(filePath: "\(folder)/\(number).png"))
    }
    let file = try world.write(
      "run.yaml",
      """
      name: short
      data: {source: pictures}
      config:
        image: {size: 16, patch: 8}
        trunk: {width: 32, layers: 1, heads: 1}
        head: {width: 32, blocks: 1}
        encoder: {width: 32, blocks: 1, head_dim: 32}
        decoder: {width: 32, blocks: 1, head_dim: 32}
        training: {batch: 4, total: 2, warmup: 1}

      """)
    _ = try world.answer("run", file)
    let worker = try world.pra("worker", "--until-idle", "--threads", "1")
    #expect(worker.status == 0, "\(worker.errors)")
    let log = try world.answer("logs", "2")
    #expect(
      log.contains(
        /step 2 of 2: loss [0-9.]+, lr [0-9.e-]+, gradient norm [0-9.]+, [0-9.]+ images\/s/),
      "\(log)")
    let rate = try world.rows(
      "select step, value > 0 from pra.metrics where name = 'images_per_second'")
    #expect(rate == ["1 t"])
    #expect(try world.answer("runs").contains("images/s"))
  }
}
