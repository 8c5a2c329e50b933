// The arguments of `evaluate`.

import Configuration

/// `evaluate`: compares drawn images with the data set, by random features and the model's own
/// reconstruction; or with a reference, by Inception features.
package struct EvaluateArguments: JobArguments {
  package var train = 0
  package var data = 0
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
    "reference", "features", "conventions", "reconstruct",
  ]

  package static var fields: [Field<Self>] {
    [
      .integer("train", \.train, jobIDsOrNone), .integer("data", \.data, jobIDsOrNone),
      .integers("samples", \.samples, jobIDs), .integer("reference", \.reference, jobIDsOrNone),
      .integers("features", \.features, jobIDs), .texts("conventions", \.conventions),
      .integer("reconstruct", \.reconstruct, 0...1_000_000_000),
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
