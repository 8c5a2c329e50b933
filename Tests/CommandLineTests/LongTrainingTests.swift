// A training of many checkpoints: the disk holds a handful at every moment.

import DatabaseTesting
import Foundation
import Testing

@Suite struct LongTrainingTests {
  private let world: World
  private let store: String
  /// An environment variable selects a longer run.
  private let checkpoints =
    Int(ProcessInfo.processInfo.environment["PRA_CHECKPOINTS"] ?? "60") ?? 60

  init() throws {
    world = try World()
    store = "\(world.folder)/store"
    try FileManager.default.createDirectory(atPath: store, withIntermediateDirectories: false)
    _ = try world.answer("store", "file:\(store)")
  }

  private func enqueue(_ name: String, steps: Int) throws {
    let path = try world.write(
      "\(name).yaml",
      """
      name: \(name)
      data: {source: \(Repository.root)/ops/demo.d/emoji-32.tar}
      config:
        seed: \(steps)
        trunk: {width: 128, layers: 1, heads: 2}
        head: {width: 64, blocks: 1}
        encoder: {width: 32, blocks: 1, head_dim: 32}
        decoder: {width: 32, blocks: 1, head_dim: 32}
        training: {batch: 2, total: \(steps), warmup: 1, ema: [], checkpoint_every: 1}

      """)
    _ = try world.answer("run", path)
  }

  /// Bytes of the objects of moments, of which each checkpoint has one of this size.
  private func moments(of size: Int) -> Int {
    let files = FileManager.default.enumerator(atPath: store)?.compactMap { $0 as? String } ?? []
    return files.filter { $0.split(separator: "/").last?.count == 64 }.count {
      let attributes = try? FileManager.default.attributesOfItem(atPath: "\(store)/\($0)")
      return attributes?[.size] as? Int == size
    }
  }

  @Test func theDiskNeverHoldsMoreThanFive() throws {
    try enqueue("old", steps: 2)
    #expect(try world.pra("worker", "--until-idle", "--threads", "1").status == 0)
    let size = try #require(
      Int(
        try world.rows(
          """
          select max((f ->> 'size')::bigint) from pra.checkpoints, jsonb_array_elements(files) as f
          where f ->> 'name' = 'optimizer.safetensors'
          """)[0]))
    #expect(size > 1 << 20)
    #expect(moments(of: size) == 2)
    _ = try world.answer("delete", "old", "--only", "checkpoints")

    try enqueue("long", steps: checkpoints)
    let worker = try WorkerProcess(world)
    let registered =
      "select count(*) from pra.events where kind = 'checkpoint.registered' and run_id = 2"
    func count() throws -> Int { Int(try world.rows(registered)[0])! }
    var (most, looks) = (0, 0)
    func look() {
      most = max(most, moments(of: size))
      looks += 1
    }
    try wait { try count() > 5 }
    // The bytes of the removed run go beside the attempt that runs, and so many are told.
    let told = try world.answer("gc", "--grace", "0", "--json")
    let bytes = try #require(told.firstMatch(of: /"artifacts","count":(\d+),"bytes":(\d+)/))
    #expect(Int(bytes.2)! >= 2 * size, "\(told)")
    #expect(
      try world.rows("select state from pra.jobs where run_id = 2 and kind = 'train'") == [
        "running"
      ])
    try wait(seconds: 2 * checkpoints) {
      look()
      return try world.rows("select state from pra.jobs where run_id = 2 and kind = 'train'")
        == ["succeeded"]
    }
    withExtendedLifetime(worker) {}
    #expect(try count() == checkpoints)
    #expect(most <= 5 && looks > checkpoints, "\(most) at most in \(looks) looks")
    // The two newest and the best.
    let kept = try world.rows(
      "select step from pra.checkpoints where run_id = 2 order by step desc")
    #expect(kept.prefix(2) == ["\(checkpoints)", "\(checkpoints - 1)"] && kept.count <= 3)
    #expect(moments(of: size) == kept.count)
  }
}
