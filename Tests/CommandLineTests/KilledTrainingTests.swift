// G6 on the programs themselves: pra-train, killed again and again, ends with the same bytes.

import DatabaseTesting
import Foundation
import Postgres
import Testing

@Suite struct KilledTrainingTests {
  let world: World

  init() throws { world = try World() }

  private func runFile(_ name: String) throws -> String {
    try world.write(
      "\(name).yaml",
      """
      name: \(name)
      data: {source: \(Repository.root)/ops/demo.d/emoji-32.tar}
      config:
        trunk: {width: 64, layers: 2, heads: 1}
        training: {batch: 16, total: 90, warmup: 5, checkpoint_every: 9, crop: [0.8, 1], flip: true}

      """)
  }

  private func files(_ run: String) throws -> [String: Data] {
    let folder = "\(world.folder)/checkpoint-\(run)"
    _ = try world.answer("export", "checkpoint", run, "-o", folder)
    let names = try FileManager.default.contentsOfDirectory(atPath: folder)
    return try Dictionary(
      uniqueKeysWithValues: names.map {
        ($0, try Data(contentsOf: URL(filePath: "\(folder)/\($0)")))
      })
  }

  @Test func aKilledRunEndsWithTheBytesOfAnUninterruptedOne() throws {
    let worker = try WorkerProcess(world)
    func ended(_ run: String) throws {
      try wait {
        try world.rows("select state from pra.jobs where run_id = \(run) and kind = 'train'") == [
          "succeeded"
        ]
      }
    }
    let whole = try world.answer("run", try runFile("whole"))
    try ended(whole)
    let killed = try world.answer("run", try runFile("killed"))
    // Before the first checkpoint, then wherever it is shortly after each new one.
    var steps: [Int] = []
    for threshold in [1, 30, 60] {
      try wait {
        let done = try world.rows(
          """
          select coalesce(progress_done, 0) from pra.jobs
          where run_id = \(killed) and kind = 'train' and state = 'running'
          """
        ).first.flatMap { Int($0) }
        guard let done, done >= threshold, let stage = worker.stage("pra-train") else {
          return false
        }
        steps.append(done)
        return kill(stage, SIGKILL) == 0
      }
      let attempts = steps.count
      try wait {
        try world.rows(
          """
          select count(*) from pra.attempts where run_id = \(killed) and exit_signal = 9
          """) == ["\(attempts)"]
      }
    }
    try ended(killed)
    let (expected, found) = (try files(whole), try files(killed))
    #expect(
      expected.keys.sorted() == [
        "classes.json", "ema-0.999.safetensors", "model.safetensors", "optimizer.safetensors",
        "state.json",
      ])
    for (name, bytes) in expected {
      #expect(found[name] == bytes, "\(name), killed at \(steps)")
    }
    // The series is clean, whatever was computed twice.
    let series = try world.rows(
      """
      select count(*), count(distinct step), md5(string_agg(value::text, ',' order by step))
      from pra.metrics where name = 'loss' group by run_name
      """)
    #expect(series.count == 2 && series[0] == series[1] && series[0].hasPrefix("90 90 "))
  }
}
