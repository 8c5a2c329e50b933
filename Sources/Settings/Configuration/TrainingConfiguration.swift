// Losses, optimization and sampling: the rest of model.md section 10.

/// Weights of the losses (section 4).
package struct LossConfiguration: Section {
  package var l1 = 1.0
  package var l2 = 0.0
  package var lpips = 0.0
  /// Files with the weights of VGG-16 and of the linear layers, which are merged; empty for none.
  package var lpipsFile: [String] = []
  package var normPix = 0.1
  /// Number of draws of the flow time per position.
  package var flowRepeat = 4

  package init() {}

  package static var fields: [Field<Self>] {
    [
      .number("l1", \.l1, .zeroOrMore), .number("l2", \.l2, .zeroOrMore),
      .number("lpips", \.lpips, .zeroOrMore), .texts("lpips_file", \.lpipsFile),
      .number("norm_pix", \.normPix, .zeroOrMore),
      .integer("flow_repeat", \.flowRepeat, 1...1024),
    ]
  }
}

/// Batches, schedule, optimizer and averages (section 4).
package struct TrainingConfiguration: Section {
  package var batch = 48
  package var lr = 1.5e-3
  package var lrMin = 3e-5
  package var warmup = 100
  /// Number of steps; replaced by floor(epochs * images / batch) if `epochs` is a number.
  package var total = 1500
  package var epochs: Double?
  package var checkpointEvery = 500
  package var betas = [0.9, 0.95]
  package var eps = 1e-8
  package var weightDecay = 0.05
  package var clip = 1.0
  package var labelDrop = 0.1
  /// Decays of the averaged weights.
  package var ema = [0.999]
  package var flip = false
  /// Smallest and largest side of the random crop relative to the image's side, or nil for none.
  package var crop: [Double]?
  package var maxBadSteps = 10
  package var precision = Precision.fp32
  /// Number of images in one pass, or nil for the whole batch; the gradients of all parts are added
  /// up, which gives the batch's except for rounding.
  package var microBatch: Int?
  /// Whether the backward pass computes activations of blocks again instead of keeping them: the
  /// result is the same bit for bit, with less memory.
  package var recompute = false

  package init() {}

  package static let additions: Set<String> = ["micro_batch", "recompute"]

  /// The number of steps on a data set.
  /// - Parameter images: images in the data set
  package func steps(images: Int) -> Int {
    guard let epochs else { return total }
    return Int((epochs * Double(images) / Double(batch)).rounded(.down))
  }

  package static var fields: [Field<Self>] {
    let many = 1_000_000_000
    return [
      .integer("batch", \.batch, 1...1_000_000), .number("lr", \.lr, .zeroOrMore),
      .number("lr_min", \.lrMin, .zeroOrMore), .integer("warmup", \.warmup, 0...many),
      .integer("total", \.total, 1...many),
      .optionalNumber("epochs", \.epochs, .above(0, to: 1_000_000)),
      .integer("checkpoint_every", \.checkpointEvery, 1...many),
      .numbers("betas", \.betas, .from(0, below: 1), count: 2), .number("eps", \.eps, .positive),
      .number("weight_decay", \.weightDecay, .zeroOrMore), .number("clip", \.clip, .positive),
      .number("label_drop", \.labelDrop, .from(0, to: 1)),
      .numbers("ema", \.ema, .from(0, below: 1)), .flag("flip", \.flip),
      .optionalNumbers("crop", \.crop, .above(0, to: 1), count: 2),
      .integer("max_bad_steps", \.maxBadSteps, 1...many), .choice("precision", \.precision),
      .optionalInteger("micro_batch", \.microBatch, 1...1_000_000),
      .flag("recompute", \.recompute),
    ]
  }
}

/// Settings of sampling (section 5).
package struct SamplingConfiguration: Section {
  package var method = SamplingMethod.euler
  package var steps = 25
  package var guidance = Guidance.linear
  package var scale = 2.0
  package var labels = Labels.balanced
  package var rounding = Rounding.halfUp
  /// The checkpoint file without its extension: `model` or `ema-<decay>`. Empty until resolved;
  /// then the largest of `training.ema`.
  package var weights = ""
  /// Key of the random numbers of sampling and its labels.
  package var seed: UInt64 = 0

  package init() {}

  package static var fields: [Field<Self>] {
    [
      .choice("method", \.method), .integer("steps", \.steps, 1...4095),
      .choice("guidance", \.guidance), .number("scale", \.scale, .zeroOrMore),
      .choice("labels", \.labels), .choice("rounding", \.rounding), .text("weights", \.weights),
      .seed("seed", \.seed),
    ]
  }

  /// The same as JSON, for the arguments of a sampling job.
  package var canonicalJSON: String { json }

  /// Reads `canonicalJSON` back.
  /// - Throws: `ConfigurationError`
  package init(canonicalJSON text: String) throws {
    try apply(
      SettingValue(parsing: text, source: "sampling"), at: "sampling", complete: true)
  }
}
