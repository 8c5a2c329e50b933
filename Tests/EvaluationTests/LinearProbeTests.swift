// The classifier on frozen features: it learns what is linear, and nothing from noise.

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
      // Another scale, which batch normalisation takes away.
      for i in 0..<8 { features[row * 8 + i] = features[row * 8 + i] * 1000 + 50_000 }
    }
    return LinearProbe.Examples(features: features, labels: labels, width: 8)
  }

  private func accuracy(
    signal: Double, _ optimizer: LinearProbe.Settings.Optimizer, threads: Int = 2
  ) throws -> LinearProbe.Accuracy {
    var settings = LinearProbe.Settings()
    settings.optimizer = optimizer
    settings.learningRate = optimizer == .adamw ? 0.02 : 3
    (settings.epochs, settings.warmUpEpochs, settings.batch) = (30, 3, 64)
    return try LinearProbe.accuracy(
      training: examples(600, b: 1, signal: signal), heldOut: examples(300, b: 2, signal: signal),
      classes: 6, settings: settings, on: Device(threads: threads))
  }

  @Test func whatIsLinearIsLearned() throws {
    let adamw = try accuracy(signal: 6, .adamw)
    #expect(adamw.top1 > 0.97 && adamw.top5 > 0.99)
    #expect(try accuracy(signal: 6, .lars).top1 > 0.9)
  }

  @Test func noiseTeachesNothing() throws {
    let found = try accuracy(signal: 0, .adamw)
    #expect(found.top1 < 0.3)
    #expect(abs(found.top5 - 5.0 / 6) < 0.1)
  }

  @Test func threadsChangeNoBit() throws {
    #expect(try accuracy(signal: 1, .adamw) == accuracy(signal: 1, .adamw, threads: 1))
  }
}
