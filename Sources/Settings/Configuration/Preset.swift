// Named sizes: model.md section 7.

/// A named configuration that a file starts from.
package enum Preset: String, Sendable, CaseIterable {
  case small = "pra-s"
  case base = "pra-b"
  case large = "pra-l"
  case micro
  case nano

  /// All settings of the preset; those that section 7 does not name are as in section 10.
  package var configuration: ModelConfiguration {
    var c = ModelConfiguration()
    c.preset = self
    c.training.keep = .usual
    switch self {
    case .small:
      c.setPaperRecipe(decoderBlocks: 7)
      c.setTrunk(width: 768, layers: 12, heads: 12, classTokens: 16)
      (c.head.width, c.head.blocks) = (768, 3)
    case .base:
      c.setPaperRecipe(decoderBlocks: 13)
      c.setTrunk(width: 768, layers: 24, heads: 12, classTokens: 16)
      (c.head.width, c.head.blocks, c.head.groups) = (768, 6, 2)
    case .large:
      c.setPaperRecipe(decoderBlocks: 10)
      c.setTrunk(width: 1024, layers: 32, heads: 16, classTokens: 16)
      (c.head.width, c.head.blocks, c.head.groups) = (1024, 8, 2)
    case .micro:
      c.image.size = 64
      c.setTrunk(width: 384, layers: 8, heads: 6, classTokens: 8)
      (c.head.width, c.head.blocks) = (384, 4)
      (c.encoder.width, c.encoder.blocks) = (384, 2)
      (c.decoder.width, c.decoder.blocks) = (384, 4)
    case .nano:
      break
    }
    c.sampling.weights = c.largestAverage
    return c
  }
}

extension ModelConfiguration {
  fileprivate mutating func setTrunk(width: Int, layers: Int, heads: Int, classTokens: Int) {
    (trunk.width, trunk.layers, trunk.heads) = (width, layers, heads)
    trunk.classTokens = classTokens
  }

  /// The settings that `pra-s`, `pra-b` and `pra-l` share.
  fileprivate mutating func setPaperRecipe(decoderBlocks: Int) {
    (image.size, image.patch) = (256, 16)
    trunk.mlpMultiple = 256
    (encoder.width, encoder.blocks) = (512, 3)
    (decoder.width, decoder.blocks) = (512, decoderBlocks)
    loss.lpips = 1
    (training.batch, training.lr, training.lrMin) = (512, 3e-4, 1e-5)
    (training.warmup, training.epochs) = (20_000, 400)
    // A step takes from a fraction of a second to many minutes, by the machine; a checkpoint is gigabytes.
    training.checkpointEvery = .time(seconds: 1800)
    (training.ema, training.crop, training.flip) = ([0.9999], [0.8, 1], true)
    (sampling.method, sampling.steps) = (.sde, 100)
    (sampling.guidance, sampling.scale) = (.linear, 4.5)
  }

  /// The file name of the slowest average, or `model` if there is none.
  var largestAverage: String {
    training.ema.max().map { "ema-\(shortestDecimal($0))" } ?? "model"
  }
}
