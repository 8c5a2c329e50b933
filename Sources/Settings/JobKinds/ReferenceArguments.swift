// The arguments of `reference`.

import Configuration

/// `reference`: what drawn images are compared with.
package struct ReferenceArguments: JobArguments {
  /// Features jobs, or an array of them, which together are of all images of one source.
  package var features: [Int] = []
  /// SHA-256 of an npz with `mu` and `sigma`, or empty: null in JSON.
  package var statistics = ""
  package var statisticsName = ""
  /// Images of which precision, recall and KID keep the features: of more, as many evenly spaced.
  package var keep = 50_000

  package init() {}

  package static var fields: [Field<Self>] {
    [
      .integers(
        "features", \.features, jobIDs,
        "Features jobs or an array of them, together of all images of one source; empty for "
          + "statistics alone."
      ).rule("uniqueItems", "true").reads("features.npz"),
      .optionalText(
        "statistics", \.statistics,
        "SHA-256 of an npz with `mu`, `sigma` and perhaps `mu_s`, `sigma_s`, or null."
      ).reads("artifact"),
      .optionalText("statistics_name", \.statisticsName, "Name of that file in messages."),
      .integer(
        "keep", \.keep, 0...1_000_000,
        "Images whose features are kept for precision, recall and KID; of more, as many evenly spaced."
      ).unit("images"),
    ]
  }

  package var parents: [Int] { features }

  package func validate() throws {
    guard !features.isEmpty || !statistics.isEmpty else {
      throw ConfigurationError(
        "features, statistics: both missing; expected the features jobs of the reference's images, "
          + "an npz with mu and sigma, or both, as of ADM's reference batches")
    }
    if !statistics.isEmpty {
      try requireStored(statistics, "statistics", "an npz with mu and sigma")
    }
    guard Set(features).count == features.count else {
      throw ConfigurationError("features: expected each job once")
    }
  }
}
