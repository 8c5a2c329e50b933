// The time for which a checkpoint stops its training.

import Configuration
import Foundation
import StageKit
import Synchronization
import Tensor
import Threads
import Training

/// Measures the cost of a checkpoint to its training, by the calls of pra-train: the extra time of
/// the update that keeps the state, for the first and for later ones, beside a copy of the weights
/// into memory prepared in the same way; and the time until the checkpoint is durable.
func benchCheckpoint(rounds: Int, steps: Int) throws {
  let preset = preset("pra-l")
  let turns = option("turns", 6)
  let (batch, threads) = (option("batch", 1), option("threads", 2))
  let world = try BenchWorld()
  defer { try? world.end() }
  let location = text("store") ?? "file"
  if location == "file" {
    try world.admin.query("select pra.use_store($1)", [.text("file:\(world.folder)/artifacts")])
    try FileManager.default.createDirectory(
      atPath: "\(world.folder)/artifacts", withIntermediateDirectories: true)
  }
  let session = try world.session()
  let training = try BenchTraining(preset, batch: batch, threads: threads)
  let trainer = training.trainer
  let weights = trainer.model.parameters.elementCount * 4
  let saved = weights * (3 + trainer.optimizer.averages.count)
  let (first, plain) = plainCopy(bytes: weights)
  func milliseconds(_ seconds: Double) -> String { "\(Int((seconds * 1000).rounded())) ms" }
  func state() -> CheckpointState { trainer.state(codeVersion: "bench", dataFingerprint: "none") }
  print(
    "checkpoint: \(preset.rawValue), weights \(weights >> 20) MiB, saved \(saved >> 20) MiB; a plain copy "
      + "of the weights \(milliseconds(plain)), the first one \(milliseconds(first))")

  // As in pra-train, the memory is touched beside the first steps; so is that of the copies.
  let touched = Atomic(0.0)
  let memory = trainer.snapshotMemory()
  let parameters = trainer.optimizer.parameters.map(\.value)
  nonisolated(unsafe) let copies = parameters.map {
    Tensor(uninitialized: $0.shape, type: $0.type, on: $0.device)
  }
  try DedicatedThread("touch") {
    _ = nice(19)
    touched.store(
      seconds {
        memory.touch()
        for copy in copies { copy.touch() }
        for copy in copies { copy.writePages() }
      }, ordering: .releasing)
  }
  var beside: [Double] = []
  while touched.load(ordering: .acquiring) == 0 { beside.append(try training.timedStep().whole) }
  let alone = try (0..<steps).map { _ in try training.timedStep() }
  let (step, update) = (median(alone.map(\.whole)), median(alone.map(\.update)))
  print(
    "checkpoint: \(beside.count) steps while its memory was touched "
      + "(\(String(format: "%.1f", touched.load(ordering: .acquiring))) s) took "
      + "\(milliseconds(median(beside))), \(steps) after that \(milliseconds(step)), of which the update "
      + "\(milliseconds(update)) (medians)")
  let copy = { for (copy, its) in zip(copies, parameters) { copy.copy(from: its) } }
  try keepInTurns(preset, training, turns: turns, steps: steps, state: state, copy: copy)
  var (stops, copied): ([Double], [Double]) = ([], [])
  for round in 0..<rounds {
    copied.append(seconds(copy))
    trainer.keep(state())
    let (whole, keeping) = try training.timedStep()
    let snapshot = trainer.takeSnapshot()!
    var begun = 0.0
    var beside: [Double] = []
    let durable = try seconds {
      begun = try seconds {
        try session.beginCheckpoint(step: Int64(round + 1)) { folder in
          try snapshot.write(to: folder).map {
            CheckpointPart(name: $0.name, path: "\(folder)/\($0.name)", digest: $0.digest)
          }
        }
      }
      repeat { beside.append(try training.timedStep().whole) } while session.isWritingCheckpoint
      try session.waitForCheckpoint()
    }
    stops.append(keeping - update + begun)
    print(
      "checkpoint: round \(round): the update that kept it took \(milliseconds(keeping)), its thread began in "
        + "\(milliseconds(begun)): stopped for \(milliseconds(keeping - update + begun)), where a copy of the "
        + "weights just before took \(milliseconds(copied[round])); that whole step \(milliseconds(whole)); durable after "
        + "\(String(format: "%.1f", durable)) s of training, whose \(beside.count) steps took "
        + "\(milliseconds(median(beside))) (median); memory at most \(peakMemory()) MiB")
    fflush(nil)
  }
  rowsOfStops("\(preset.rawValue), kept and written", stops, copied)
  let (ordinary, keeping) = updates(of: trainer, turns: steps)
  print(
    "checkpoint: updates alone, in turns: \(milliseconds(ordinary)), keeping what is saved "
      + "\(milliseconds(keeping)) (medians of \(steps)): stopped for \(milliseconds(keeping - ordinary))"
  )
  try session.finish(outputs: [:])
}

