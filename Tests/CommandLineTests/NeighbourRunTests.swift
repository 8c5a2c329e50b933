// The nearest training images of drawn images, through the queue.

import Foundation
import Raster
import Testing

@Suite struct NeighbourRunTests {
  private struct Report: Decodable {
    struct Neighbour: Decodable {
      let image: Int
      let distance: Double
    }
    let threshold: Double
    let figures: [String: Double]
    let samples: [[Neighbour]]
  }

  let world: World

  init() throws {
    world = try World()
    for kind in 0..<2 {
      let folder = "\(world.folder)/pictures/\(kind)"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      for number in 0..<10 {
        let pixels = (0..<16 * 16 * 3).map { UInt8(($0 * (3 + number) + 90 * kind) % 256) }
        let picture = Picture(width: 16, height: 16, channels: 3, pixels: pixels)
        try Data(picture.png()).write(to: URL(filePath: "\(folder)/\(number).png"))
      }
    }
  }

  @Test func nearestImagesAreShownAndCounted() throws {
    let file = try world.write(
      "run.yaml",
      """
      name: small
      data: {source: pictures, validation: {every: 5}}
      config:
        image: {size: 16, patch: 8}
        trunk: {width: 32, layers: 1, heads: 1}
        head: {width: 32, blocks: 1}
        encoder: {width: 32, blocks: 1, head_dim: 32}
        decoder: {width: 32, blocks: 1, head_dim: 32}
        training: {batch: 4, total: 2, warmup: 1, checkpoint_every: 2}
        sampling: {steps: 2}
      sample: {count: 8, shards: 2}

      """)
    _ = try world.answer("run", file)
    func jobs(_ kind: String) throws -> [String] {
      try world.rows("select id from pra.jobs where kind = '\(kind)' order by 1")
    }
    let (data, train, shards) = try (jobs("ingest")[0], jobs("train")[0], jobs("sample"))
    let array = try world.answer(
      "enqueue", "sample", "--set", "train=\(train)", "--set", "count=8", "--array", "0-7",
      "--pack", "3")
    let found = try [shards.joined(separator: ","), array].map {
      try world.answer(
        "enqueue", "neighbours", "--set", "data=\(data)", "--set", "samples=[\($0)]", "--set",
        "rows=3", "--set", "neighbours=2")
    }
    let worker = try world.pra("worker", "--until-idle", "--threads", "1")
    #expect(worker.status == 0, "\(worker.errors)")

    // Shards and arrays draw the same images, so all bytes are the same.
    #expect(
      try world.rows(
        """
        select count(distinct sha256), count(*) from pra.outputs
        where job_id in (\(found.joined(separator: ","))) group by name order by name
        """) == ["1 2", "1 2"])
    let job = found[0]
    let outputs = try world.answer("export", "outputs", job, "-o", "\(world.folder)/near")
    #expect(outputs.split(separator: "\n").count == 2, "\(outputs)")
    let report = try JSONDecoder().decode(
      Report.self, from: Data(contentsOf: URL(filePath: "\(world.folder)/near/neighbours.json")))
    #expect(report.samples.count == 8)
    for near in report.samples {
      #expect(near.count == 2 && near[0].distance <= near[1].distance)
      #expect(near.allSatisfy { (0..<16).contains($0.image) })
    }
    let copies = report.samples.count { $0[0].distance < report.threshold || $0[0].distance == 0 }
    #expect(report.figures["near_duplicates.share"] == Double(copies) / 8)
    #expect(
      try world.rows(
        """
        select metric, images, value = (\(report.figures["near_duplicates.share"]!))
        from pra.evaluations
        where job_id = \(job) and metric = 'near_duplicates.share'
        """) == ["near_duplicates.share 8 t"])
    // Four held-out images show the share of near-duplicates without copying.
    #expect(
      try world.rows(
        """
        select images, value between 0 and 1 from pra.evaluations
        where job_id = \(job) and metric = 'near_duplicates.held_out'
        """) == ["4 t"])
    // Three rows of a drawn image and two neighbours, magnified four times.
    let png = try #require(
      try FileManager.default.contentsOfDirectory(atPath: "\(world.folder)/near").first {
        $0.hasSuffix(".png")
      })
    let picture = try Picture(
      png: Array(Data(contentsOf: URL(filePath: "\(world.folder)/near/\(png)"))))
    #expect(picture.width >= 3 * 64 && picture.height >= 3 * 64)
  }
}
