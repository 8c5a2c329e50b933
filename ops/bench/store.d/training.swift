// The store under a real training: what its reports cost, how long a checkpoint stops it.

import Configuration
import Foundation
import PRAModel
import Postgres
import RunStore
import Tensor
import Training

/// A training of a preset on noise, with the demo's nine classes.
struct BenchTraining {
  let trainer: Trainer
  private let patches: Tensor
  private let labels: [Int]

  init(_ preset: Preset, batch: Int, threads: Int) throws {
    var configuration = preset.configuration
    configuration.loss.lpips = 0
    configuration.training.batch = batch
    configuration.training.total = 1_000_000
    let device = Device(threads: threads)
    let classes = 9
    trainer = Trainer(try PRAModel(configuration, classes: classes, on: device))
    let side = configuration.image.size
    let pixels = Philox(seed: 5).uniforms(batch * side * side * 3, a: 0, b: 0, stream: 77)
    patches = cutIntoPatches(
      pixels.map { Float(2 * $0 - 1) }, batch: batch, sizes: trainer.model.sizes, on: device)
    labels = (0..<batch).map { $0 % classes }
  }

  func step() throws -> StepReport {
    try trainer.run(TrainingBatch(patches: patches, labels: labels, step: trainer.step))
  }
}

/// The same training with its reports and without, in turns that follow each other: the share of its
/// time that reporting takes, server included where that runs on the same machine. And the processors' time that
/// reporting uses, which the machine's moods do not change.
func benchTraining(turns: Int, steps: Int) throws {
  let world = try BenchWorld()
  defer { try? world.end() }
  let session = try world.session()
  let threads = option("threads", 2)
  let training = try BenchTraining(
    Preset(rawValue: text("preset") ?? "nano")!, batch: option("batch", 64), threads: threads)
  func turn(reporting: Bool) throws -> Double {
    try seconds {
      for _ in 0..<steps {
        // As in workers/train.
        let report = try training.step()
        guard reporting else { continue }
        session.record(
          report.values.map {
            MetricPoint(name: $0.name, step: Int64(report.step), value: $0.value)
          })
        session.progress(done: Int64(training.trainer.step), total: 1_000_000, unit: "steps")
      }
    }
  }
  let server = try Processor.parent(
    of: world.admin.query("select pg_backend_pid() as p").single().integer("p"))
  func used() -> Double {
    Processor.seconds(ofChildrenOf: server) + Processor.seconds(ofThread: "metrics")
  }
  _ = try turn(reporting: true)
  var (with, without): ([Double], [Double]) = ([], [])
  var spent = 0.0
  for i in 0..<turns {
    // Neither is always first.
    for reporting in i % 2 == 0 ? [true, false] : [false, true] {
      let before = used()
      if reporting {
        with.append(try turn(reporting: true))
        // What is on its way yet belongs to no other turn.
        try session.flushMetrics()
        spent += used() - before
      } else {
        without.append(try turn(reporting: false))
        spent -= used() - before
      }
    }
  }
  let ratios = zip(with, without).map { ($0 / $1 - 1) * 100 }.sorted()
  func rate(_ times: [Double]) -> String { String(format: "%.3f", Double(steps) / median(times)) }
  func percent(_ value: Double) -> String { String(format: "%.2f %%", value) }
  print(
    "training: \(turns) turns of \(steps) steps: \(rate(with)) steps/s with reports, \(rate(without)) "
      + "without: turn by turn \(percent(median(ratios))) slower (median; quarters from "
      + "\(percent(ratios[turns / 4])) to \(percent(ratios[turns * 3 / 4]))); reporting used "
      + "\(percent(100 * spent / Double(threads) / with.reduce(0, +))) of the processors, sender and server"
  )
  try session.finish(outputs: [:])
}

