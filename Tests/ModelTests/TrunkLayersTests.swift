// Features of the trunk's blocks for probes: one row per image, from all of its patches.

import Configuration
import PRAModel
import Tensor
import Testing

@Suite struct TrunkLayersTests {
  @Test func everyPatchIsReadAndNoOtherImage() throws {
    let device = Device(threads: 2)
    let model = shaken(try PRAModel(tiny(), classes: 3, on: device))
    let layers = try #require(TrunkLayers(model))
    let patches = tinyBatch(model).patches
    let found = layers(patches)
    #expect(found.count == 2 && found.allSatisfy { $0.shape == [3, 16] })
    #expect(found[0].download().floats != found[1].download().floats)

    // The last patch, which sampling never reads, affects only its own image's row.
    let changed = patches.copied()
    let (count, width) = (model.sizes.positions, model.sizes.patchWidth)
    changed.withHostElements { numbers in
      for i in (count - 1) * width..<count * width { numbers[i] = -numbers[i] }
    }
    for (layer, other) in zip(found, layers(changed)) {
      #expect(layer.download().floats.prefix(16) != other.download().floats.prefix(16))
      #expect(layer.download().floats.suffix(32) == other.download().floats.suffix(32))
    }
  }

  @Test func anImageDoesNotDependOnItsBatch() throws {
    let model = shaken(try PRAModel(tiny(), classes: 3, on: Device(threads: 2)))
    let layers = try #require(TrunkLayers(model))
    let one = tinyBatch(model, count: 1)
    for (a, b) in zip(layers(tinyBatch(model).patches), layers(one.patches)) {
      #expect(Array(a.download().floats.prefix(16)) == b.download().floats)
    }
  }

  /// The mean over the four parts equals that of the whole image, and the parts differ.
  @Test func partsOfTheImageArePooledByThemselves() throws {
    let model = shaken(try PRAModel(tiny(), classes: 3, on: Device(threads: 2)))
    let grid = model.sizes.grid
    #expect(grid % 2 == 0)
    let patches = tinyBatch(model).patches
    let means = try #require(TrunkLayers(model))
    let whole = means(patches)
    let layers = try #require(TrunkLayers(model, parts: 2))
    #expect(layers.width == 64)
    let found = layers(patches)
    for (x, y) in zip(whole, found) {
      #expect(y.shape == [3, 64])
      for image in 0..<3 {
        for i in 0..<16 {
          let parts = (0..<4).map { y.download().floats[image * 64 + $0 * 16 + i] }
          #expect(abs(parts.reduce(0, +) / 4 - x.download().floats[image * 16 + i]) < 1e-5)
        }
      }
    }
    // The last patch lies in the last part alone, and no other position reads it.
    let changed = patches.copied()
    let (count, width) = (model.sizes.positions, model.sizes.patchWidth)
    changed.withHostElements { numbers in
      for i in (count - 1) * width..<count * width { numbers[i] = -numbers[i] }
    }
    let other = layers(changed)
    #expect(found[1].download().floats[..<48] == other[1].download().floats[..<48])
    #expect(found[1].download().floats[48..<64] != other[1].download().floats[48..<64])
  }

  @Test func diffusionHasNoCausalTrunk() throws {
    let model = try PRAModel(
      tiny { $0.method = .diffusion }, classes: 3, on: Device(threads: 1))
    #expect(TrunkLayers(model) == nil)
  }
}
