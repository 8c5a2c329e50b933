// The features that an array of jobs has computed, as one table.

import Configuration
import Evaluation
import Inception
import StageKit
import TensorFiles

/// The description of a features job's part (features.json).
package struct FeatureShard: Section {
  /// data, samples, archive or folder.
  package var kind = ""
  /// The images' identity: a fingerprint or a SHA-256.
  package var source = ""
  /// The name used in messages.
  package var name = ""
  /// Number of images in the whole source, and the range of this part.
  package var images = 0
  package var first = 0
  package var last = 0
  /// Labels of a sampling run; `unknown` for files, `data set` for a data set.
  package var labels = ""
  package var rounding = ""
  /// SHA-256 of the network's weights.
  package var weights = ""
  package var narrowing = 1

  package init() {}

  package static var fields: [Field<Self>] {
    let numbers = 0...Int.max
    return [
      .text("kind", \.kind), .text("source", \.source), .text("name", \.name),
      .integer("images", \.images, numbers), .integer("first", \.first, numbers),
      .integer("last", \.last, numbers), .text("labels", \.labels), .text("rounding", \.rounding),
      .text("weights", \.weights), .integer("narrowing", \.narrowing, 1...16),
    ]
  }

  package init(json: String, source: String) throws {
    try apply(SettingValue(parsing: json, source: source), at: "", complete: true)
  }

  /// The fields that all parts of one source have in common.
  fileprivate var whole: FeatureShard {
    var whole = self
    (whole.first, whole.last) = (0, images)
    return whole
  }
}

/// Features of all images of one source.
package struct SourceFeatures {
  package let description: FeatureShard
  package let layout: InceptionLayout
  package let table: FeatureTable
}

extension StageSession {
  /// SHA-256 of the features that jobs, or the parts of arrays, have computed, in their order.
  package func featureDigests(ofJobs jobs: [Int]) throws -> [String] {
    try jobs.flatMap { job in
      try finishedJobs(of: Int64(job)).compactMap {
        try outputs(ofJob: $0.id)[OutputName.features]?.sha256
      }
    }
  }

  /// The features that jobs, or the parts of arrays, have computed, in the order of the images.
  /// - Throws: `PermanentFailure` if they are not of one source, or not of all its images
  package func features(ofJobs jobs: [Int]) throws -> SourceFeatures {
    var shards: [(shard: FeatureShard, job: Int64, sha256: String)] = []
    for job in jobs {
      for part in try finishedJobs(of: Int64(job)) {
        let outputs = try outputs(ofJob: part.id)
        guard let rows = outputs[OutputName.features], let text = outputs[OutputName.featureShard]
        else { throw PermanentFailure("features: job \(part.id) has no output features.npz") }
        let json = String(decoding: try fetchArtifact(sha256: text.sha256), as: UTF8.self)
        let shard = try refusingBadInput {
          try FeatureShard(json: json, source: "features.json of job \(part.id)")
        }
        shards.append((shard, part.id, rows.sha256))
      }
    }
    // Empty parts come first, so that the ranges follow each other.
    shards.sort { ($0.shard.first, $0.shard.last) < ($1.shard.first, $1.shard.last) }
    guard let one = shards.first?.shard else { throw PermanentFailure("features: no parts") }
    var end = 0
    for (shard, job, _) in shards {
      guard shard.whole == one.whole else {
        throw PermanentFailure(
          "features: jobs \(shards[0].job) and \(job) measured different images or weights "
            + "(\(one.name), \(shard.name)); expected the parts of one source")
      }
      guard shard.first == end else {
        throw PermanentFailure(
          shard.first > end
            ? "features: images \(end) to \(shard.first - 1) of \(shard.name) are missing"
            : "features: image \(shard.first) of \(shard.name) is in more than one part")
      }
      end = shard.last
    }
    guard end == one.images else {
      throw PermanentFailure(
        "features: images \(end) to \(one.images - 1) of \(one.name) are missing")
    }
    let layout = InceptionLayout(pool: 2048 / one.narrowing)
    let parts = try shards.map { shard, job, sha256 in
      let path = "\(scratch)/features-\(job).npz"
      try fetchArtifact(sha256: sha256, to: path, called: "features.npz of job \(job)")
      return try refusingBadInput {
        let file = try ArrayFile(path: path, array: "features", of: .float32, dimensions: 2)
        guard file.shape == [shard.last - shard.first, layout.width] else {
          throw PermanentFailure(
            "features.npz of job \(job): shape \(file.shape), expected "
              + "\([shard.last - shard.first, layout.width])")
        }
        return (rows: file.bytes, owner: file as AnyObject?)
      }
    }
    return SourceFeatures(
      description: one.whole, layout: layout, table: FeatureTable(width: layout.width, parts: parts)
    )
  }
}
