// Random features of a data set, computed once for all evaluations.

import Evaluation
import Images
import RunStore
import StageInputs
import StageKit
import TensorFiles

extension StageSession {
  /// Features of every image of a data set: those that an earlier evaluation has kept, or new ones, which are
  /// kept. They are the same bits.
  /// - Parameters:
  ///   - job: the ingest job
  ///   - compute: computes them, one row for each image
  /// - Returns: [images, `RandomFeatures.count`]
  func randomFeatures(
    of data: PackedDataSet, job: Int, compute: () throws -> [[Double]]
  ) throws -> [[Double]] {
    let (source, what) = (try digest(ofDataSet: job), "random features \(RandomFeatures.name)")
    let path = "\(scratch)/reference-\(OutputName.features)"
    let width = RandomFeatures.count
    if let kept = try kept(what, of: source) {
      do {
        try fetchArtifact(sha256: kept.sha256, to: path, called: what)
        let (shape, values) = try ArrayFile.doubles(in: path, array: "features", dimensions: 2)
        if shape == [data.count, width] {
          say("the features of the data set were computed before")
          return (0..<data.count).map { Array(values[$0 * width..<($0 + 1) * width]) }
        }
      } catch let damage as DamagedArtifact {
        say("computing the features of the data set again: \(damage)")
      }
    }
    let rows = try compute()
    let writer = try NPZWriter(path)
    try writer.begin("features", type: "<f8", width: 8, shape: [data.count, width])
    for row in rows { try writer.append(row.withUnsafeBytes { Array($0) }) }
    try writer.commit()
    let artifact = try storeArtifact(
      file: path, name: OutputName.features, mediaType: "application/x-npz")
    try keep(artifact, as: what, of: source)
    return rows
  }
}
