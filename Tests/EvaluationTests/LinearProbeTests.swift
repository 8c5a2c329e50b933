// The classifier on frozen features: it learns linear classes, and nothing from noise.

import Tensor
import Testing

@testable import Evaluation

@Suite struct LinearProbeTests {
  /// Six classes; with `signal` a class moves two of eight features.
  private func examples(_ count: Int, b: UInt32, signal: Double) -> LinearProbe.Examples {
    let noise = Philox(seed: 5).normals(count * 8, a: 0, b: b, stream: 50)
    let labels = (0..<count).map { $0 * 7 % 6 }
    var features = noise.map { Float($0) }
    for (row, label) in labels.enumerated() {
      features[row * 8 + label] += Float(signal)
      // Another scale, which batch normalization removes.
      for i in 0..<8 { features[row * 8 + i] = features[row * 8 + i] * 1000 + 50_000 }
    }
    return LinearProbe.Examples(features: features, labels: labels, width: 8)
  }

  private func outcome(
    signal: Double, _ optimizer: LinearProbe.Settings.Optimizer, decays: [Double] = [0],
    threads: Int = 2
  ) throws -> LinearProbe.Outcome {
    var settings = LinearProbe.Settings()
    (settings.optimizer, settings.weightDecays) = (optimizer, decays)
    settings.learningRate = optimizer == .adamw ? 0.02 : 3
    (settings.epochs, settings.warmUpEpochs, settings.batch) = (30, 3, 64)
    return try LinearProbe.outcome(
      training: examples(600, b: 1, signal: signal), heldOut: examples(300, b: 2, signal: signal),
      classes: 6, settings: settings, on: Device(threads: threads))
  }

  @Test func whatIsLinearIsLearned() throws {
    let adamw = try outcome(signal: 6, .adamw)
    #expect(adamw.top1 > 0.97 && adamw.top5 > 0.99)
    #expect(try outcome(signal: 6, .lars).top1 > 0.9)
    #expect(try outcome(signal: 6, .lbfgs, decays: [0.001]).top1 > 0.97)
  }

  @Test(arguments: [LinearProbe.Settings.Optimizer.adamw, .lbfgs])
  func noiseTeachesNothing(_ optimizer: LinearProbe.Settings.Optimizer) throws {
    let found = try outcome(signal: 0, optimizer)
    #expect(found.top1 < 0.3)
    #expect(abs(found.top5 - 5.0 / 6) < 0.1)
  }

  @Test(arguments: [LinearProbe.Settings.Optimizer.adamw, .lbfgs])
  func threadsChangeNoBit(_ optimizer: LinearProbe.Settings.Optimizer) throws {
    #expect(
      try outcome(signal: 1, optimizer).ranks == outcome(signal: 1, optimizer, threads: 1).ranks)
  }

  /// On noise a strong weight decay has the least loss, on a clear signal a weak one; held-out
  /// images must not influence the choice.
  @Test func theWeightDecayIsChosenByTrainingExamples() throws {
    let decays = [10, 1, 0.1, 0.01, 1e-3]
    #expect(try outcome(signal: 0, .lbfgs, decays: decays).weightDecay >= 1)
    let clear = try outcome(signal: 6, .lbfgs, decays: decays)
    #expect(clear.weightDecay <= 0.01 && clear.top1 > 0.97)
    var settings = LinearProbe.Settings()
    settings.weightDecays = decays
    let other = try LinearProbe.outcome(
      training: examples(600, b: 1, signal: 6), heldOut: examples(300, b: 3, signal: 0),
      classes: 6, settings: settings, on: Device(threads: 1))
    #expect(other.weightDecay == clear.weightDecay && other.top1 < 0.3)
  }

  /// At the minimum the gradient is zero: decay * W equals the pull of the examples.
  @Test func regressionEndsAtTheMinimum() throws {
    let device = Device(threads: 1)
    let train = examples(200, b: 4, signal: 1)
    var regression = LogisticRegression(train, classes: 6, on: device)
    regression.fit(decay: 0.05, most: 200) {}
    var other = LogisticRegression(train, classes: 6, on: device)
    // Another path to the same minimum.
    other.fit(decay: 3, most: 200) {}
    let far = other.scores(train, 0..<200).download().floats
    other.fit(decay: 0.05, most: 200) {}
    let (a, b) = (
      regression.scores(train, 0..<200).download().floats,
      other.scores(train, 0..<200).download().floats
    )
    let distance = { (x: [Float], y: [Float]) in zip(x, y).map { abs($0 - $1) }.max()! }
    #expect(distance(a, b) < 0.05 && distance(a, far) > 0.3)
  }

  @Test func partsHoldEveryExampleOutOnce() {
    let labels = (0..<103).map { $0 % 3 == 0 ? 0 : 1 }
    let keys = Philox(seed: 1).uniforms(103, a: 0, b: 0, stream: 42)
    let parts = LinearProbe.heldOutParts(labels, share: 0.2, count: 5, keys: keys)
    #expect(parts.flatMap { $0 }.sorted() == Array(0..<103))
    for part in parts { #expect((6...8).contains(part.count { labels[$0] == 0 })) }
    let one = LinearProbe.heldOutParts(labels, share: 0.2, count: 1, keys: keys)
    #expect(one == [parts[0]])
  }
}
