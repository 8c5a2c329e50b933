// Writes and reads the outputs of a reference job.

import Configuration
import Evaluation
import Inception
import StageKit
import TensorFiles

/// The description of a reference (reference.json).
package struct ReferenceDescription: Section {
  /// The reference's identity in every figure: a data set's fingerprint, or the SHA-256 of a file.
  package var hash = ""
  package var name = ""
  /// Number of images behind the statistics; 0 if a file of statistics does not say.
  package var images = 0
  /// Number of images whose features were kept.
  package var kept = 0
  /// SHA-256 of the network's weights; empty if a file of statistics does not say.
  package var weights = ""

  package init() {}

  package static var fields: [Field<Self>] {
    [
      .text("hash", \.hash), .optionalText("name", \.name),
      .integer("images", \.images, 0...Int.max),
      .integer("kept", \.kept, 0...Int.max), .optionalText("weights", \.weights),
    ]
  }

  package init(json: String, source: String) throws {
    try apply(SettingValue(parsing: json, source: source), at: "", complete: true)
  }
}

/// Beyond this the squares in a distance could be infinite.
private let largestStatistic = 1e100

/// Mean and covariance under two names of an npz; nil if it has neither.
/// - Parameter count: number of images, if known
/// - Throws: `FileError` if only one is there, or if their shapes do not fit; `PermanentFailure` if the
///   second one is no covariance
package func statistics(
  in path: String, mean: String, covariance: String, count: Int?
) throws -> FeatureStatistics? {
  let names = try ArrayFile.names(in: path)
  guard names.contains(mean) || names.contains(covariance) else { return nil }
  let (_, mu) = try ArrayFile.doubles(in: path, array: mean, dimensions: 1)
  let (shape, sigma) = try ArrayFile.doubles(in: path, array: covariance, dimensions: 2)
  guard mu.count > 0 else {
    throw PermanentFailure(
      "\(path): array '\(mean)' is empty; expected the mean of each feature, as numpy.mean(features, axis=0)"
    )
  }
  guard shape == [mu.count, mu.count] else {
    throw PermanentFailure(
      "\(path): array '\(covariance)' has shape \(shape), expected \([mu.count, mu.count]) as "
        + "'\(mean)' has \(mu.count) numbers")
  }
  for (name, values) in [(mean, mu), (covariance, sigma)] {
    if let bad = values.firstIndex(where: { !(abs($0) <= largestStatistic) }) {
      throw PermanentFailure(
        "\(path): element \(bad) of array '\(name)' is \(values[bad]), which is none of any features"
      )
    }
  }
  let statistics = FeatureStatistics(count: count, mean: mu, covariance: sigma)
  if let fault = statistics.covarianceFault {
    throw PermanentFailure(
      "\(path): array '\(covariance)' is no covariance: \(fault); expected numpy.cov(features, "
        + "rowvar=False)")
  }
  return statistics
}

extension StageSession {
  /// The reference that a job has computed.
  package func reference(
    ofJob job: Int
  ) throws -> (description: ReferenceDescription, reference: InceptionReference) {
    let outputs = try outputs(ofJob: Int64(job))
    guard let file = outputs[OutputName.reference],
      let text = outputs[OutputName.referenceDescription]
    else { throw PermanentFailure("reference: job \(job) has no output \(OutputName.reference)") }
    let path = "\(scratch)/\(OutputName.reference)"
    try fetchArtifact(
      sha256: file.sha256, to: path, called: "\(OutputName.reference) of job \(job)")
    let json = String(decoding: try fetchArtifact(sha256: text.sha256), as: UTF8.self)
    return try refusingBadInput {
      let description = try ReferenceDescription(
        json: json, source: "\(OutputName.referenceDescription) of job \(job)")
      let count = description.images > 0 ? description.images : nil
      guard let pool = try statistics(in: path, mean: "mu", covariance: "sigma", count: count)
      else { throw PermanentFailure("reference: job \(job) has no mu and sigma") }
      var table: FeatureTable?
      if try ArrayFile.names(in: path).contains("features") {
        let rows = try ArrayFile(path: path, array: "features", of: .float32, dimensions: 2)
        table = FeatureTable(width: rows.shape[1], parts: [(rows.bytes, rows)])
      }
      return (
        description,
        InceptionReference(
          pool: pool,
          spatial: try statistics(in: path, mean: "mu_s", covariance: "sigma_s", count: count),
          features: table)
      )
    }
  }
}
