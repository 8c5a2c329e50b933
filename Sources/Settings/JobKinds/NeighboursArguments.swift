// The arguments of `neighbours`.

import Configuration

/// `neighbours`: the nearest training images of drawn ones.
package struct NeighboursArguments: JobArguments {
  /// The ingest job.
  package var data = 0
  /// Sample jobs.
  package var samples: [Int] = []
  /// Number of drawn images that are searched for, from the first on.
  package var count = 1000
  /// Rows of the picture, with the drawn images that are nearest to a training image.
  package var rows = 12
  /// Number of training images in each row.
  package var neighbours = 6

  package init() {}

  package static var fields: [Field<Self>] {
    [
      .integer("data", \.data, jobIDs, "Ingest job whose images are searched.").required()
        .reads("data*", "validation*"),
      .integers("samples", \.samples, jobIDs, "Sample jobs, or arrays of them.").required()
        .rule("minItems", "1").rule("uniqueItems", "true").reads("images.packed"),
      .integer(
        "count", \.count, 1...1_000_000, "Drawn images that are looked at, the first ones."
      ).unit("images"),
      .integer(
        "rows", \.rows, 1...100,
        "Rows of the picture: the drawn images that are nearest to a training image."),
      .integer("neighbours", \.neighbours, 1...50, "Training images in each row.").unit("images"),
    ]
  }

  package var parents: [Int] { [data] + samples }

  package func validate() throws {
    try require(data, "data", .ingest)
    guard !samples.isEmpty, Set(samples).count == samples.count else {
      throw ConfigurationError("samples: expected one or more sample jobs, each once")
    }
  }
}
