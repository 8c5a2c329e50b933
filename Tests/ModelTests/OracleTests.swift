// The model compared with an independent implementation in float64 (ops/oracle), whose results are
// stored in Tests/Golden/oracle. The preface of model.md gives the tolerances.

import Autodiff
import Configuration
import Foundation
import NeuralNetwork
import PRAModel
import Sampling
import Tensor
import TensorFiles
import Testing

@testable import Training

/// One case: the complete series of some steps, and samples, of a tiny model with perturbed
/// weights.
private struct OracleCase {
  let configuration: ModelConfiguration
  let labels: [Int]
  let series: [[String: Double]]
  let tensors: SafetensorsFile

  init(_ name: String) throws {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "Golden/oracle")
    struct Record: Decodable {
      let labels: [Int]
      let series: [[String: Double]]
    }
    let text = try String(contentsOf: folder.appending(path: "\(name).json"), encoding: .utf8)
    let record = try JSONDecoder().decode(Record.self, from: Data(text.utf8))
    (labels, series) = (record.labels, record.series)
    let start = try #require(text.range(of: "\"config\":"))
    let end = try #require(text.range(of: ",\n \"series\""))
    configuration = try .resolve(
      text: String(text[start.upperBound..<end.lowerBound]), source: "\(name).json")
    tensors = try SafetensorsFile(path: folder.appending(path: "\(name).safetensors").path())
  }

  /// Initial weights plus 0.1 * normal of stream 20, rounded to float32.
  func model(_ type: ElementType, _ device: Device) throws -> PRAModel {
    let model = try PRAModel(configuration, classes: 3, type: type, on: device)
    for parameter in model.parameters.all {
      let value = parameter.value
      let noise = Philox(seed: configuration.seed).normals(
        value.count, a: crc32(Array(parameter.name.utf8)), b: 0, stream: 20)
      // Initial values are float32 numbers before the perturbation.
      let sums = zip(value.download().doubles, noise).map {
        Double(Float(Double(Float($0)) + 0.1 * $1))
      }
      value.copy(from: Tensor(sums, value.shape, type: type, on: device))
    }
    return model
  }

  func batch(_ model: PRAModel, step: Int) throws -> TrainingBatch {
    let y = Tensor(
      try tensors.read("y"), try tensors.shape(of: "y"), type: model.type, on: model.device)
    return TrainingBatch(patches: y, labels: labels, step: step)
  }
}

/// The largest difference, relative to the largest expected magnitude.
private func error(_ found: Tensor, _ expected: [Float]) -> Double {
  let scale = expected.map { Double(abs($0)) }.max() ?? 0
  let worst = zip(found.download().doubles, expected).map { abs($0 - Double($1)) }.max() ?? 0
  return found.count == expected.count ? worst / max(scale, 1e-6) : .infinity
}

@Suite struct OracleTests {
  static let cases = [
    "default", "clean-input", "alone", "image-hidden", "groups", "gray", "teacher-forced",
    "x-prediction", "x-heun", "noise-injection", "exact-rollout", "exact-noise", "diffusion",
    "diffusion-sde",
  ]

  /// Three steps: activations and gradients of the first, losses of each, weights, moments and
  /// averages after the last.
  @Test(arguments: cases, [ElementType.float64, .float32])
  func trainingMatches(_ name: String, _ type: ElementType) throws {
    let oracle = try OracleCase(name)
    let trainer = Trainer(try oracle.model(type, Device(threads: 2)))
    // In float32 an element whose gradient is mostly rounding moves by lr whatever its size, so only
    // the first step is comparable (model.md: weights follow from a program's own moments).
    let steps = type == .float64 ? oracle.series.count : 1
    for (step, expected) in oracle.series.prefix(steps).enumerated() {
      let report = try trainer.run(try oracle.batch(trainer.model, step: step)) {
        gradients, activations in
        guard step == 0 else { return }
        let wanted = oracle.tensors.names.filter { $0.hasPrefix("activation.") }
        #expect(Set(wanted) == Set(activations.keys.map { "activation.\($0)" }))
        for (part, found) in activations {
          let values = (try? oracle.tensors.read("activation.\(part)")) ?? []
          #expect(error(found, values) < 1e-5, "\(part)")
        }
        for parameter in trainer.model.parameters.all {
          let values = (try? oracle.tensors.read("gradient.\(parameter.name)")) ?? []
          let zero = Tensor(repeating: 0, [values.count], on: trainer.model.device)
          let found = gradients[parameter.name] ?? zero
          #expect(error(found, values) < 1e-4, "gradient of \(parameter.name)")
        }
      }
      #expect(!report.skipped)
      let values = Dictionary(uniqueKeysWithValues: report.values.map { ($0.name, $0.value) })
      for (series, wanted) in expected {
        let value = try #require(values[series], "\(series)")
        #expect(abs(value - wanted) <= 1e-5 * abs(wanted), "\(series) of step \(step)")
      }
    }
    guard type == .float64 else { return }
    let optimizer = trainer.optimizer
    for (i, parameter) in optimizer.parameters.enumerated() {
      func compare(_ found: Tensor, _ kind: String) throws {
        let values = try oracle.tensors.read("\(kind).\(parameter.name)")
        #expect(error(found, values) < 1e-6, "\(kind) of \(parameter.name)")
      }
      try compare(optimizer.m[i], "m")
      try compare(optimizer.v[i], "v")
      try compare(parameter.value, "weight")
      for average in optimizer.averages {
        try compare(average.values[i], CheckpointFile.weights(average.decay))
      }
    }
  }

  @Test(arguments: cases, [ElementType.float64, .float32])
  func samplesMatch(_ name: String, _ type: ElementType) throws {
    let oracle = try OracleCase(name)
    let model = try oracle.model(type, Device(threads: 2))
    let sampling = oracle.configuration.sampling
    let numbers = [0, 1, 7]
    let drawn = try Sampler(model, sampling).patches(
      numbers, labels: numbers.map { sampling.label(of: $0, classes: 3) })
    #expect(error(drawn, try oracle.tensors.read("sample")) < 1e-5)
  }

  @Test func firstWeightsMatch() throws {
    let oracle = try OracleCase("default")
    let model = try PRAModel(oracle.configuration, classes: 3, on: Device(threads: 1))
    let names = oracle.tensors.names.filter { $0.hasPrefix("initial.") }
    #expect(Set(names) == Set(model.parameters.all.map { "initial.\($0.name)" }))
    for parameter in model.parameters.all {
      let values = try oracle.tensors.read("initial.\(parameter.name)")
      #expect(
        zip(parameter.value.download().floats, values).allSatisfy { abs($0 - $1) <= 1e-7 * abs($1) }
      )
    }
  }
}
