// One training on two GPUs that the processor plays: the bits of one.

import DatabaseTesting
import Foundation
import Testing

@Suite struct GPURankTests {
  private let ranks: RankWorld

  init() throws { ranks = try RankWorld() }

  /// Ten steps of four parts, with checkpoints behind the fourth and the eighth.
  private func train(_ name: String, ranks count: String, sharded: Bool = false) throws -> String {
    try ranks.run(
      name, ranks: count, total: 10, "device=cuda", "training.shard_optimizer=\(sharded)",
      "training.batch=4", "training.micro_batch=1",
      "training.checkpoint_every=4", "head.blocks=1", "encoder.blocks=1", "decoder.blocks=1")
  }

  private func logs(_ run: String) throws -> String { try ranks.world.answer("logs", "--run", run) }

  /// Ten steps by NCCL, with a divided optimizer and a rank that is killed while the other waits for it on its GPU, and ten
  /// over sockets.
  @Test func twoGPUsTrainTheWeightsOfOneByNCCLAndOverSockets() throws {
    let libraries = try EmulatedLibraries(compiler: true, nccl: true)
    defer { libraries.remove() }
    // Silence for a lease ends a rank, too: it is long enough for what is tried here.
    let worker = try ranks.worker(
      environment: libraries.computingEnvironment(devices: 2), "--lease", "15")
    let one = try train("one", ranks: "1")
    try ranks.awaitSuccess(one)
    let two = try train("two", ranks: "2", sharded: true)
    try ranks.reach(two, steps: 5)
    let victim = try #require(worker.stage("pra-train"))
    kill(victim, SIGSTOP)
    let before = Set(try beats())
    // The other one says that it waits in a call: its last word is the call's number.
    try wait { try beats().contains { !before.contains($0) && $0.last?.isNumber == true } }
    kill(victim, SIGKILL)
    try wait {
      try ranks.history(two).contains {
        $0.contains(#/ rank [01] \(.+, 127\.0\.0\.1\) is gone, seen by rank [01] of 2: /#)
      }
    }
    try ranks.awaitSuccess(two)
    let history = try ranks.history(two)
    #expect(try ranks.weights(two) == ranks.weights(one), "\(history)")
    #expect(try ranks.series(two) == ranks.series(one), "\(history)")
    #expect(try logs(two).contains("exchanges tensors between GPUs by NCCL 2.27.3"))

    _ = try ranks.world.answer("drain", "host0")
    let without = try EmulatedLibraries(compiler: true)
    defer { without.remove() }
    _ = try ranks.worker(environment: without.computingEnvironment(devices: 2))
    let sockets = try train("sockets", ranks: "2")
    try ranks.awaitSuccess(sockets)
    #expect(try ranks.weights(sockets) == ranks.weights(one))
    #expect(try ranks.series(sockets) == ranks.series(one))
    let log = try logs(sockets)
    #expect(log.contains("exchanges tensors over sockets: rank 0 ("), "\(log)")
    #expect(log.contains("has no NCCL (libnccl.so.2: cannot open"), "\(log)")
  }

  /// The last words of the ranks that train: a number, and that of the call in which one waits.
  private func beats() throws -> [String] {
    try ranks.world.rows(
      "select rank, convert_from(value, 'UTF8') from pra_store.gang_meetings where key = 'beat'")
  }

  /// Two workers that use one GPU: NCCL would refuse it, or wait for ever.
  @Test func ranksOnOneGPUExchangeOverSockets() throws {
    let libraries = try EmulatedLibraries(compiler: true, nccl: true)
    defer { libraries.remove() }
    for _ in 0..<2 {
      _ = try ranks.worker(
        environment: libraries.computingEnvironment(devices: 1).merging(["PRA_DEVICE": "cuda:0"]) {
          $1
        })
    }
    let run = try ranks.run(
      "shared", ranks: "2", total: 2, "training.batch=2", "training.micro_batch=1")
    try ranks.awaitSuccess(run)
    let log = try logs(run)
    #expect(log.contains("on cuda:0 (emulated GPU)"), "\(log)")
    #expect(log.contains(") use one GPU"), "\(log)")
  }
}
