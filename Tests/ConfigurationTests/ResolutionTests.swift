// Presets, files and options: the configurations that they resolve to, and the errors.

import Testing

@testable import Configuration

private func resolve(_ yaml: String, _ options: String...) throws -> ModelConfiguration {
  try .resolve(text: yaml, source: "test.yaml", overrides: options.map { try Override($0) })
}

private func refusal(_ yaml: String, _ options: String...) -> String {
  do {
    _ = try ModelConfiguration.resolve(
      text: yaml, source: "test.yaml", overrides: options.map { try Override($0) })
    return "accepted"
  } catch {
    return "\(error)"
  }
}

@Suite struct ResolutionTests {
  @Test func anEmptyFileIsNano() throws {
    let c = try resolve("")
    #expect(c == Preset.nano.configuration)
    #expect(c.sampling.weights == "ema-0.999")
    #expect(c.training.lr == 1.5e-3 && c.training.lrMin == 3e-5)
  }

  @Test func theFileOverridesThePresetAndOptionsTheFile() throws {
    let c = try resolve(
      "preset: micro\ntraining: {batch: 7, lr: 3e-4}", "training.batch=9",
      "training.ema=[0.99, 0.9999]")
    #expect(c.trunk.width == 384)
    #expect(c.training.batch == 9 && c.training.lr == 3e-4)
    #expect(c.sampling.weights == "ema-0.9999")
  }

  @Test func partsOfAnOptimizerNeedRanks() throws {
    let file = "training: {batch: 8, micro_batch: 2, shard_optimizer: true}"
    #expect(
      refusal(file)
        == "training.shard_optimizer: has no effect while training.ranks is 1; give training.ranks "
        + "more than 1, or set training.shard_optimizer to false")
    // A gang of several sizes may start with one rank.
    for ranks in ["4", "1..4"] {
      #expect(try resolve(file, "training.ranks=\(ranks)").training.shardOptimizer)
    }
    #expect(
      refusal(file, "training.ranks=4", "training.shard_optimizer=2").hasPrefix(
        "--set training.shard_optimizer: found"))
  }

  @Test func anOptionChoosesThePreset() throws {
    #expect(try resolve("preset: nano", "preset=micro").head.width == 384)
  }

  @Test(arguments: [
    (Preset.small, 768, 12, 7, 3, 1), (.base, 768, 24, 13, 6, 2), (.large, 1024, 32, 10, 8, 2),
  ])
  func paperPresetsHaveTheSizesOfSection7(
    preset: Preset, width: Int, layers: Int, decoder: Int, head: Int, groups: Int
  ) {
    let c = preset.configuration
    #expect(c.trunk.width == width && c.trunk.layers == layers && c.decoder.blocks == decoder)
    #expect(c.head.blocks == head && c.head.groups == groups && c.head.width == width)
    #expect(c.encoder.width == 512 && c.trunk.mlpMultiple == 256 && c.trunk.classTokens == 16)
    #expect(c.training.epochs == 400 && c.training.crop == [0.8, 1] && c.loss.lpips == 1)
    #expect(c.sampling.method == .sde && c.sampling.scale == 4.5 && c.training.ema == [0.9999])
  }

  @Test func yamlScalarsFollowTheCoreSchema() throws {
    #expect(try SettingValue(parsing: "3e-5", source: "t") == .number("3e-5"))
    #expect(try SettingValue(parsing: "no", source: "t") == .string("no"))
    #expect(try SettingValue(parsing: "yes", source: "t") == .string("yes"))
    #expect(try SettingValue(parsing: "'1'", source: "t") == .string("1"))
    #expect(try SettingValue(parsing: "0x10", source: "t") == .integer("16"))
    #expect(try SettingValue(parsing: "1:30", source: "t") == .string("1:30"))
    #expect(try SettingValue(parsing: "~", source: "t") == .null)
  }

  @Test func jsonIsAccepted() throws {
    let c = try resolve(
      #"{"training": {"lr": 1E-3, "crop": [0.5, 1]}, "seed": 18446744073709551615}"#)
    #expect(c.training.lr == 1e-3 && c.training.crop == [0.5, 1] && c.seed == .max)
  }

  @Test(arguments: [
    ("trainning: {}", "trainning: unknown key; did you mean 'training'?"),
    ("training: {bach: 3}", "training.bach: unknown key; did you mean 'training.batch'?"),
    ("lr: 1e-3", "lr: unknown key; did you mean 'training.lr'?"),
    ("trunk: {blocks: 3}", "did you mean 'head.blocks' or 'encoder.blocks' or 'decoder.blocks'?"),
    ("zzzzzzzz: 1", "zzzzzzzz: unknown key; known here are method, preset"),
    ("training: {batch: 3.5}", "training.batch: found 3.5, expected an integer from 1"),
    ("training: {batch: many}", "training.batch: found 'many', expected an integer"),
    ("training: {flip: yes}", "training.flip: found 'yes', expected true or false"),
    ("training: {lr: -1}", "training.lr: found -1, expected a number from 0"),
    ("training: {lr: .inf}", "training.lr: found .inf"),
    ("training: {betas: [0.9]}", "training.betas: found [0.9], expected a list of 2 numbers"),
    ("training: {crop: [0.9, 0.8]}", "training.crop: the first number"),
    ("training: 5", "training: found 5, expected a mapping with keys among batch"),
    ("training: {lr: 1e-5}", "training.lr_min: 3e-05 is above training.lr 1e-05"),
    ("seed: -1", "seed: found -1, expected an integer from 0 to 18446744073709551615"),
    ("method: pro", "method: found 'pro', expected one of pra, clean-input"),
    ("encoder: {context: null}", "encoder.context: found null, expected one of hidden"),
    ("image: {size: 30}", "image.size: 30 is not divisible by image.patch 8"),
    ("trunk: {heads: 3}", "trunk.width: 128 is not divisible by trunk.heads 3"),
    ("trunk: {width: 12}", "gives heads of 6; rotary positions need a multiple of 4"),
    ("head: {groups: 2}", "head.groups: 2 does not divide head.blocks 3"),
    ("head: {width: 127}", "head.width: 127 is odd"),
    ("decoder: {head_dim: 6}", "decoder.head_dim: 6 is not a multiple of 4"),
    ("decoder: {width: 130}", "decoder.width: 130 is not divisible by decoder.head_dim 64"),
    (
      "sampling: {weights: ema-0.5}",
      "sampling.weights: found 'ema-0.5', expected one of model, ema-0.999"
    ),
    ("sampling: {steps: 4096}", "sampling.steps: found 4096, expected an integer from 1 to 4095"),
    ("loss: {lpips: 1}", "loss.lpips_file: loss.lpips is 1, which needs the file"),
    ("loss: {lpips_file: a}", "loss.lpips_file: has no effect while loss.lpips is 0"),
    ("training: {total: 5, epochs: 2}", "training.total: has no effect while training.epochs is 2"),
    ("seed: 1\nseed: 2", "seed is given twice"),
    ("a: [", "line"),
    ("seed: 1\n---\nseed: 2", "several YAML documents"),
  ])
  func aWrongSettingIsRefusedInOneSentence(yaml: String, message: String) {
    let found = refusal(yaml)
    #expect(found.contains(message), "\(found)")
    #expect(!found.contains("\n"))
  }

  @Test func anOptionWithoutEqualsIsRefused() {
    #expect(refusal("", "training.batch").contains("expected key=value"))
    #expect(refusal("", ".batch=1").contains("empty part"))
  }

  @Test func epochsBecomeSteps() throws {
    let c = try resolve("training: {epochs: 2.5}")
    #expect(c.training.steps(images: 1870) == 97)
    #expect(try resolve("").training.steps(images: 1870) == 1500)
  }
}