/// What a checkpoint takes from its training, by the calls of pra-train: how much longer the step is that
/// keeps what is saved, beside a plain copy of as many bytes, and until when it is durable.
func benchCheckpoint(rounds: Int, steps: Int) throws {
  let world = try BenchWorld()
  defer { try? world.end() }
  let location = text("store") ?? "file"
  if location == "file" {
    try world.admin.query("select pra.use_store($1)", [.text("file:\(world.folder)/artifacts")])
    try FileManager.default.createDirectory(
      atPath: "\(world.folder)/artifacts", withIntermediateDirectories: true)
  }
  let session = try world.session()
  let preset = Preset(rawValue: text("preset") ?? "pra-l")!
  let training = try BenchTraining(preset, batch: option("batch", 1), threads: option("threads", 2))
  let trainer = training.trainer
  let weights = trainer.model.parameters.elementCount * 4
  let saved = weights * (3 + trainer.optimizer.averages.count)
  let plain = plainCopy(bytes: weights)
  let touched = seconds { trainer.snapshotMemory().touch() }
  func milliseconds(_ seconds: Double) -> String { "\(Int((seconds * 1000).rounded())) ms" }
  func state() -> CheckpointState { trainer.state(codeVersion: "bench", dataFingerprint: "none") }
  let (ordinary, keeping) = updates(of: trainer, turns: steps)
  print(
    "checkpoint: \(preset.rawValue), weights \(weights >> 20) MiB, saved \(saved >> 20) MiB; an update "
      + "\(milliseconds(ordinary)), one that keeps what is saved \(milliseconds(keeping)) (medians of "
      + "\(steps)): stopped for \(milliseconds(keeping - ordinary)); a plain copy of the weights "
      + "\(milliseconds(plain)), of what is saved \(milliseconds(plain * Double(saved / weights))); its "
      + "memory was touched in \(String(format: "%.1f", touched)) s, beside training where there is any"
  )
  let alone = try (0..<4).map { _ in try seconds { _ = try training.step() } }
  print("checkpoint: a step alone \(milliseconds(median(Array(alone[1...])))) (median of 3)")
  for round in 0..<rounds {
    trainer.keep(state())
    _ = try training.step()
    let snapshot = trainer.takeSnapshot()!
    var begun = 0.0
    var beside: [Double] = []
    let durable = try seconds {
      begun = try seconds {
        try session.beginCheckpoint(step: Int64(round + 1)) { folder in
          try snapshot.write(to: folder).map { (name: $0, path: "\(folder)/\($0)") }
        }
      }
      repeat {
        beside.append(try seconds { _ = try training.step() })
      } while session.isWritingCheckpoint
      try session.waitForCheckpoint()
    }
    print(
      "checkpoint: round \(round): its thread began in \(milliseconds(begun)); durable after "
        + "\(String(format: "%.1f", durable)) s of training, whose \(beside.count) steps took "
        + "\(milliseconds(median(beside))) (median); memory at most \(peakMemory()) MiB")
    fflush(nil)
  }
  try session.finish(outputs: [:])
}

/// Seconds of an update in place and of one that leaves the state it starts from, in turns; medians.
private func updates(of trainer: Trainer, turns: Int) -> (ordinary: Double, keeping: Double) {
  let (optimizer, memory) = (trainer.optimizer, trainer.snapshotMemory())
  let gradients = optimizer.parameters.map {
    Tensor(repeating: 1e-3, $0.value.shape, on: $0.value.device)
  }
  optimizer.prepare(norm: 1, step: 0)
  var (ordinary, keeping): ([Double], [Double]) = ([], [])
  for i in 0..<2 * turns {
    if i % 4 == 1 || i % 4 == 2 {
      keeping.append(
        seconds {
          memory.exchange(with: optimizer)
          optimizer.update(gradients, from: memory)
        })
    } else {
      ordinary.append(seconds { optimizer.update(gradients) })
    }
  }
  return (median(ordinary), median(keeping))
}

/// Seconds that memcpy takes, the memory touched before.
private func plainCopy(bytes: Int) -> Double {
  let from = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 4096)
  let to = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 4096)
  defer {
    from.deallocate()
    to.deallocate()
  }
  memset(from, 1, bytes)
  memset(to, 2, bytes)
  return median((0..<3).map { _ in seconds { memcpy(to, from, bytes) } })
}
