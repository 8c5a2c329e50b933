// The training loop: bit-for-bit resumption, skipped steps, damaged and foreign checkpoints.

import AllocationCount
import Autodiff
import Configuration
import Foundation
import PRAModel
import Tensor
import Testing

@testable import Training

/// A private folder, deleted with this object.
private final class Folder {
  let path = FileManager.default.temporaryDirectory
    .appending(path: "pra-trainer-\(UUID().uuidString)").path()

  init() throws {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }
  deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// The weights of a model as they were.
private struct WeightsBefore {
  private let weights: [(value: Tensor, before: Tensor)]

  init(_ model: PRAModel) {
    weights = model.parameters.all.map { ($0.value, $0.value.copied()) }
  }

  func restore() {
    for weight in weights { weight.value.copy(from: weight.before) }
  }
}

@Suite struct TrainerTests {
  private func trainer(_ edit: (inout ModelConfiguration) -> Void = { _ in }) throws -> Trainer {
    let configuration = tiny {
      $0.training.ema = [0.9, 0.999]
      $0.training.total = 20
      edit(&$0)
    }
    return Trainer(try PRAModel(configuration, classes: 3, on: Device(threads: 2)))
  }

  private func run(_ trainer: Trainer, steps: Range<Int>) throws -> [Double] {
    try steps.map { step in
      try trainer.run(tinyBatch(trainer.model, step: step)).values[0].value
    }
  }

  private func weights(_ trainer: Trainer) -> [[Float]] {
    let optimizer = trainer.optimizer
    let all =
      optimizer.parameters.map(\.value) + optimizer.m + optimizer.v
      + optimizer.averages.flatMap(\.values)
    return all.map { $0.download().floats }
  }

  /// G6.
  @Test func aResumedRunRepeatsTheUninterruptedOneToTheBit() throws {
    let folder = try Folder()
    let whole = try trainer()
    let losses = try run(whole, steps: 0..<8)

    let first = try trainer()
    _ = try run(first, steps: 0..<5)
    let state = first.state(codeVersion: "test", dataFingerprint: "data")
    let files = try first.writeCheckpoint(to: folder.path, state)
    #expect(
      files == [
        "model.safetensors", "ema-0.9.safetensors", "ema-0.999.safetensors",
        "optimizer.safetensors", "state.json",
      ])

    let second = try trainer()
    try second.restore(from: folder.path, dataFingerprint: "data")
    #expect(second.step == 5)
    #expect(try run(second, steps: 5..<8) == Array(losses[5...]))
    #expect(weights(second) == weights(whole))
  }

  /// Memory of one step is reused by the next: a long run needs no more than a short one.
  @Test func aStepGivesItsMemoryBack() throws {
    let trainer = try trainer()
    _ = try run(trainer, steps: 0..<3)
    let reserved = trainer.model.device.reservedBytes
    _ = try run(trainer, steps: 3..<9)
    #expect(trainer.model.device.reservedBytes == reserved)
  }