@Suite struct CanonicalTests {
  @Test(arguments: Preset.allCases) func jsonReadsBackAndIsAFixedPoint(preset: Preset) throws {
    var c = preset.configuration
    c.seed = 0xFEDC_BA98_7654_3210
    c.loss.lpips = 1
    c.loss.lpipsFile = ["a \"b\".safetensors", "c"]
    c.training.lrMin = 3e-5
    c.classes = 9
    let text = c.canonicalJSON
    let back = try ModelConfiguration(canonicalJSON: text)
    #expect(back == c)
    #expect(back.canonicalJSON == text)
    #expect(text.contains("\"seed\":18364758544493064720"))
  }

  @Test func keysAreSorted() {
    let text = Preset.nano.configuration.canonicalJSON
    #expect(text.hasPrefix(#"{"classes":null,"decoder":{"blocks":2,"context":"causal","#))
    #expect(text.contains(#""lr":0.0015,"lr_min":3e-05"#))
  }

  @Test func aMissingKeyIsNamed() {
    let text = Preset.nano.configuration.canonicalJSON
      .replacing(#""lr_min":3e-05,"#, with: "")
    #expect {
      try ModelConfiguration(canonicalJSON: text)
    } throws: { "\($0)".hasPrefix("training.lr_min: missing") }
  }

  @Test(arguments: [(0.999, "0.999"), (0.9999, "0.9999"), (1.0, "1"), (0.0, "0"), (0.5, "0.5")])
  func decaysHaveTheShortestDecimal(value: Double, text: String) {
    #expect(shortestDecimal(value) == text)
  }
}
