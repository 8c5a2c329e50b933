// The store in a real training: the cost of its reports.

import Configuration
import Foundation
import PRAModel
import Postgres
import StageKit
import Tensor
import Training

/// The preset that `--preset` names.
func preset(_ fallback: String) -> Preset {
  let name = text("preset") ?? fallback
  guard let preset = Preset(rawValue: name) else {
    refuse(
      "--preset: \"\(name)\" is none of \(Preset.allCases.map(\.rawValue).joined(separator: ", "))")
  }
  return preset
}

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

  /// Makes a step; returns its seconds, and those of its part after the passes: the update and the
  /// report.
  func timedStep() throws -> (whole: Double, update: Double) {
    let start = ContinuousClock.now
    var passed = start
    _ = try trainer.run(
      TrainingBatch(patches: patches, labels: labels, step: trainer.step),
      observe: { _, _ in passed = .now })
    let end = ContinuousClock.now
    return ((end - start) / .seconds(1), (end - passed) / .seconds(1))
  }
}

/// The same training with and without reports, in turns: the share of the time that reporting
/// takes, including the server on the same machine; and the CPU time of reporting, on which a noisy
/// machine has less influence.
func benchTraining(turns: Int, steps: Int) throws {
  let (preset, batch, threads) = (preset("nano"), option("batch", 64), option("threads", 2))
  let world = try BenchWorld()
  defer { try? world.end() }
  let session = try world.session()
  let training = try BenchTraining(preset, batch: batch, threads: threads)
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
    // They take turns in being first.
    for reporting in i % 2 == 0 ? [true, false] : [false, true] {
      let before = used()
      if reporting {
        with.append(try turn(reporting: true))
        // Points still on their way must not count for the next turn.
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
  row(
    "training: slower with reports", ratios, "%",
    note: "quarters of the turns \(percent(ratios[turns / 4])) to \(percent(ratios[turns * 3 / 4]))"
  )
  row(
    "training: processors' time that reporting uses",
    [100 * spent / Double(threads) / with.reduce(0, +)], "%", note: "sender and server")
  try session.finish(outputs: [:])
}
