// The arguments of `sample`.

import Configuration

/// `sample`: draws a range of the images of a sampling run.
package struct SampleArguments: JobArguments {
  /// The train job, or 0 for weights in a file.
  package var train = 0
  /// The ingest job, or 0 for weights in a file.
  package var data = 0
  /// Step of the checkpoint; nil for the last.
  package var step: Int?
  /// SHA-256 of a checkpoint in one file, or empty: null in JSON.
  package var weightsFile = ""
  package var weightsName = ""
  /// Classes that are drawn, by name or number; empty for all.
  package var classes: [String] = []
  /// Images of the whole sampling run.
  package var count = 0
  /// First and last + 1 of this job.
  package var first = 0
  package var last = 0
  package var sampling = SamplingConfiguration()

  package init() {}

  package static let additions: Set<String> = ["step", "weights_file", "weights_name", "classes"]

  package static var fields: [Field<Self>] {
    let numbers = 0...1_000_000_000
    return [
      .integer(
        "train", \.train, jobIDsOrNone, "Train job whose model draws; 0 with `weights_file`."
      )
      .reads("checkpoint"),
      .integer(
        "data", \.data, jobIDsOrNone,
        "Ingest job, by default that of the train job; read for the names of the classes where the "
          + "checkpoint has none."),
      .optionalInteger(
        "step", \.step, 0...Int(UInt32.max), "Step of the checkpoint; null for the last."
      ).unit("steps"),
      .optionalText(
        "weights_file", \.weightsFile,
        "SHA-256 of a checkpoint in one file, as `pra export checkpoint` writes it, or null."
      ).reads("artifact"),
      .optionalText("weights_name", \.weightsName, "Name of that file in messages."),
      .texts(
        "classes", \.classes,
        "Classes that are drawn, by name or by number from 0 on; null for all that have images."),
      .integer("count", \.count, 1...1_000_000_000, "Images of the whole sampling run.")
        .unit("images").required(),
      .integer("first", \.first, numbers, "Number of the first image of this job."),
      .integer(
        "last", \.last, numbers,
        "Number behind the last image of this job; by default `count`."),
      .section(
        "sampling", \.sampling,
        "How images are drawn, every key of `sampling` in a configuration; by default as the train job's says."
      ),
    ]
  }

  package var parents: [Int] { [train, data].filter { $0 > 0 } }

  package static let elementKeys: (first: String, end: String)? = ("first", "last")

  /// Data set and sampling are the train job's; the range is the whole.
  package func defaults(trained: (Int) throws -> TrainArguments) throws -> SampleArguments {
    var defaults = SampleArguments()
    if train > 0 {
      let trained = try trained(train)
      (defaults.data, defaults.sampling) = (trained.data, trained.config.sampling)
    }
    defaults.last = count
    return defaults
  }

  package func validate() throws {
    if weightsFile.isEmpty {
      try require(train, "train", .train)
      try require(data, "data", .ingest)
    } else {
      try requireStored(weightsFile, "weights_file", "a checkpoint in one file")
      guard train == 0, step == nil else {
        throw ConfigurationError(
          "weights_file: has no effect with train and step; keep one of them")
      }
    }
    guard count > 0 else {
      throw ConfigurationError("count: missing; expected the number of images to draw")
    }
    guard !sampling.weights.isEmpty else {
      throw ConfigurationError("sampling.weights: missing; expected model or ema-<decay>")
    }
    guard first < last, last <= count else {
      throw ConfigurationError(
        "first, last: found \(first) and \(last), expected a range within 0 and count (\(count))")
    }
  }
}
