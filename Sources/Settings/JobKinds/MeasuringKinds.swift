// The arguments of the kinds that measure images: features, reference, evaluate.

import Configuration

/// `features`: computes Inception features of one part of a source's images.
package struct FeaturesArguments: JobArguments {
  package static let kind = JobKind.features
  /// An ingest job, or 0.
  package var data = 0
  /// Sample jobs, or arrays of them, which together drew one sampling run.
  package var samples: [Int] = []
  /// SHA-256 of an npz with images `arr_0`, or empty: null in JSON.
  package var archive = ""
  package var archiveName = ""
  /// SHA-256 of a tar of PNG files, or empty: null in JSON.
  package var folder = ""
  package var folderName = ""
  /// SHA-256 of the network's weights.
  package var weights = ""
  package var weightsName = ""
  /// Number of this job's part among `parts` equal parts, from 0.
  package var part = 0
  package var parts = 1

  package init() {}

  package static var fields: [Field<Self>] {
    [
      .integer("data", \.data, jobIDsOrNone), .integers("samples", \.samples, jobIDs),
      .optionalText("archive", \.archive), .optionalText("archive_name", \.archiveName),
      .optionalText("folder", \.folder),
      .optionalText("folder_name", \.folderName), .text("weights", \.weights),
      .optionalText("weights_name", \.weightsName), .integer("part", \.part, 0...9_999),
      .integer("parts", \.parts, 1...10_000),
    ]
  }

  package var parents: [Int] { (data > 0 ? [data] : []) + samples }

  package func validate() throws {
    let given = [
      ("data", data > 0), ("samples", !samples.isEmpty), ("archive", !archive.isEmpty),
      ("folder", !folder.isEmpty),
    ].filter(\.1).map(\.0)
    guard given.count == 1 else {
      throw ConfigurationError(
        "data, samples, archive, folder: "
          + (given.isEmpty ? "all missing" : "found \(given.joined(separator: " and "))")
          + "; expected one of them, the images to measure")
    }
    guard Set(samples).count == samples.count else {
      throw ConfigurationError("samples: expected each job once")
    }
    if !archive.isEmpty { try requireStored(archive, "archive", "an npz with images arr_0") }
    if !folder.isEmpty { try requireStored(folder, "folder", "a folder of PNG files") }
    try requireStored(weights, "weights", "Inception-v3 in its FID form")
    guard part < parts else {
      throw ConfigurationError("part: found \(part), expected a number below parts (\(parts))")
    }
  }
}

/// `reference`: computes the statistics that drawn images are compared with.
package struct ReferenceArguments: JobArguments {
  package static let kind = JobKind.reference
  /// Features jobs, or an array of them, which together cover all images of one source.
  package var features: [Int] = []
  /// SHA-256 of an npz with `mu` and `sigma`, or empty: null in JSON.
  package var statistics = ""
  package var statisticsName = ""
  /// Largest number of images whose features are kept for precision, recall and KID, evenly spaced.
  package var keep = 50_000

  package init() {}

  package static var fields: [Field<Self>] {
    [
      .integers("features", \.features, jobIDs), .optionalText("statistics", \.statistics),
      .optionalText("statistics_name", \.statisticsName), .integer("keep", \.keep, 0...1_000_000),
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

/// `evaluate`: compares drawn images with the data set, by random features and the model's own
/// reconstruction; or with a reference, by Inception features.
package struct EvaluateArguments: JobArguments {
  package static let kind = JobKind.evaluate
  package var train = 0
  package var data = 0
  /// Sample jobs, which together drew one sampling run.
  package var samples: [Int] = []
  /// The reference job, or 0 for random features.
  package var reference = 0
  /// Features jobs, or an array of them, for the images to compare with the reference.
  package var features: [Int] = []
  /// Conventions of the figures: `adm`, `torch-fidelity`.
  package var conventions = Conventions.all

  package init() {}

  package static let additions: Set<String> = ["reference", "features", "conventions"]

  package static var fields: [Field<Self>] {
    [
      .integer("train", \.train, jobIDsOrNone), .integer("data", \.data, jobIDsOrNone),
      .integers("samples", \.samples, jobIDs), .integer("reference", \.reference, jobIDsOrNone),
      .integers("features", \.features, jobIDs), .texts("conventions", \.conventions),
    ]
  }

  package var parents: [Int] {
    isInception ? [reference] + features : [train, data] + samples
  }

  /// Whether Inception features are compared with a reference.
  package var isInception: Bool { reference > 0 || !features.isEmpty }

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

/// A job's number, or 0 for none.
private let jobIDsOrNone = 0...Int.max

private func requireStored(_ digest: String, _ key: String, _ what: String) throws {
  guard digest.wholeMatch(of: /[0-9a-f]{64}/) != nil else {
    throw ConfigurationError(
      "\(key): found '\(digest)', expected the SHA-256 of \(what) in the store; pra enqueue --file "
        + "\(key)=PATH stores the file and sets it")
  }
}
