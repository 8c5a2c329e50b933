// Training with LPIPS through the queue: its weights are artifacts of the run, like its data.

import Foundation
import TensorFiles
import Testing

@Suite struct PerceptualRunTests {
  let world: World

  init() throws { world = try World() }

  /// Writes VGG-16's convolutions with torchvision's names, and weights that keep a signal alive.
  private func writeNetwork(_ path: String) throws {
    let numbers = [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28]
    let channels = [3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512]
    // One block of noise serves every tensor, since 15 million numbers are needed.
    var state: UInt64 = 1
    let noise = (0..<(1 << 16)).map { _ -> Float in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Float(state >> 40) / Float(1 << 24) - 0.5
    }
    var tensors: [(name: String, shape: [Int], scale: Float)] = []
    for (i, number) in numbers.enumerated() {
      let fan = Float(channels[i] * 9)
      tensors.append(
        (
          "features.\(number).weight", [channels[i + 1], channels[i], 3, 3],
          (24 / fan).squareRoot()
        ))
      tensors.append(("features.\(number).bias", [channels[i + 1]], 0.1))
    }
    try write(tensors, noise, to: path)
  }

  private func writeLinear(_ path: String, first: Float = 0.1) throws {
    let tensors = [64, 128, 256, 512, 512].enumerated().map { tap, channels in
      (name: "lin\(tap).model.1.weight", shape: [1, channels, 1, 1], scale: Float(1))
    }
    try write(tensors, [first] + [Float](repeating: 0.1, count: 511), to: path)
  }

  private func write(
    _ tensors: [(name: String, shape: [Int], scale: Float)], _ noise: [Float], to path: String
  ) throws {
    var named: [NamedTensor] = []
    var memory: [UnsafeMutableBufferPointer<Float>] = []
    defer { for part in memory { part.deallocate() } }
    for tensor in tensors {
      let scaled = noise.map { $0 * tensor.scale }
      let count = tensor.shape.reduce(1, *)
      let part = UnsafeMutableBufferPointer<Float>.allocate(capacity: count)
      memory.append(part)
      for first in stride(from: 0, to: count, by: scaled.count) {
        let length = min(scaled.count, count - first)
        (part.baseAddress! + first).initialize(from: scaled, count: length)
      }
      named.append(
        NamedTensor(name: tensor.name, shape: tensor.shape, elements: UnsafeBufferPointer(part)))
    }
    try SafetensorsWriter.write(path: path, tensors: named)
  }

  @Test func aRunWithLPIPSTrainsSamplesAndIsEvaluated() throws {
    try writeNetwork("\(world.folder)/vgg.safetensors")
    try writeLinear("\(world.folder)/lin.safetensors")
    try writeLinear("\(world.folder)/broken.safetensors", first: .nan)
    let file = try world.write(
      "run.yaml",
      """
      name: perceptual
      data: {source: \(Repository.root)/ops/demo.d/emoji-32.tar}
      config:
        image: {size: 16, patch: 8}
        trunk: {width: 32, layers: 1, heads: 1}
        head: {width: 32, blocks: 1}
        encoder: {width: 32, blocks: 1, head_dim: 32}
        decoder: {width: 32, blocks: 1, head_dim: 32}
        loss: {lpips: 0.5, lpips_file: [vgg.safetensors, lin.safetensors]}
        training: {batch: 2, total: 2, warmup: 1}
        sampling: {steps: 2}
      sample: {count: 4, shards: 2}
      evaluate: true

      """)
    func ended(_ run: String) throws -> Outcome {
      _ = try world.pra("worker", "--until-idle", "--threads", "1")
      return try world.pra("watch", run)
    }
    let run = try world.answer("run", file)
    let end = try ended(run)
    #expect(end.status == 0, "\(end.errors)")
    // L_rec is the weighted sum of its parts, including the distance.
    let losses = try world.rows(
      """
      select count(*), bool_and(lpips > 0), bool_and(abs(rec - l1 - 0.5 * lpips) < 1e-6) from (
        select step, max(value) filter (where name = 'loss.lpips') as lpips,
          max(value) filter (where name = 'loss.rec') as rec,
          max(value) filter (where name = 'loss.l1') as l1
        from pra.metrics where run_id = \(run) group by step) as steps
      """)
    #expect(losses == ["2 t t"])
    #expect(
      try world.rows("select count(*) from pra.images where run_id = \(run)") == ["4"])
    #expect(try world.answer("evaluations", run).contains("reconstruction.psnr"))

    // A weight that is not finite fails the job and is named; a missing file is refused.
    let broken = try world.answer(
      "run", file, "--set", "loss.lpips_file=[vgg.safetensors, broken.safetensors]")
    let failed = try ended(broken)
    #expect(failed.status == 1)
    #expect(
      failed.errors.contains(
        "broken.safetensors: element 0 of tensor 'lin0.model.1.weight' is nan"),
      "\(failed.errors)")
    let missing = try world.pra("run", file, "--set", "loss.lpips_file=nowhere.pth")
    #expect(missing.status == 2)
    #expect(missing.errors.contains("loss.lpips_file: ") && missing.errors.contains("nowhere.pth"))
  }
}
