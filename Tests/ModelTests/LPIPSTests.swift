// LPIPS compared with the packages lpips and torchvision on random weights (ops/oracle/weights.py).

import Autodiff
import Configuration
import Foundation
import NeuralNetwork
import PRAModel
import Tensor
import Testing

@testable import Training

private struct Reference: Decodable {
  let seed: UInt64
  let stream: UInt32
  let side: Int
  let images: Int
  let taps: [[Double]]
  let loss: Double
  let gradient: [String: Double]
  let gradientNorm: Double

  init() throws {
    let url = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "Golden/weights/lpips.json")
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    self = try decoder.decode(Reference.self, from: Data(contentsOf: url))
  }

  /// Random weights by name: He-scaled convolutions, small biases, uniform linear layers.
  func weights(_ name: String, _ shape: [Int]) -> [Float] {
    let count = shape.reduce(1, *)
    let random = Philox(seed: seed)
    let a = crc32(Array(name.utf8))
    if name.hasPrefix("lin") {
      return random.uniforms(count, a: a, b: 0, stream: stream).map(Float.init)
    }
    let fan = shape.dropFirst().reduce(1, *)
    let scale = name.hasSuffix("bias") ? 0.05 : (2 / Double(fan)).squareRoot()
    return random.normals(count, a: a, b: 0, stream: stream).map { Float(scale * $0) }
  }

  func pictures(_ name: String, _ type: ElementType, _ device: Device) -> Tensor {
    let count = images * side * side * 3
    let u = Philox(seed: seed).uniforms(
      count, a: crc32(Array(name.utf8)), b: 0, stream: stream)
    return Tensor(u.map { Float(2.2 * $0 - 1.1) }, [images, side, side, 3], type: type, on: device)
  }
}

@Suite struct LPIPSTests {
  /// Each tap, the loss, and the gradient of the image; also for images beyond [-1, 1].
  @Test(arguments: [ElementType.float32, .float64])
  func matchesTheReferenceImplementation(_ type: ElementType) throws {
    let reference = try Reference()
    let device = Device(threads: 2)
    let network = try LPIPS({ reference.weights($0, $1) }, type: type, on: device)
    let tape = Tape(on: device, type: type)
    let x = tape.input(reference.pictures("x", type, device))
    let taps = network.taps(x, reference.pictures("y", type, device))
    // The package's scaling layer holds float32 numbers.
    let tolerance = type == .float64 ? 1e-7 : 1e-5
    for (found, expected) in zip(taps, reference.taps) {
      let mean = expected.reduce(0, +) / Double(expected.count)
      #expect(abs(found.value - mean) < tolerance * mean)
    }
    let loss = Scalar.sum(taps)
    #expect(abs(loss.value - reference.loss) < tolerance * reference.loss)
    tape.backward([(1, loss)])
    let gradient = try #require(tape.gradient(of: x)).download().doubles
    let norm = gradient.reduce(0) { $0 + $1 * $1 }.squareRoot()
    #expect(abs(norm - reference.gradientNorm) < 10 * tolerance * norm)
    let scale = reference.gradient.values.map(abs).max()!
    #expect(reference.gradient.count > 100)
    for (place, expected) in reference.gradient {
      #expect(abs(gradient[Int(place)!] - expected) < 100 * tolerance * scale, "\(place)")
    }
  }

  /// Black images have pixels whose features are all zero; nothing may become NaN.
  @Test func equalAndFlatImagesAreSafe() throws {
    let reference = try Reference()
    let device = Device(threads: 2)
    // Negative biases: for a flat input the ReLUs of whole stages are closed.
    let network = try LPIPS(
      { name, shape in
        let values = reference.weights(name, shape)
        return name.hasSuffix("bias") ? values.map { -abs($0) - 0.1 } : values
      }, on: device)
    let tape = Tape(on: device)
    let flat = Tensor(repeating: -0.03, [1, 16, 16, 3], on: device)
    let x = tape.input(flat)
    let loss = network(x, Tensor(repeating: 0.5, [1, 16, 16, 3], on: device))
    tape.backward([(1, loss)])
    #expect(loss.value.isFinite)
    #expect(!tape.gradient(of: x)!.download().doubles.contains { !$0.isFinite })
    #expect(network(tape.constant(flat), flat).value == 0)
  }

  /// The loss enters L_rec with its weight and reaches encoder and decoder.
  @Test func trainingReportsAndUsesIt() throws {
    let reference = try Reference()
    let device = Device(threads: 2)
    let configuration = tiny {
      $0.image.size = 16
      $0.loss.lpips = 0.5
      $0.loss.lpipsFile = ["weights.pth"]
    }
    let model = shaken(try PRAModel(configuration, classes: 3, on: device))
    let network = try LPIPS({ reference.weights($0, $1) }, on: device)
    let trainer = Trainer(model, perceptual: network)
    let report = try trainer.run(tinyBatch(model))
    let values = Dictionary(uniqueKeysWithValues: report.values.map { ($0.name, $0.value) })
    let lpips = try #require(values["loss.lpips"])
    #expect(lpips > 0)
    #expect(abs(values["loss.rec"]! - values["loss.l1"]! - 0.5 * lpips) < 1e-12)
  }
}
