// Data sets and drawn images of other jobs.

import Images
import RunStore
import StageKit

#if canImport(Glibc)
  import Glibc
#endif

extension OutputName {
  /// The data set's manifest; its ranges are outputs `data-00000.packed` and so on.
  package static let dataSet = "data.json"
  /// The manifest of the images that `ingest` held out, if a split was asked for; same classes, same size.
  package static let validation = "validation.json"

  /// The one packed file that a version before 0.2 made in the place of a manifest and its ranges.
  fileprivate static func inOneFile(_ name: String) -> String? {
    switch name {
    case dataSet: "data.packed"
    case validation: "validation.packed"
    default: nil
    }
  }
}

extension StageSession {
  /// Whether a job has such an output.
  package func hasDataSet(ofJob job: Int, output: String) throws -> Bool {
    try self.artifact(ofJob: job, output) != nil
  }

  /// SHA-256 of a job's data set, under which results of it are kept: of its manifest, which names all ranges.
  package func digest(ofDataSet job: Int) throws -> String {
    guard let artifact = try artifact(ofJob: job, OutputName.dataSet) else {
      throw PermanentFailure("job \(job) has no output \(OutputName.dataSet)")
    }
    return artifact.sha256
  }

  private func artifact(ofJob job: Int, _ output: String) throws -> Artifact? {
    let outputs = try outputs(ofJob: Int64(job))
    return outputs[output] ?? OutputName.inOneFile(output).flatMap { outputs[$0] }
  }

  /// Fetches, verifies and maps images of another job: a data set, or what was drawn.
  /// - Throws: `PermanentFailure` if that job has no such output
  package func dataSet(ofJob job: Int, output: String) throws -> PackedDataSet {
    let set = try openDataSet(ofJob: job, output: output)
    for range in set.ranges.indices {
      try releaseIfAsked()
      try fetch(range: range, of: set, ofJob: job)
    }
    return set
  }

  /// Opens a data set of another job without its pixels: its ranges are fetched by their reader.
  /// - Throws: `PermanentFailure` if that job has no such output
  package func openDataSet(ofJob job: Int, output: String) throws -> PackedDataSet {
    guard let artifact = try artifact(ofJob: job, output) else {
      throw PermanentFailure("job \(job) has no output \(output)")
    }
    let path = "\(scratch)/job-\(job)-\(artifact.name)"
    try fetchArtifact(
      sha256: artifact.sha256, to: path, called: "\(artifact.name) of job \(job)")
    let set = try refusingBadInput { try PackedDataSet(path: path) }
    for range in set.ranges.indices {
      let name = Self.name(range, of: set, ofJob: job)
      call(rangePath(range, of: set), name)
      call(
        "artifact \(set.ranges[range].sha256)",
        "\(name) (artifact \(set.ranges[range].sha256.prefix(12)))")
    }
    return set
  }

  /// Fetches one range of a data set whose others may not be there.
  package func fetch(range: Int, of set: PackedDataSet, ofJob job: Int) throws {
    let path = rangePath(range, of: set)
    // Another data set of this stage may have the same range.
    if access(path, R_OK) != 0 { try fetchArtifact(sha256: set.ranges[range].sha256, to: path) }
    try refusingBadInput { try set.open(range: range, path: path) }
  }

  /// Fetches the ranges of adjacent images, and no others.
  package func fetch(images: Range<Int>, of set: PackedDataSet, ofJob job: Int) throws {
    for range in set.ranges.indices where set.images(ofRange: range).overlaps(images) {
      try releaseIfAsked()
      try fetch(range: range, of: set, ofJob: job)
    }
  }

  /// Calls `body` with the images of one range after the other, whose pixels are there meanwhile: the whole data set
  /// is never in the scratch folder.
  package func forEachRange(
    of set: PackedDataSet, ofJob job: Int, _ body: (_ images: Range<Int>) throws -> Void
  ) throws {
    guard !set.ranges.isEmpty else { return try body(0..<set.count) }
    for range in set.ranges.indices {
      try fetch(range: range, of: set, ofJob: job)
      try body(set.images(ofRange: range))
      discard(range: range, of: set)
    }
  }

  /// Takes a range that is not read any more out of memory and of the scratch folder.
  package func discard(range: Int, of set: PackedDataSet) {
    set.close(range: range)
    discard(rangePath(range, of: set))
  }

  /// Begins to fetch all ranges of a data set, beside the stage's work.
  /// - Returns: a function that waits until the ranges of images are there; false if the attempt is asked to
  ///   stop first
  package func beginFetching(
    _ set: PackedDataSet
  ) throws -> @Sendable (_ images: [Int]) throws -> Bool {
    guard !set.ranges.isEmpty else { return { _ in true } }
    let paths = set.ranges.indices.map { rangePath($0, of: set) }
    let fetcher = try beginFetching(
      zip(set.ranges, paths).map { BackgroundFetcher.Item(sha256: $0.sha256, path: $1) }
    ) { range in
      try refusingBadInput { try set.open(range: range, path: paths[range]) }
    }
    let isStopped = stopWatch
    return { images in
      try fetcher.require(Set(images.map { set.range(of: $0) }), isStopped: isStopped)
    }
  }

  private func rangePath(_ range: Int, of set: PackedDataSet) -> String {
    // By its digest: two data sets of one stage may share ranges.
    "\(scratch)/range-\(set.ranges[range].sha256)"
  }

  private static func name(_ range: Int, of set: PackedDataSet, ofJob job: Int) -> String {
    let images = set.images(ofRange: range)
    return "images \(images.lowerBound) to \(images.upperBound - 1) of the data set of job \(job)"
  }
}