/// Measures the extra time of an update that keeps its starting state, which is not written, over
/// the updates since the last one, beside a copy of the weights just before it.
private func keepInTurns(
  _ preset: Preset, _ training: BenchTraining, turns: Int, steps: Int, state: () -> CheckpointState,
  copy: () -> Void
) throws {
  var (extra, copies): ([Double], [Double]) = ([], [])
  for _ in 0..<turns {
    let ordinary = try (0..<steps).map { _ in try training.timedStep().update }
    copies.append(seconds(copy))
    training.trainer.keep(state())
    extra.append(try training.timedStep().update - median(ordinary))
    _ = training.trainer.takeSnapshot()
  }
  func milliseconds(_ values: [Double]) -> String {
    values.map { String(Int(($0 * 1000).rounded())) }.joined(separator: " ")
  }
  print(
    "checkpoint: kept after each \(steps) steps, not written: \(milliseconds(extra)) ms more than the "
      + "updates before (median \(milliseconds([median(extra)]))), copies of the weights "
      + "\(milliseconds(copies)) ms (median \(milliseconds([median(copies)])))")
  rowsOfStops("\(preset.rawValue), kept alone", extra, copies)
  fflush(nil)
}

/// How long training stopped, of a copy of the weights just before, checkpoint by checkpoint.
private func rowsOfStops(_ what: String, _ stops: [Double], _ copies: [Double]) {
  guard !stops.isEmpty else { return }
  func milliseconds(_ values: [Double]) -> String {
    values.map { String(Int(($0 * 1000).rounded())) }.joined(separator: " ")
  }
  row(
    "checkpoint of \(what): training's stop, of a copy of the weights",
    zip(stops, copies).map { 100 * $0 / $1 }, "%", wanted: "<= 100",
    note: "\(milliseconds(stops)) ms, copies \(milliseconds(copies))")
}

/// Seconds of an update in place and of one that leaves the state it starts from, in turns; medians.
private func updates(of trainer: Trainer, turns: Int) -> (ordinary: Double, keeping: Double) {
  let (optimizer, memory) = (trainer.optimizer, trainer.snapshotMemory())
  let gradients = optimizer.parameters.map {
    Tensor(repeating: 1e-3, $0.value.shape, on: $0.value.device)
  }
  optimizer.prepare(step: 0)
  var scalars = optimizer.scalars.read()
  (scalars.gradient_scale, scalars.finite) = (1, 1)
  optimizer.scalars.upload { _ in scalars }
  let (ordinaryUpdate, keepingUpdate) = (
    optimizer.update(gradients), optimizer.update(gradients, from: memory)
  )
  var (ordinary, keeping): ([Double], [Double]) = ([], [])
  for i in 0..<2 * turns {
    if i % 4 == 1 || i % 4 == 2 {
      keeping.append(
        seconds {
          memory.exchange(with: optimizer)
          keepingUpdate.run()
        })
    } else {
      ordinary.append(seconds { ordinaryUpdate.run() })
    }
  }
  return (median(ordinary), median(keeping))
}

/// Seconds of memcpy: the first time into memory that was just touched, and the median of 5. The
/// bytes are unknown to the compiler, which would otherwise replace the copy by another fill, in
/// half the time.
private func plainCopy(bytes: Int) -> (first: Double, median: Double) {
  let from = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 4096)
  let to = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 4096)
  defer {
    from.deallocate()
    to.deallocate()
  }
  let times = (UInt8(1)...5).map { round in
    for page in stride(from: 0, to: bytes, by: 4096) {
      from.storeBytes(of: round, toByteOffset: page, as: UInt8.self)
      if round == 1 { to.storeBytes(of: 0, toByteOffset: page, as: UInt8.self) }
    }
    let taken = seconds { memcpy(to, from, bytes) }
    precondition(to.load(fromByteOffset: (bytes - 1) / 4096 * 4096, as: UInt8.self) == round)
    return taken
  }
  return (times[0], median(times))
}