  /// bfloat16 products change the numbers a little, and nothing if the CPU has none.
  @Test func trainingInBFloat16FollowsFloat32() throws {
    let full = try run(try trainer(), steps: 0..<8)
    let trainer = try trainer { $0.training.precision = .bf16 }
    let rounded = try run(trainer, steps: 0..<8)
    #expect((rounded != full) == trainer.model.device.multipliesBFloat16)
    for (a, b) in zip(full, rounded) { #expect(abs(a - b) < 0.02 * a, "\(a) \(b)") }
  }

  /// A step is reported while the next one has begun; the figures are the same, also of steps that
  /// are skipped, and no state is taken before all are reported.
  @Test(arguments: tinyVariants.indices)
  func aStepIsReportedWhileTheNextRuns(_ variant: Int) throws {
    func trainer() throws -> Trainer {
      Trainer(
        shaken(
          try PRAModel(tinyVariants[variant].configuration, classes: 3, on: Device(threads: 1))))
    }
    func batch(_ trainer: Trainer, _ step: Int) -> TrainingBatch {
      let batch = tinyBatch(trainer.model, step: step)
      if step == 2 { batch.patches.fill(with: .nan) }
      return batch
    }
    func text(_ report: StepReport) -> String {
      "\(report.step) \(report.skipped) \(report.values)"
    }
    let (waiting, ahead) = (try trainer(), try trainer())
    let expected = try (0..<5).map { text(try waiting.run(batch(waiting, $0))) }
    #expect(try ahead.report() == nil)
    var found: [String] = []
    for step in 0..<5 {
      try ahead.begin(batch(ahead, step))
      #expect(ahead.unreported == min(step + 1, 2) && ahead.step == step + 1)
      if ahead.unreported > 1 { found.append(text(try #require(try ahead.report()))) }
    }
    found.append(text(try #require(try ahead.report())))
    #expect(try ahead.report() == nil)
    #expect(found == expected)
    #expect(weights(ahead) == weights(waiting) && ahead.badSteps == 1)
  }

  @Test func trainingLowersTheLoss() throws {
    let trainer = try trainer {
      $0.training.total = 150
      $0.training.warmup = 10
      $0.training.lr = 1e-2
    }
    let losses = try run(trainer, steps: 0..<150)
    #expect(losses[140...].reduce(0, +) / 10 < 0.8 * losses[..<10].reduce(0, +) / 10)
  }

  @Test func aStepThatIsNotFiniteChangesNothingButTheCount() throws {
    let trainer = try trainer { $0.training.maxBadSteps = 3 }
    _ = try run(trainer, steps: 0..<2)
    let before = weights(trainer)
    func broken(_ step: Int) -> TrainingBatch {
      let good = tinyBatch(trainer.model, step: step)
      good.patches.fill(with: .nan)
      return good
    }
    let report = try trainer.run(broken(2))
    #expect(report.skipped)
    #expect(report.values.first { $0.name == "bad_steps" }?.value == 1)
    #expect(weights(trainer) == before)
    #expect(trainer.step == 3)
    // A good step in between ends the sequence.
    _ = try trainer.run(tinyBatch(trainer.model, step: 3))
    #expect(trainer.badStepsInRow == 0 && trainer.badSteps == 1)
    _ = try trainer.run(broken(4))
    _ = try trainer.run(broken(5))
    #expect(throws: TrainingDiverged.self) { try trainer.run(broken(6)) }
  }

  @Test func learningRateWarmsUpAndFalls() {
    var c = TrainingConfiguration()
    (c.lr, c.lrMin, c.warmup, c.total) = (1, 0.1, 4, 12)
    #expect((0..<4).map { c.learningRate(at: $0) } == [0.25, 0.5, 0.75, 1])
    #expect(c.learningRate(at: 4) == 1)
    #expect(abs(c.learningRate(at: 8) - 0.55) < 1e-12)
    #expect(c.learningRate(at: 12) == 0.1 && c.learningRate(at: 99) == 0.1)
    c.warmup = 0
    #expect(c.learningRate(at: 0) == 1)
  }

  /// G10: every truncation of every file is refused with the file's name, and nothing changes.
  @Test(arguments: [
    "model.safetensors", "ema-0.999.safetensors", "optimizer.safetensors", "state.json",
  ])
  func aCutCheckpointIsRefused(_ name: String) throws {
    let folder = try Folder()
    let writer = try trainer()
    _ = try run(writer, steps: 0..<2)
    _ = try writer.writeCheckpoint(
      to: folder.path, writer.state(codeVersion: "test", dataFingerprint: "data"))
    let url = URL(filePath: "\(folder.path)/\(name)")
    let bytes = try Data(contentsOf: url)
    for kept in [0, 1, 7, 8, 9, bytes.count / 2, bytes.count - 1] {
      try bytes.prefix(kept).write(to: url)
      let reader = try trainer()
      let before = weights(reader)
      let error = #expect(throws: (any Error).self, "\(kept) of \(bytes.count) bytes") {
        try reader.restore(from: folder.path, dataFingerprint: "data")
      }
      // The last byte of state.json is the line feed.
      if let error { #expect("\(error)".contains(name), "\(error)") }
      #expect(weights(reader) == before && reader.step == 0)
      if name == "state.json" && kept == bytes.count / 2 { break }
    }
  }

  @Test func aCheckpointOfAnotherRunIsRefused() throws {
    let folder = try Folder()
    let writer = try trainer()
    _ = try writer.writeCheckpoint(
      to: folder.path, writer.state(codeVersion: "test", dataFingerprint: "data"))
    #expect(throws: CheckpointMismatch.self) {
      try trainer { $0.training.lr = 0.5 }.restore(from: folder.path, dataFingerprint: "data")
    }
    #expect(throws: CheckpointMismatch.self) {
      try trainer().restore(from: folder.path, dataFingerprint: "other")
    }
    let wider = try PRAModel(tiny { $0.head.width = 12 }, classes: 3, on: Device(threads: 1))
    let error = #expect(throws: TensorFileMismatch.self) {
      try wider.loadWeights(from: "\(folder.path)/model.safetensors")
    }
    #expect(error?.description.contains("head.") == true)
  }

  /// Parts of a batch give its gradient except for rounding; recomputation gives it bit for bit.
  @Test(arguments: tinyVariants.indices)
  func aStepInPartsIsTheSameStep(_ variant: Int) throws {
    func step(
      _ device: Device, _ edit: (inout ModelConfiguration) -> Void
    ) throws -> ([(String, Double)], [String: [Double]]) {
      var configuration = tinyVariants[variant].configuration
      edit(&configuration)
      let model = shaken(try PRAModel(configuration, classes: 3, on: device))
      let trainer = Trainer(model)
      var gradients: [String: [Double]] = [:]
      let report = try trainer.run(tinyBatch(model, count: 5)) { found, _ in
        gradients = found.mapValues { $0.download().doubles }
      }
      return (report.values.filter { $0.name.hasPrefix("loss") }, gradients)
    }
    let whole = try step(Device(threads: 1)) { _ in }
    let again = try step(Device(threads: 2)) { $0.training.recompute = true }
    for (name, expected) in whole.1 {
      #expect(again.1[name] == expected, "\(name)")
    }
    #expect(again.0.map(\.1) == whole.0.map(\.1))
    let parts = try step(Device(threads: 2)) { $0.training.microBatch = 2 }
    for (a, b) in zip(parts.0, whole.0) { #expect(abs(a.1 - b.1) <= 1e-6 * abs(b.1), "\(a.0)") }
    #expect(parts.1.keys == whole.1.keys)
    for (name, expected) in whole.1 {
      let scale = expected.map(abs).max()!
      let worst = zip(parts.1[name]!, expected).map { abs($0 - $1) }.max()!
      #expect(worst <= 2e-5 * scale + 1e-9, "\(name)")
    }
  }

  /// One, two, four or eight shares of a batch, each with its partial sums, give the same bits when they are summed by
  /// halves: a gradient does not depend on how many machines have computed it.
  @Test(arguments: tinyVariants.indices)
  func sharesOfABatchGiveTheSameGradient(_ variant: Int) throws {
    var configuration = tinyVariants[variant].configuration
    configuration.training.microBatch = 1
    let model = shaken(try PRAModel(configuration, classes: 3, on: Device(threads: 1)))
    let all = tinyBatch(model, count: 8)
    func gradients(_ rows: Range<Int>) throws -> [String: [Float]] {
      let batch = TrainingBatch(
        patches: all.patches.slice(rows), labels: rows.map { $0 % 3 }, step: 0,
        firstPlace: rows.lowerBound)
      var found: [String: [Float]] = [:]
      // A trainer of its own each time; the weights are those of the model from before.
      let fresh = WeightsBefore(model)
      _ = try Trainer(model).run(batch) { gradients, _ in
        found = gradients.mapValues { $0.download().floats }
      }
      fresh.restore()
      return found
    }
    func halves(_ rows: Range<Int>, shares: Int) throws -> [String: [Float]] {
      guard shares > 1 else { return try gradients(rows) }
      let middle = rows.lowerBound + rows.count / 2
      let first = try halves(rows.lowerBound..<middle, shares: shares / 2)
      let second = try halves(middle..<rows.upperBound, shares: shares / 2)
      return first.merging(second) { a, b in zip(a, b).map { 0.5 * $0 + 0.5 * $1 } }
    }
    let whole = try gradients(0..<8)
    for shares in [2, 4, 8] {
      let found = try halves(0..<8, shares: shares)
      for (name, expected) in whole { #expect(found[name] == expected, "\(shares): \(name)") }
    }
  }

  /// Patches that a loader writes into the trainer's memory are read there: the steps are the same to the bit, and
  /// no other memory holds the patches.
  @Test(arguments: tinyVariants.indices)
  func aBatchIsReadWhereItWasWritten(_ variant: Int) throws {
    let configuration = tinyVariants[variant].configuration
    func steps(inPlace: Bool) throws -> (values: [[Double]], reserved: Int, patches: Int) {
      let device = Device(threads: 1)
      let trainer = Trainer(shaken(try PRAModel(configuration, classes: 3, on: device)))
      let labels = [0, 1, 2]
      let shape = [3, trainer.model.sizes.positions, trainer.model.sizes.patchWidth]
      let count = shape.reduce(1, *)
      let values = try (0..<3).map { step in
        let pixels = Philox(seed: 5).uniforms(count, a: UInt32(step), b: 0, stream: 91)
          .map { Float(2 * $0 - 1) }
        guard inPlace else {
          let patches = Tensor(pixels, shape, on: device)
          return try trainer.run(TrainingBatch(patches: patches, labels: labels, step: step))
            .values.map(\.value)
        }
        let batch = trainer.batch
        batch.patches.withHostElements { numbers in
          for i in 0..<count { numbers[i] = pixels[i] }
        }
        batch.begin(step: step, labels: labels)
        return try trainer.run(batch).values.map(\.value)
      }
      return (values, device.reservedBytes, count * 4)
    }
    let (copied, read) = (try steps(inPlace: false), try steps(inPlace: true))
    #expect(read.values == copied.values && Set(read.values.map { $0[0] }).count == 3)
    // A rollout that looks at its own numbers is not recorded, and never had a copy.
    if configuration.method != .exactRollout {
      #expect(read.reserved + read.patches <= copied.reserved)
    }
  }

  /// Built without optimisation, Swift puts contexts of closures on the heap that are on the stack
  /// otherwise: then only the tape must be missing.
  @Test(.enabled(if: allocations_are_counted()), arguments: tinyVariants.indices, [1, 3])
  func aRepeatedStepAsksTheHeapForNothing(_ variant: Int, _ threads: Int) throws {
    let configuration = tinyVariants[variant].configuration
    // The operations of a rollout depend on its own numbers, so they differ from run to run.
    guard configuration.method != .exactRollout else { return }
    let trainer = Trainer(
      try PRAModel(configuration, classes: 3, on: Device(threads: threads)))
    var taken: [UInt64] = []
    for step in 0..<6 {
      let batch = tinyBatch(trainer.model, step: step)
      let before = allocations_of_thread()
      _ = try trainer.run(batch)
      taken.append(allocations_of_thread() - before)
    }
    // The first repetition allocates the thread's working memory.
    let most = _isDebugAssertConfiguration() ? taken[0] / 4 : 0
    for step in 2..<6 { #expect(taken[step] <= most, "step \(step): \(taken)") }
  }

  /// Repeated operations give the same results as newly recorded ones, bit for bit.
  @Test(arguments: tinyVariants.indices)
  func aRecordedStepEqualsAFreshOne(_ variant: Int) throws {
    func run(freshEachStep: Bool) throws -> [[Float]] {
      let configuration = tinyVariants[variant].configuration
      var trainer = Trainer(try PRAModel(configuration, classes: 3, on: Device(threads: 2)))
      for step in 0..<3 {
        if freshEachStep, step > 0 {
          let folder = try Folder()
          _ = try trainer.writeCheckpoint(
            to: folder.path, trainer.state(codeVersion: "test", dataFingerprint: "data"))
          trainer = Trainer(try PRAModel(configuration, classes: 3, on: Device(threads: 1)))
          try trainer.restore(from: folder.path, dataFingerprint: "data")
        }
        _ = try trainer.run(tinyBatch(trainer.model, step: step))
      }
      return weights(trainer)
    }
    #expect(try run(freshEachStep: true) == run(freshEachStep: false))
  }

  /// The purpose of recomputation.
  @Test func recomputingTakesLessMemory() throws {
    func reserved(_ recompute: Bool) throws -> Int {
      let device = Device(threads: 1)
      let configuration = tiny {
        $0.trunk.layers = 12
        $0.head.blocks = 8
        $0.training.recompute = recompute
      }
      let trainer = Trainer(try PRAModel(configuration, classes: 3, on: device))
      let before = device.reservedBytes
      _ = try trainer.run(tinyBatch(trainer.model, count: 64))
      return device.reservedBytes - before
    }
    #expect(try reserved(true) < reserved(false) / 2)
  }

  @Test func spikesAndStatesAreReported() throws {
    let trainer = try trainer()
    let first = try trainer.run(tinyBatch(trainer.model))
    let values = Dictionary(uniqueKeysWithValues: first.values.map { ($0.name, $0.value) })
    // On the sphere |z| is sqrt(k); four random directions span more than one dimension.
    #expect(abs(values["state.norm"]! - 2) < 1e-3)
    #expect(values["state.rank"]! > 1 && values["state.rank"]! <= 4)
    #expect(values["reconstruction.psnr"]!.isFinite)
    #expect(values["loss.spikes"] == 0)
    var diagnostics = Diagnostics()
    for _ in 0..<60 { #expect(diagnostics.spikes(after: 1) == 0) }
    #expect(diagnostics.spikes(after: 1.9) == 0)
    #expect(diagnostics.spikes(after: 9) == 1 && diagnostics.spikes(after: .nan) == 1)
  }

  /// The first patch of an exact rollout from noise comes from the same states and class tokens, so
  /// both must have the same pixels.
  @Test(arguments: [DecoderContext.causal, .hidden, .none])
  func sampledDecodingIsWhatARolloutFeeds(_ context: DecoderContext) throws {
    let configuration = tiny {
      $0.method = .exactRollout
      $0.rollout.start = .noise
      $0.rollout.steps = 3
      $0.decoder.context = context
    }
    let model = shaken(try PRAModel(configuration, classes: 3, on: Device(threads: 1)))
    let batch = tinyBatch(model)
    let (_, activations) = model.losses(batch, on: Tape(on: model.device))
    let fed = try #require(activations["rollout"])
    let hidden = try #require(activations["hidden"])
    let sampled = try #require(model.sampledDecoding(batch, hidden: hidden))
    #expect(sampled.shape == fed.shape)
    let (tokens, width) = (fed.shape[1], fed.shape[2])
    let (drawn, read) = (sampled.download(), fed.download())
    for image in 0..<3 {
      let first = image * tokens * width
      for i in first..<first + width {
        #expect(abs(drawn[i] - read[i]) < 1e-5 * max(1, abs(read[i])), "image \(image), \(i)")
      }
    }
    #expect(read[0] != read[tokens * width])
  }

  @Test func feedbackErrorsAreReported() throws {
    func values(
      count: Int = 5, _ edit: (inout ModelConfiguration) -> Void
    ) throws -> [String: Double] {
      let trainer = try trainer(edit)
      let report = try trainer.run(tinyBatch(trainer.model, count: count))
      return Dictionary(uniqueKeysWithValues: report.values.map { ($0.name, $0.value) })
    }
    let whole = try values { _ in }
    let (perturbed, sampled) = (whole["feedback.perturbed"]!, whole["feedback.sampled"]!)
    #expect(perturbed > 0 && sampled > 0 && perturbed != sampled)
    #expect(whole["feedback.ratio"] == perturbed / sampled)
    let many = try values(count: 19) { _ in }
    #expect(abs(many["reconstruction.psnr"]! - 20 * log10(2 / many["feedback.perturbed"]!)) < 1e-9)
    // 10 log10(4 / e^2) is the same error, in decibels.
    #expect(abs(whole["reconstruction.psnr"]! - 20 * log10(2 / perturbed)) < 1e-9)
    // For a batch in parts the metrics are those of its last part, with its own random numbers.
    let parts = try values { $0.training.microBatch = 2 }
    #expect(parts["feedback.sampled"]! > 0 && parts["feedback.sampled"] != sampled)
    let alone = try values { $0.method = .teacherForced }
    #expect(alone.keys.allSatisfy { !$0.hasPrefix("feedback") })
  }

  @Test func notANumberInACheckpointIsNamed() throws {
    let folder = try Folder()
    let writer = try trainer()
    let path = "\(folder.path)/model.safetensors"
    let bias = writer.model.parameters["head.output.bias"]!.value
    func write() throws {
      _ = try writer.writeCheckpoint(
        to: folder.path, writer.state(codeVersion: "test", dataFingerprint: "data"))
    }
    bias.fill(with: .nan)
    #expect { try write() } throws: {
      "\($0)".contains("head.output.bias in model.safetensors of step 0 is not finite")
    }
    // A file of another program, in which a number is none.
    bias.fill(with: 1234.5)
    try write()
    var bytes = try Data(contentsOf: URL(filePath: path))
    let number = withUnsafeBytes(of: Float(1234.5).bitPattern.littleEndian) { Data($0) }
    let nan = withUnsafeBytes(of: Float.nan.bitPattern.littleEndian) { Data($0) }
    bytes.replaceSubrange(try #require(bytes.firstRange(of: number)), with: nan)
    try bytes.write(to: URL(filePath: path))
    let reader = try trainer()
    #expect { try reader.model.loadWeights(from: path) } throws: {
      "\($0)".contains("model.safetensors: element 0 of head.output.bias is nan")
    }
  }

  @Test func settingsThatDoNotFitAreRefusedInASentence() {
    #expect(throws: ConfigurationError.self) {
      _ = try PRAModel(tiny { $0.loss.lpips = 1 }, classes: 3, on: Device(threads: 1))
    }
  }
}
