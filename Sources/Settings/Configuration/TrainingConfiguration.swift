// Losses and optimisation: sections of the configuration.

package struct LossConfiguration: Section {
  package var l1 = 1.0
  package var l2 = 0.0
  package var lpips = 0.0
  package var lpipsFile: [String] = []
  package var normPix = 0.1
  package var flowRepeat = 4

  package init() {}

  package static let source: String? = "model.md section 4"

  package static var fields: [Field<Self>] {
    [
      .number(
        "l1", \.l1, .zeroOrMore, "Weight of the mean absolute error of reconstructed patches."),
      .number(
        "l2", \.l2, .zeroOrMore, "Weight of the mean squared error of reconstructed patches."),
      .number(
        "lpips", \.lpips, .zeroOrMore,
        "Weight of LPIPS 0.1 (VGG-16) of reconstructed images: RGB, with a side of at least 16."),
      .texts(
        "lpips_file", \.lpipsFile,
        "Files with the weights of VGG-16 and of LPIPS's linear layers, relative to the run file; "
          + "needed where `loss.lpips` is above 0, and refused where it is 0."),
      .number(
        "norm_pix", \.normPix, .zeroOrMore,
        "Weight of the auxiliary prediction of the next patch, normalised by itself."),
      .integer(
        "flow_repeat", \.flowRepeat, 1...1024,
        "Draws of time and noise for each position in the flow head's loss."),
    ]
  }
}

package struct TrainingConfiguration: Section {
  package var batch = 48
  package var lr = 1.5e-3
  package var lrMin = 3e-5
  package var warmup = 100
  package var total = 1500
  package var epochs: Double?
  package var checkpointEvery = CheckpointInterval.steps(500)
  package var keep = Keep()
  package var betas = [0.9, 0.95]
  package var eps = 1e-8
  package var weightDecay = 0.05
  package var clip = 1.0
  package var labelDrop = 0.1
  package var ema = [0.999]
  package var flip = false
  package var crop: [Double]?
  package var maxBadSteps = 10
  package var precision = Precision.fp32
  package var microBatch: Int?
  package var recompute = false
  package var ranks = RankRange.one
  package var shardOptimizer = false
  package var validation = ValidationLosses()
  package var stop = EarlyStop()

  package init() {}

  package static let additions: Set<String> = [
    "micro_batch", "recompute", "ranks", "shard_optimizer", "keep", "validation", "stop",
  ]

  package static let source: String? = "model.md section 4"

  /// The number of steps on a data set.
  /// - Parameter images: images in the data set
  package func steps(images: Int) -> Int {
    guard let epochs else { return total }
    return Int((epochs * Double(images) / Double(batch)).rounded(.down))
  }

  package static var fields: [Field<Self>] { schedule + optimizer + augmentation + execution }

  private static var schedule: [Field<Self>] {
    let many = 1_000_000_000
    return [
      .integer("batch", \.batch, 1...1_000_000, "Size of a batch, which is one step.")
        .unit("images"),
      .number("lr", \.lr, .zeroOrMore, "Learning rate after the warm-up."),
      .number(
        "lr_min", \.lrMin, .zeroOrMore,
        "Learning rate at the end of its cosine decay; at most `training.lr`."),
      .integer("warmup", \.warmup, 0...many, "Length of the linear rise of the learning rate.")
        .unit("steps"),
      .integer(
        "total", \.total, 1...many,
        "Length of training; refused beside a number in `training.epochs`, which replaces it."
      ).unit("steps"),
      .optionalNumber(
        "epochs", \.epochs, .above(0, to: 1_000_000),
        "Length of training in passes over the data set; null for `training.total` steps."
      ).unit("epochs"),
      .interval(
        "checkpoint_every", \.checkpointEvery,
        "Distance between two checkpoints; the last step always writes one."
      ).source("model.md section 8"),
      .section("keep", \.keep, "Checkpoints that stay when another one is registered."),
    ]
  }

  private static var optimizer: [Field<Self>] {
    [
      .numbers(
        "betas", \.betas, .from(0, below: 1), count: 2,
        "AdamW's decays of the first and second moment."),
      .number("eps", \.eps, .positive, "AdamW's epsilon, in the denominator of an update."),
      .number(
        "weight_decay", \.weightDecay, .zeroOrMore,
        "AdamW's weight decay, of matrices alone and not of embeddings of classes and positions."),
      .number("clip", \.clip, .positive, "Norm to which longer gradients are scaled down."),
      .numbers(
        "ema", \.ema, .from(0, below: 1),
        "Decays of moving averages of the weights, each a file of the checkpoint; may be empty."),
      .integer(
        "max_bad_steps", \.maxBadSteps, 1...1_000_000_000,
        "Steps in a row with a loss or gradient that is no number, after which the job fails."
      ).unit("steps"),
    ]
  }

  private static var augmentation: [Field<Self>] {
    [
      .number(
        "label_drop", \.labelDrop, .from(0, to: 1),
        "Probability that an image is trained without its class, for guidance."),
      .flag("flip", \.flip, "Whether images are mirrored with probability 1/2.")
        .source("model.md section 6"),
      .optionalNumbers(
        "crop", \.crop, .above(0, to: 1), count: 2,
        "Least and greatest side of a random crop, relative to the image's; null for none."
      ).source("model.md section 6"),
    ]
  }

  private static var execution: [Field<Self>] {
    [
      .choice(
        "precision", \.precision,
        "Arithmetic of matrix products, and in training the type of what lies between them; `bf16` "
          + "sums in fp32 and keeps weights in fp32."
      ).source("model.md section 10"),
      .optionalInteger(
        "micro_batch", \.microBatch, 1...1_000_000,
        "Images that one pass holds in memory, their gradients added up; null for the whole batch."
      ).unit("images"),
      .flag(
        "recompute", \.recompute,
        "Whether the backward pass computes activations again: equal bits from less memory."
      ).source("Chen et al. 2016, arXiv 1604.06174"),
      .ranks(
        "ranks", \.ranks,
        "Stages that share the parts of each batch, on as many machines as have places, to the bits of one; `2..8` "
          + "starts with the most for which there are places."
      ).source("docs/machines.md"),
      .flag(
        "shard_optimizer", \.shardOptimizer,
        "Whether each rank keeps its part of the moments and averages alone: equal bits from less memory; refused "
          + "where `training.ranks` is 1."
      ).source("ZeRO stage 1, Rajbhandari et al. 2020, arXiv 1910.02054"),
      .section(
        "validation", \.validation,
        "Losses on the images that `data.validation` holds out; without such images nothing is measured."
      ).source("model.md section 4"),
      .section(
        "stop", \.stop, "End of training before its last step, when a series gets no better."
      ).source("Prechelt 1998, Early stopping - but when?"),
    ]
  }
}
