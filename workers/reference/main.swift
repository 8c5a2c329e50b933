// Stage `reference`: computes what figures compare with, from features of a data set or a file of
// statistics.

import Digest
import Evaluation
import Files
import JobKinds
import StageInputs
import StageKit
import TensorFiles

Stage.run { session in
  let arguments = try refusingBadInput { try ReferenceArguments(json: session.arguments) }
  let digests = try session.featureDigests(ofJobs: arguments.features)
  let what =
    "reference, keep \(arguments.keep), statistics \(arguments.statistics) "
    + "'\(arguments.statisticsName.prefix(200))', features "
    + SHA256.hexadecimal(of: digests.flatMap { Array($0.utf8) })
  if let first = digests.first,
    let kept = try session.keptOutputs(
      [OutputName.reference, OutputName.referenceDescription], what: what, of: first)
  {
    let json = try session.fetchArtifact(sha256: kept[OutputName.referenceDescription]!.sha256)
    say("the reference was computed before")
    try session.finish(outputs: kept, result: String(decoding: json, as: UTF8.self))
    return
  }
  var description = ReferenceDescription()
  var (pool, spatial): (FeatureStatistics?, FeatureStatistics?)
  let source =
    arguments.features.isEmpty ? nil : try session.features(ofJobs: arguments.features)
  if let source {
    (description.hash, description.name) = (source.description.source, source.description.name)
    (description.images, description.weights) = (source.table.count, source.description.weights)
    guard source.table.count > 1 else {
      throw PermanentFailure(
        "features: \(counted(source.table.count, "image")); two at least are needed")
    }
  }
  if !arguments.statistics.isEmpty {
    let path = try session.fetch(
      "statistics", sha256: arguments.statistics, named: arguments.statisticsName,
      otherwise: "statistics.npz")
    try refusingBadInput {
      pool = try statistics(in: path, mean: "mu", covariance: "sigma", count: nil)
      spatial = try statistics(in: path, mean: "mu_s", covariance: "sigma_s", count: nil)
      guard let pool else {
        throw PermanentFailure(
          "\(path): has no arrays mu and sigma; it has "
            + (try ArrayFile.names(in: path)).joined(separator: ", "))
      }
      if let source {
        try require(pool, source.layout.pool.count, "mu", in: path)
        if let spatial { try require(spatial, source.layout.spatial.count, "mu_s", in: path) }
      }
    }
    // The file's digest is the identity; it does not say of how many images its statistics are.
    (description.hash, description.images) = (arguments.statistics, 0)
    description.name = arguments.statisticsName
  } else if let source {
    func moments(_ columns: Range<Int>, after done: Int) throws -> FeatureStatistics {
      try FeatureStatistics(source.table, columns: columns) { rows in
        try session.releaseIfAsked()
        session.progress(
          done: Int64(done + rows), total: Int64(2 * source.table.count), unit: "images")
      }
    }
    pool = try moments(source.layout.pool, after: 0)
    spatial = try moments(source.layout.spatial, after: source.table.count)
  }
  description.kept = min(source?.table.count ?? 0, arguments.keep)

  let path = "\(session.scratch)/\(OutputName.reference)"
  let writer = try NPZWriter(path)
  try write(pool!, "mu", "sigma", to: writer)
  if let spatial { try write(spatial, "mu_s", "sigma_s", to: writer) }
  if let source, description.kept > 0 {
    let (count, kept, columns) = (source.table.count, description.kept, source.layout.pool)
    try writer.begin("features", type: "<f4", width: 4, shape: [kept, columns.count])
    for number in 0..<kept {
      // Evenly spaced, since images are sorted by class.
      let row = source.table.doubles([number * count / kept], columns: columns)
      try writer.append(row.map { Float($0) }.withUnsafeBytes { Array($0) })
    }
  }
  try writer.commit()
  say(
    "\(description.name): "
      + (description.images > 0
        ? "\(counted(description.images, "image"))" : "statistics of a file")
      + ", features of \(description.kept) kept, hash \(description.hash)")
  let outputs = [
    OutputName.reference: try session.storeArtifact(
      givenAway: path, name: OutputName.reference, mediaType: "application/x-npz"),
    OutputName.referenceDescription: try session.storeArtifact(
      bytes: Array(description.json.utf8), name: OutputName.referenceDescription,
      mediaType: "application/json"),
  ]
  if let first = digests.first { try session.keep(outputs: outputs, what: what, of: first) }
  try session.finish(outputs: outputs, result: description.json)
}

func require(
  _ statistics: FeatureStatistics, _ width: Int, _ name: String, in path: String
) throws {
  guard statistics.dimension == width else {
    throw PermanentFailure(
      "\(path): array '\(name)' has \(statistics.dimension) numbers, the features have \(width)")
  }
}

func write(
  _ statistics: FeatureStatistics, _ mean: String, _ covariance: String, to writer: NPZWriter
) throws {
  let d = statistics.dimension
  try writer.begin(mean, type: "<f8", width: 8, shape: [d])
  try writer.append(statistics.mean.withUnsafeBytes { Array($0) })
  try writer.begin(covariance, type: "<f8", width: 8, shape: [d, d])
  try writer.append(statistics.covariance.withUnsafeBytes { Array($0) })
}
