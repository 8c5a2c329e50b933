// The arguments of `evaluate`.

import Configuration

/// `evaluate`: compares drawn images with the data set, by random features and the model's own
/// reconstruction; or with a reference, by Inception features.
package struct EvaluateArguments: JobArguments {
  package var train = 0
  package var data = 0
  /// Step of the train job's checkpoint; nil for the last.
  package var step: Int?
  /// Sample jobs, which together drew one sampling run.
  package var samples: [Int] = []
  /// The reference job, or 0 for random features.
  package var reference = 0
  /// Features jobs, or an array of them, of the images to compare with it.
  package var features: [Int] = []
  /// The evaluators whose definitions are used: `adm`, `torch-fidelity`.
  package var conventions = Conventions.all
  /// The most images, the first of the data set, that the model rebuilds.
  package var reconstruct = 10_000

  package init() {}

  package static let additions: Set<String> = [
    "reference", "features", "conventions", "reconstruct", "step",
  ]

  package static var fields: [Field<Self>] {
    [
      .integer("train", \.train, jobIDsOrNone, "Train job; 0 with a reference.")
        .reads("checkpoint"),
      .integer(
        "data", \.data, jobIDsOrNone,
        "Ingest job, by default that of the train job; 0 with a reference."
      ).reads("data.*", "data-00000.packed"),
      .optionalInteger(
        "step", \.step, 0...Int(UInt32.max),
        "Step of the train job's checkpoint; null for the last."
      ).unit("steps"),
      .integers(
        "samples", \.samples, jobIDs,
        "Sample jobs, which together drew one sampling run; empty with a reference."
      ).rule("uniqueItems", "true").reads("images.packed"),
      .integer(
        "reference", \.reference, jobIDsOrNone, "Reference job, or 0 for random features."),
      .integers(
        "features", \.features, jobIDs,
        "Features jobs or an array of them, of the images to compare with the reference."
      ).rule("uniqueItems", "true").reads("features.npz"),
      .texts(
        "conventions", \.conventions,
        "Whose definitions the figures follow: `adm`, `torch-fidelity`, or both."
      ).rule("minItems", "1").rule("uniqueItems", "true"),
      .integer(
        "reconstruct", \.reconstruct, 0...1_000_000_000,
        "The most images, the first of the data set, that the model encodes and rebuilds; their ranges "
          + "are fetched."
      ).unit("images"),
    ]
  }

  package var parents: [Int] {
    isInception ? [reference] + features : [train, data] + samples
  }

  /// Whether it compares with a reference.
  package var isInception: Bool { reference > 0 || !features.isEmpty }

  /// The data set is the train job's.
  package func defaults(trained: (Int) throws -> TrainArguments) throws -> EvaluateArguments {
    var defaults = EvaluateArguments()
    if train > 0 { defaults.data = try trained(train).data }
    return defaults
  }

  package func validate() throws {
    guard isInception else {
      try require(train, "train", .train)
      try require(data, "data", .ingest)
      guard !samples.isEmpty, Set(samples).count == samples.count else {
        throw ConfigurationError("samples: expected one or more sample jobs, each once")
      }
      return
    }
    try require(reference, "reference", .reference)
    guard !features.isEmpty, Set(features).count == features.count else {
      throw ConfigurationError("features: expected one or more features jobs, each once")
    }
    guard samples.isEmpty else {
      throw ConfigurationError("samples: has no effect with reference; name their features jobs")
    }
    try Conventions.check(conventions, at: "conventions")
  }
}
