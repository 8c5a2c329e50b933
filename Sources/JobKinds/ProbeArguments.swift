// The arguments of the kind that probes a trained model.

import Configuration

/// `probe`: linear classifiers on every layer of a trained model, and on raw pixels.
package struct ProbeArguments: JobArguments {
  package static let kind = JobKind.probe
  package var train = 0
  package var data = 0
  /// An ingest job whose images are held out; 0 for a share of `data`.
  package var validation = 0
  /// Share of each class of `data` that is held out where there is no `validation`.
  package var holdout = 0.2
  /// `model` or `ema-<decay>`; empty for what the train job samples with.
  package var weights = ""
  package var optimizer = ProbeOptimizerName.adamw
  package var learningRate = 1e-3
  package var weightDecay = 0.0
  package var epochs = 100
  package var warmUpEpochs = 10
  package var batch = 256
  package var seed: UInt64 = 0

  package init() {}

  package static var fields: [Field<Self>] {
    [
      .integer("train", \.train, jobIDs), .integer("data", \.data, jobIDs),
      .integer("validation", \.validation, 0...Int.max),
      .number("holdout", \.holdout, .above(0, to: 0.9)), .optionalText("weights", \.weights),
      .choice("optimizer", \.optimizer), .number("lr", \.learningRate, .positive),
      .number("weight_decay", \.weightDecay, .zeroOrMore), .integer("epochs", \.epochs, 1...10_000),
      .integer("warmup_epochs", \.warmUpEpochs, 0...10_000),
      .integer("batch", \.batch, 2...65_536), .seed("seed", \.seed),
    ]
  }

  package var parents: [Int] { [train, data] + (validation > 0 ? [validation] : []) }

  package func validate() throws {
    try require(train, "train", .train)
    try require(data, "data", .ingest)
    guard warmUpEpochs < epochs else {
      throw ConfigurationError(
        "warmup_epochs: found \(warmUpEpochs), expected fewer than epochs (\(epochs))")
    }
  }
}

/// Optimizers of a probe.
package enum ProbeOptimizerName: String, Sendable, CaseIterable { case adamw, lars }
