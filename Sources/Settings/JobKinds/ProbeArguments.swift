// The arguments of `probe`.

import Configuration

/// `probe`: trains linear classifiers on every layer of a trained model, and on raw pixels.
package struct ProbeArguments: JobArguments {
  package var train = 0
  package var data = 0
  /// Step of the train job's checkpoint; nil for the last.
  package var step: Int?
  /// An ingest job whose images are held out; 0 for a share of `data`.
  package var validation = 0
  /// Share of each class of `data` that is held out if there is no `validation`.
  package var holdout = 0.2
  /// Number of disjoint shares that are held out one after the other, if there is no `validation`.
  package var splits = 5
  /// Features are means over each of pool x pool equal parts of the image.
  package var pool = 1
  /// `model` or `ema-<decay>`; empty for the weights that the train job samples with.
  package var weights = ""
  package var optimizer = ProbeOptimizerName.lbfgs
  package var learningRate = 1e-3
  /// One value for all layers, or several to choose from for each; empty for the optimizer's
  /// defaults.
  package var weightDecays: [Double] = []
  package var epochs = 100
  package var warmUpEpochs = 10
  package var batch = 256
  package var seed: UInt64 = 0

  package init() {}

  package static var fields: [Field<Self>] {
    [
      .integer("train", \.train, jobIDs, "Train job whose model is probed.").required()
        .reads("checkpoint"),
      .integer(
        "data", \.data, jobIDs,
        "Ingest job whose images classifiers learn from, by default that of the train job."
      ).required().reads("data*"),
      .optionalInteger(
        "step", \.step, 0...Int(UInt32.max),
        "Step of the train job's checkpoint; null for the last."
      ).unit("steps"),
      .integer(
        "validation", \.validation, jobIDsOrNone,
        "Ingest job whose images are held out, or 0 for a share of `data`."
      ).reads("data*"),
      .number(
        "holdout", \.holdout, .above(0, to: 0.9),
        "Share of each class of `data` that is held out where there is no `validation`."),
      .integer(
        "splits", \.splits, 1...100,
        "Shares with no image in common that are held out one after the other where there is no "
          + "`validation`; 5 of 0.2 hold out every image once."),
      .integer(
        "pool", \.pool, 1...64,
        "A feature is a mean over each of pool x pool equal parts of the image; 1: over all positions."
      ),
      .optionalText(
        "weights", \.weights,
        "Weights that are probed: `model` or `ema-<decay>`; null for those that the train job samples "
          + "with."),
      .choice(
        "optimizer", \.optimizer,
        "Optimizer of the classifiers: `lbfgs` finds the least loss and has no rate; `lars` is for "
          + "batches of thousands."),
      .number(
        "lr", \.learningRate, .positive,
        "Highest learning rate; MAE's for lars is 0.1 batch / 256; lbfgs has none."),
      .numbers(
        "weight_decay", \.weightDecays, .zeroOrMore,
        "Weight decay, on weights alone; of several, each layer gets the one of least loss on a fifth "
          + "of its training images; none: 0.001 to 1 for lbfgs, 0 for the others."),
      .integer("epochs", \.epochs, 1...10_000, "Passes over the images; of lbfgs the most."),
      .integer(
        "warmup_epochs", \.warmUpEpochs, 0...10_000,
        "Passes in which the learning rate rises; without effect for lbfgs."),
      .integer("batch", \.batch, 2...65_536, "Images of a step; without effect for lbfgs.")
        .unit("images"),
      .seed("seed", \.seed, "Key of the random numbers of split, first weights and order."),
    ]
  }

  /// Jobs from before these keys existed lack them.
  package static var additions: Set<String> { ["splits", "pool", "step"] }

  /// Weight decays to choose from. L-BFGS needs one, as it reaches the only minimum of a convex
  /// function; classifiers trained batch by batch use none, as in MAE.
  package var candidates: [Double] {
    guard weightDecays.isEmpty else { return weightDecays }
    return optimizer == .lbfgs ? [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1] : [0]
  }

  package var parents: [Int] { [train, data] + (validation > 0 ? [validation] : []) }

  /// The data set is the train job's.
  package func defaults(trained: (Int) throws -> TrainArguments) throws -> ProbeArguments {
    var defaults = ProbeArguments()
    if train > 0 { defaults.data = try trained(train).data }
    return defaults
  }

  package func validate() throws {
    try require(train, "train", .train)
    try require(data, "data", .ingest)
    guard validation > 0 || holdout * Double(splits) < 1 + 1e-9 else {
      throw ConfigurationError(
        "splits: found \(splits), expected at most \(Int(1 / holdout)) of \(holdout) (holdout) each, as "
          + "they have no image in common")
    }
    guard optimizer == .lbfgs || warmUpEpochs < epochs else {
      throw ConfigurationError(
        "warmup_epochs: found \(warmUpEpochs), expected fewer than epochs (\(epochs))")
    }
  }
}

/// Optimizers of a probe.
package enum ProbeOptimizerName: String, Sendable, CaseIterable { case lbfgs, adamw, lars }
