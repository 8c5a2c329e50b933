// The arguments of each kind.

import Configuration

/// `train`: trains a model on a packed data set.
package struct TrainArguments: JobArguments {
  package static let kind = JobKind.train
  /// The ingest job.
  package var data = 0
  package var config = ModelConfiguration()
  /// SHA-256 of the artifacts that `config.loss.lpips_file` names, in the same order.
  package var lpipsWeights: [String] = []
  package var start = Start()

  package init() {}

  package static let additions: Set<String> = ["lpips_weights", "init"]

  /// Key `init`: the weights that training begins with.
  package struct Start: Section {
    /// SHA-256 of an artifact, or empty for initial weights by the seed.
    package var weights: [String] = []
    /// Name of the artifact in messages, never a path.
    package var name = "weights"
    /// Whether training begins at step 0 instead of at the artifact's.
    package var restart = false

    package init() {}

    package static var fields: [Field<Self>] {
      [
        .texts("weights", \.weights), .text("name", \.name), .flag("restart", \.restart),
      ]
    }
  }

  package static var fields: [Field<Self>] {
    [
      .integer("data", \.data, jobIDs), .section("config", \.config),
      .texts("lpips_weights", \.lpipsWeights), .section("init", \.start),
    ]
  }

  package var parents: [Int] { [data] }

  package func validate() throws {
    try require(data, "data", .ingest)
    try config.validate()
    guard lpipsWeights.count == config.loss.lpipsFile.count,
      lpipsWeights.allSatisfy({ $0.wholeMatch(of: /[0-9a-f]{64}/) != nil })
    else {
      throw ConfigurationError(
        "lpips_weights: expected the SHA-256 of a stored artifact for each of the "
          + "\(config.loss.lpipsFile.count) files of config.loss.lpips_file; pra run stores them")
    }
    guard start.weights.count <= 1,
      start.weights.allSatisfy({ $0.wholeMatch(of: /[0-9a-f]{64}/) != nil })
    else {
      throw ConfigurationError(
        "init.weights: expected the SHA-256 of one stored artifact, or null; pra run stores it")
    }
    guard start.name.wholeMatch(of: /[^\/\0]{1,200}/) != nil, ![".", ".."].contains(start.name)
    else {
      throw ConfigurationError("init.name: found '\(start.name)', expected a file's name")
    }
  }
}

/// `sample`: draws a range of the images of a sampling run.
package struct SampleArguments: JobArguments {
  package static let kind = JobKind.sample
  package var train = 0
  package var data = 0
  /// Number of images in the whole sampling run.
  package var count = 0
  /// This job's first image, and its last + 1.
  package var first = 0
  package var last = 0
  package var sampling = SamplingConfiguration()

  package init() {}

  package static var fields: [Field<Self>] {
    let numbers = 0...1_000_000_000
    return [
      .integer("train", \.train, jobIDs), .integer("data", \.data, jobIDs),
      .integer("count", \.count, numbers), .integer("first", \.first, numbers),
      .integer("last", \.last, numbers), .section("sampling", \.sampling),
    ]
  }

  package var parents: [Int] { [train, data] }

  package func validate() throws {
    try require(train, "train", .train)
    try require(data, "data", .ingest)
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

/// `compare`: makes a figure and a table of several evaluations.
package struct CompareArguments: JobArguments {
  package static let kind = JobKind.compare
  /// Heading of figure and table.
  package var title = "comparison"
  /// Variant of each evaluation, in the order of `evaluations`; evaluations of one name are seeds
  /// of one variant.
  package var names: [String] = []
  /// Evaluate jobs.
  package var evaluations: [Int] = []

  package init() {}

  package static var fields: [Field<Self>] {
    [
      .text("title", \.title), .texts("names", \.names),
      .integers("evaluations", \.evaluations, jobIDs),
    ]
  }

  package var parents: [Int] { evaluations }

  package func validate() throws {
    guard !evaluations.isEmpty, Set(evaluations).count == evaluations.count else {
      throw ConfigurationError("evaluations: expected one or more evaluate jobs, each once")
    }
    guard names.count == evaluations.count else {
      throw ConfigurationError(
        "names: found \(names.count), expected one for each of the \(evaluations.count) evaluations"
      )
    }
  }
}
