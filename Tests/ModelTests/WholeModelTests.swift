// The whole model: its gradient, its decoding one position after the other, its independence of
// batch, threads and instruction set.

import Autodiff
import Configuration
import PRAModel
import Sampling
import Tensor
import Testing

@Suite struct WholeModelTests {
  private func total(_ model: PRAModel, _ batch: TrainingBatch) -> Double {
    model.losses(batch, on: Tape(on: model.device, type: model.type, recording: false)).0.total
  }

  /// The gradient is not that of L as a function of all weights, because sg() cuts paths. So the
  /// check moves one weight and compares the terms that the weight may reach.
  @Test(arguments: tinyVariants.indices)
  func gradientOfTrunkAndHeadMatchesCentralDifferences(_ variant: Int) throws {
    let device = Device(threads: 1)
    let model = shaken(
      try PRAModel(tinyVariants[variant].configuration, classes: 3, type: .float64, on: device))
    let batch = tinyBatch(model)
    let tape = Tape(on: device, type: .float64)
    model.losses(batch, on: tape).0.backward(on: tape)
    // The head and the patch prediction reach only L_flow and L_norm, with no sg() behind them,
    // except for the head of an exact rollout, whose drawn patches are fed back.
    let rollsOut = model.configuration.method == .exactRollout
    for parameter in model.parameters.all
    where !(rollsOut && parameter.name.hasPrefix("head."))
      && ["head.", "norm_pix.", "dit."].contains(where: parameter.name.hasPrefix)
    {
      let gradient = try #require(
        tape.gradient(of: parameter)?.download().doubles, "\(parameter.name)")
      let value = parameter.value
      let kept = value.download().doubles
      func total(moving i: Int, by step: Double) -> Double {
        var moved = kept
        moved[i] += step
        value.upload(HostArray(moved, value.shape))
        return self.total(model, batch)
      }
      for i in stride(from: 0, to: parameter.value.count, by: max(1, parameter.value.count / 5)) {
        let step = 1e-5
        let (above, below) = (total(moving: i, by: step), total(moving: i, by: -step))
        value.upload(HostArray(kept, value.shape))
        let expected = (above - below) / (2 * step)
        #expect(
          abs(gradient[i] - expected) < 1e-6 * max(1, abs(expected)), "\(parameter.name)[\(i)]")
      }
    }
  }

  /// The table of model.md section 7 counts the parameters that sampling needs: no encoder, no
  /// norm_pix.
  @Test(arguments: [("pra-s", 134.6), ("pra-b", 249.8), ("pra-l", 511.6), ("nano", 2.0)])
  func presetsHaveTheSizesOfTheTable(_ name: String, _ millions: Double) throws {
    var configuration = try #require(Preset(rawValue: name)).configuration
    configuration.loss.lpips = 0
    let model = try PRAModel(
      configuration, classes: 1000, on: Device(threads: 1),
      initializing: false)
    let count = model.parameters.all.filter {
      !$0.name.hasPrefix("encoder.") && !$0.name.hasPrefix("norm_pix.")
    }.reduce(0) { $0 + $1.value.count }
    #expect(abs(Double(count) / 1e6 - millions) < 0.05, "\(count)")
  }

  /// sg(): no reconstruction gradient in the trunk of `pra`, no flow gradient in encoder or decoder.
  @Test func stopGradientsHold() throws {
    let device = Device(threads: 1)
    var configuration = tiny()
    configuration.loss.l1 = 0
    let model = shaken(try PRAModel(configuration, classes: 3, on: device))
    let tape = Tape(on: device)
    model.losses(tinyBatch(model), on: tape).0.backward(on: tape)
    for parameter in model.parameters.all {
      let reached = tape.gradient(of: parameter) != nil
      let ar = ["trunk.", "head.", "norm_pix."].contains { parameter.name.hasPrefix($0) }
      #expect(reached == ar, "\(parameter.name)")
    }
  }

  @Test(arguments: tinyVariants.indices, InstructionSet.allCases)
  func lossesAgreeOnEveryInstructionSet(_ variant: Int, _ set: InstructionSet) throws {
    guard set.rawValue <= InstructionSet.best.rawValue else { return }
    let configuration = tinyVariants[variant].configuration
    func losses(_ device: Device, _ type: ElementType) throws -> Double {
      let model = shaken(try PRAModel(configuration, classes: 3, type: type, on: device))
      return total(model, tinyBatch(model))
    }
    let exact = try losses(Device(threads: 1), .float64)
    let one = try losses(Device(threads: 1, instructions: set), .float32)
    #expect(abs(one - exact) < 1e-5 * exact)
    #expect(try losses(Device(threads: 3, instructions: set), .float32) == one)
  }

  /// With guidance 1 and no noise left to integrate, feeding back the decoder's patches must give
  /// the hidden states of one parallel pass over these patches, bit for bit.
  @Test(arguments: tinyVariants.indices)
  func cachedDecodingEqualsTheParallelPass(_ variant: Int) throws {
    let device = Device(threads: 2)
    let model = shaken(
      try PRAModel(tinyVariants[variant].configuration, classes: 3, on: device))
    // Its tokens see each other, so there is no order to decode them in.
    guard model.configuration.method != .diffusion else { return }
    let patches = tinyBatch(model).patches
    let tape = Tape(on: device, recording: false)
    let labels = Indices([0, 3, 2], on: device)
    let parallel = model.trunk(labels, tape.constant(patches)).value
    let caches = model.trunk.decoding(batch: 3, on: tape)
    var hidden = model.trunk.first(labels, on: tape, caches: caches).value
    for i in 0..<model.sizes.positions {
      let expected = Tensor(uninitialized: [3, 1, 16], on: device)
      expected.copyTokens(0..<1, from: parallel, i..<i + 1)
      #expect(hidden.download().floats == expected.download().floats, "position \(i)")
      guard i + 1 < model.sizes.positions else { break }
      let patch = Tensor(uninitialized: [3, 1, model.sizes.patchWidth], on: device)
      patch.copyTokens(0..<1, from: patches, i..<i + 1)
      hidden = model.trunk.next(tape.constant(patch), caches: caches).value
    }
  }

  /// G7: the bytes of an image depend only on seed, number and weights.
  @Test(arguments: tinyVariants.indices)
  func imagesDoNotDependOnBatchOrThreads(_ variant: Int) throws {
    func draw(
      _ numbers: Range<Int>, batch: Int, threads: Int, caching: Bool = true
    ) throws -> [[UInt8]] {
      let device = Device(threads: threads)
      var configuration = tinyVariants[variant].configuration
      configuration.training.precision = variant % 3 == 0 ? .bf16 : .fp32
      let model = shaken(try PRAModel(configuration, classes: 3, on: device))
      var sampling = model.configuration.sampling
      sampling.steps = 4
      sampling.method = variant % 2 == 0 ? .euler : .sde
      var images: [[UInt8]] = []
      try Sampler.images(
        numbers, model: model, configuration: sampling, batch: batch, caching: caching
      ) {
        images.append($0.pixels)
      }
      return images
    }
    let all = try draw(0..<7, batch: 7, threads: 1)
    #expect(try draw(0..<7, batch: 2, threads: 3) == all)
    #expect(try draw(4..<6, batch: 1, threads: 2) == Array(all[4..<6]))
    #expect(try draw(0..<7, batch: 3, threads: 2, caching: false) == all)
    #expect(Set(all).count == 7, "images differ from each other")
  }
}
