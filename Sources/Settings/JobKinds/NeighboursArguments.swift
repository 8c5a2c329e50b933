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
      .integer("data", \.data, jobIDs), .integers("samples", \.samples, jobIDs),
      .integer("count", \.count, 1...1_000_000), .integer("rows", \.rows, 1...100),
      .integer("neighbours", \.neighbours, 1...50),
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
