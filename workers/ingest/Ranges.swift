// The ranges of an ingest job: their files, and the data set that they make.

import Files
import Images
import JobKinds
import RunStore
import StageInputs
import StageKit

#if canImport(Glibc)
  import Glibc
#endif

extension OutputName {
  /// The facts about the source, an output of a part.
  static let listing = "listing.json"
  /// The beginning of the names of records.
  fileprivate static let record = "range"
}

/// A file that a range leaves.
struct IngestFile {
  let path: String
  let artifact: Artifact

  /// The objects of a range.
  static func all(of record: RangeRecord, in folder: String) -> [IngestFile] {
    let ranges = [("data", record.training.range), ("validation", record.validation?.range)]
    return ranges.compactMap {
      what, range in
      guard let range else { return nil }
      let name = RangeRecord.name(what, record.number, "packed")
      return IngestFile(
        path: "\(folder)/\(name)",
        artifact: Artifact(
          sha256: range.sha256, size: Int64(range.bytes), name: name,
          mediaType: Artifact.mediaType(ofName: name)))
    }
  }

  /// The record of a range, which is written.
  init(record: RangeRecord, in folder: String) throws {
    let name = RangeRecord.name(OutputName.record, record.number, "json")
    path = "\(folder)/\(name)"
    let file = try DurableFile(path, isHashed: true)
    try file.write(Array(record.json.utf8))
    try file.commit()
    artifact = Artifact(
      sha256: file.digest!.sha256, size: file.digest!.size, name: name,
      mediaType: Artifact.mediaType(ofName: name))
  }

  private init(path: String, artifact: Artifact) { (self.path, self.artifact) = (path, artifact) }

  private var digest: FileDigest { FileDigest(sha256: artifact.sha256, size: artifact.size) }

  var part: CheckpointPart { CheckpointPart(name: artifact.name, path: path, digest: digest) }

  func store(in session: StageSession) throws -> Artifact {
    defer { unlink(path) }
    return try session.storeArtifact(
      givenAway: path, digest: digest, name: artifact.name, mediaType: artifact.mediaType)
  }
}

/// The ranges that are done, with their stored files.
struct PackedRanges {
  private(set) var records: [RangeRecord] = []
  private(set) var files: [Artifact] = []

  init() {}

  /// - Parameter found: those of a checkpoint; of another division into ranges they are left out
  init(_ found: [(record: RangeRecord, files: [Artifact])], of job: IngestJob) {
    for (record, files) in found
    where record.of == job.ranges.count && record.first..<record.end == job.ranges[record.number] {
      add(record, files)
    }
  }

  mutating func add(_ record: RangeRecord, _ stored: [Artifact]) {
    records.append(record)
    files += stored
  }

  func has(_ number: Int) -> Bool { records.contains { $0.number == number } }

  /// Whether one range of these is left.
  func isLast(in share: Range<Int>) -> Bool { records.count == share.count - 1 }

  /// Images that were looked at, and those of them that are broken.
  var images: Int { records.reduce(0) { $0 + $1.end - $1.first } }
  var broken: Int { records.reduce(0) { $0 + $1.skippedCount } }

  var outputs: [String: Artifact] {
    Dictionary(files.map { ($0.name, $0) }) { first, _ in first }
  }
}

extension StageSession {
  /// The records among files, each with the artifacts of its range.
  /// - Throws: `DamagedArtifact` if one of them does not read
  func records(
    in files: [String: Artifact]
  ) throws -> [(record: RangeRecord, files: [Artifact])] {
    try files.values.filter { $0.name.hasPrefix("\(OutputName.record)-") }.map { artifact in
      let record = try refusingBadInput {
        try RangeRecord(
          parsing: try fetchArtifact(sha256: artifact.sha256),
          path: "\(artifact.name) (artifact \(artifact.sha256.prefix(12)))")
      }
      return (record, IngestFile.all(of: record, in: scratch).map(\.artifact) + [artifact])
    }
  }

  /// Puts the ranges of an array's parts together.
  func assemble(_ arguments: IngestArguments) throws {
    var packed = PackedRanges()
    var listing: (digest: String, text: IngestListing)?
    for part in try finishedJobs(of: Int64(arguments.packed)) {
      try releaseIfAsked()
      let outputs = try outputs(ofJob: part.id)
      guard let file = outputs[OutputName.listing] else {
        throw PermanentFailure("packed: job \(part.id) has no output \(OutputName.listing)")
      }
      if let listing, listing.digest != file.sha256 {
        throw PermanentFailure(
          "packed: job \(part.id) has listed the source with another result than the parts before; "
            + "it has changed, or its worker runs another version")
      }
      if listing == nil {
        let text = try refusingBadInput {
          try IngestListing(
            parsing: try fetchArtifact(sha256: file.sha256), path: OutputName.listing)
        }
        listing = (file.sha256, text)
      }
      for (record, files) in try records(in: outputs) { packed.add(record, files) }
    }
    guard let listing else {
      throw PermanentFailure("packed: job \(arguments.packed) has no parts")
    }
    try finish(listing.text, packed, arguments)
  }

  /// Stores manifests and report, and ends the job.
  func finish(
    _ listing: IngestListing, _ packed: PackedRanges, _ arguments: IngestArguments
  ) throws {
    let made = try refusingBadInput {
      try listing.assemble(packed.records, skipLimit: arguments.skipLimit)
    }
    let report = made.report
    for skipped in report.skipped { say("skipped \(skipped.name): \(skipped.reason)") }
    for sentence in report.sentences { say(sentence) }
    if let names = report.ignored.names { say(names) }
    say(
      "\(counted(report.training.images, "image")) in \(counted(report.classes.count, "class", "classes")), "
        + report.training.fingerprint)
    var outputs = packed.outputs.filter { !$0.key.hasPrefix("\(OutputName.record)-") }
    func store(_ text: String, _ name: String) throws {
      outputs[name] = try storeArtifact(
        bytes: Array(text.utf8), name: name, mediaType: "application/json")
    }
    try store(made.training.json, OutputName.dataSet)
    if let validation = made.validation { try store(validation.json, OutputName.validation) }
    try store(report.json, OutputName.ingestReport)
    try finish(outputs: outputs, result: Self.result(report, size: arguments.image.size))
  }

  /// The result that is shown with the job.
  private static func result(_ report: IngestReport, size: Int) -> String {
    var members = [
      ("images", String(report.training.images)), ("classes", String(report.classes.count)),
      ("size", String(size)), ("layout", JSONText.string(report.layout.rawValue)),
      ("skipped", String(report.skippedCount)), ("ignored", String(report.ignored.count)),
      ("ignored_reasons", report.ignoredReasons),
      ("empty_classes", String(report.emptyClasses.count)),
      ("fingerprint", JSONText.string(report.training.fingerprint)),
    ]
    if let held = report.validation {
      members += [
        ("validation_images", String(held.images)),
        ("validation_fingerprint", JSONText.string(held.fingerprint)),
      ]
    }
    return JSONText.object(members)
  }
}
