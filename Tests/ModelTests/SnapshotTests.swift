// The state that a step keeps for a checkpoint while training goes on.

import Configuration
import Digest
import Files
import Foundation
import PRAModel
import Tensor
import Testing

@testable import Training

@Suite struct SnapshotTests {
  private func trainer() throws -> Trainer {
    let configuration = tiny {
      $0.training.ema = [0.9, 0.999]
      $0.training.total = 20
    }
    return Trainer(try PRAModel(configuration, classes: 3, on: Device(threads: 2)))
  }

  private func step(_ trainer: Trainer, with value: Double? = nil) throws {
    let batch = tinyBatch(trainer.model, step: trainer.step)
    if let value { batch.patches.fill(with: value) }
    _ = try trainer.run(batch)
  }

  private func state(_ trainer: Trainer) -> CheckpointState {
    trainer.state(codeVersion: "test", dataFingerprint: "data")
  }

  /// File names and tensors of a snapshot.
  private func content(_ snapshot: TrainerSnapshot) -> [String: [Float]] {
    var content: [String: [Float]] = [:]
    for file in snapshot.files {
      for tensor in file.tensors {
        content["\(file.name) \(tensor.name)"] = tensor.value.download().floats
      }
    }
    return content
  }

  /// Names of tensors whose numbers are not the same.
  private func differences(_ a: [String: [Float]], _ b: [String: [Float]]) -> [String] {
    Set(a.keys).union(b.keys).filter { a[$0] != b[$0] }.sorted()
  }

  @Test func aStepKeepsTheStateBeforeItAndChangesNoNumber() throws {
    let (plain, keeping) = (try trainer(), try trainer())
    // At the first step, which records, later, and twice in a row.
    for asked in [0, 3, 4] {
      while plain.step < asked {
        try step(plain)
        try step(keeping)
        #expect(keeping.takeSnapshot() == nil)
      }
      let before = content(plain.snapshot(state(plain)))
      keeping.keep(state(keeping))
      try step(plain)
      try step(keeping)
      let kept = try #require(keeping.takeSnapshot())
      #expect(kept.state.step == asked)
      #expect(differences(content(kept), before) == [])
      #expect(
        differences(
          content(keeping.snapshot(state(keeping))), content(plain.snapshot(state(plain)))) == [])
    }
    try step(plain)
    try step(keeping)
    #expect(
      differences(content(keeping.snapshot(state(keeping))), content(plain.snapshot(state(plain))))
        == [])
  }

  /// A later reader would refuse it, and the checkpoint before would be gone.
  @Test func aCheckpointThatIsNotFiniteIsNotWritten() throws {
    let folder = FileManager.default.temporaryDirectory
      .appending(path: "pra-snapshot-\(UUID().uuidString)").path()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let trainer = try trainer()
    try step(trainer)
    let average = trainer.optimizer.averages[1].values[0]
    let name = trainer.optimizer.parameters[0].name
    for value in [Double.infinity, -.infinity, .nan] {
      average.fill(with: value)
      let error = #expect(throws: BrokenWeights.self) {
        try trainer.writeCheckpoint(to: folder, state(trainer))
      }
      #expect(
        error?.description.contains("\(name) in ema-0.999.safetensors of step 1 is not finite")
          == true)
    }
    average.fill(with: Double(Float.greatestFiniteMagnitude))
    _ = try trainer.writeCheckpoint(to: folder, state(trainer))
  }

  /// Training may diverge afterwards: the checkpoint exists.
  @Test func aStepThatIsNotFiniteKeepsTheStateTooAndLeavesIt() throws {
    let trainer = try trainer()
    try step(trainer)
    let before = content(trainer.snapshot(state(trainer)))
    trainer.keep(state(trainer))
    try step(trainer, with: .nan)
    #expect(differences(content(try #require(trainer.takeSnapshot())), before) == [])
    #expect(differences(content(trainer.snapshot(state(trainer))), before) == [])
  }

  @Test func whatWasKeptIsWrittenAsTheCheckpointOfItsStep() throws {
    let folder = FileManager.default.temporaryDirectory
      .appending(path: "pra-snapshot-\(UUID().uuidString)").path()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    for part in ["now", "kept"] {
      try FileManager.default.createDirectory(
        atPath: "\(folder)/\(part)", withIntermediateDirectories: true)
    }
    let trainer = try trainer()
    for _ in 0..<2 { try step(trainer) }
    let names = try trainer.writeCheckpoint(to: "\(folder)/now", state(trainer))
    trainer.keep(state(trainer))
    try step(trainer)
    let kept = try #require(trainer.takeSnapshot()).write(to: "\(folder)/kept")
    #expect(kept.map(\.name) == names)
    for (name, digest) in kept {
      let bytes = Array(
        try #require(FileManager.default.contents(atPath: "\(folder)/kept/\(name)")))
      #expect(
        digest == FileDigest(sha256: SHA256.hexadecimal(of: bytes), size: Int64(bytes.count)),
        "\(name)")
      #expect(
        FileManager.default.contents(atPath: "\(folder)/now/\(name)")
          == FileManager.default.contents(atPath: "\(folder)/kept/\(name)"), "\(name)")
    }
  }
}
