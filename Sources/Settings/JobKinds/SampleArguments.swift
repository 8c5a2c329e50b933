// The arguments of `sample`.

import Configuration

/// `sample`: draws a range of the images of a sampling run.
package struct SampleArguments: JobArguments {
  package var train = 0
  package var data = 0
  /// Images of the whole sampling run.
  package var count = 0
  /// First and last + 1 of this job.
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
