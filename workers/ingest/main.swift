// Stage `ingest`: packs archives of images into data sets.

import Files
import Images
import JobKinds
import RunStore
import StageInputs
import StageKit

#if canImport(Glibc)
  import Glibc
#endif

/// One ingest job. After each range it registers a checkpoint with the objects of all ranges that are done and
/// their records, from which another attempt goes on. The objects are stored once: they are the result.
struct IngestStage {
  private let session: StageSession
  private let arguments: IngestArguments

  /// Seconds that a finished range may take to be stored before the next one is begun.
  private static let patience = 2.0

  init(_ session: StageSession) throws {
    self.session = session
    arguments = try refusingBadInput { try IngestArguments(json: session.arguments) }
  }

  func run() throws {
    let records = try resume()
    let job = try refusingBadInput { try session.importing(arguments) }
    // One range is packed while the one before is stored.
    let image = Int64(arguments.image.size * arguments.image.size * arguments.image.channels)
    try session.requireRoom(2 * image * Int64(job.ranges.map(\.count).max() ?? 0))
    var packed = PackedRanges(records, of: job)
    if !packed.records.isEmpty {
      say("resumed behind \(counted(packed.records.count, "range")) of \(packed.images) images")
    }
    for number in share(of: job.ranges.indices) where !packed.has(number) {
      try pack(number, of: job, isLast: packed.isLast(in: share(of: job.ranges.indices)), &packed)
    }
    try session.waitForCheckpoint()
    session.progress(done: Int64(job.total), total: Int64(job.total), unit: "images")
    if arguments.parts > 1 {
      try finishPart(job, packed)
    } else {
      try session.finish(job.listing, packed, arguments)
    }
  }

  // MARK: details

  /// The ranges of this job's part.
  private func share(of ranges: Range<Int>) -> Range<Int> {
    ranges.count * arguments.part / arguments.parts..<ranges.count * (arguments.part + 1)
      / arguments.parts
  }

  /// The ranges that earlier attempts have stored; their objects are not fetched.
  private func resume() throws -> [(record: RangeRecord, files: [Artifact])] {
    var records: [(record: RangeRecord, files: [Artifact])] = []
    _ = try session.resume { checkpoint in
      records = try session.records(in: checkpoint.files)
    } skipped: { _, damage in
      say("a checkpoint does not read, going back to the one before: \(damage)")
      records = []
    }
    return records
  }

  private func pack(
    _ number: Int, of job: IngestJob, isLast: Bool, _ packed: inout PackedRanges
  ) throws {
    let broken = packed.broken
    let done = packed.images
    let first = job.ranges[number].lowerBound
    let record = try refusingBadInput {
      try job.pack(number, in: session.scratch, brokenBefore: broken) { image, total in
        try session.releaseIfAsked()
        session.progress(done: Int64(done + image - first), total: Int64(total), unit: "images")
      }
    }
    let files = IngestFile.all(of: record, in: session.scratch)
    let text = try IngestFile(record: record, in: session.scratch)
    // The last range needs no checkpoint of its own: it is a minute of work at most.
    guard !isLast else {
      packed.add(record, try (files + [text]).map { try $0.store(in: session) })
      return
    }
    // One checkpoint follows the other, so that the next one may name what this one stores.
    let stored = (files + [text]).map(\.artifact)
    let parts = (files + [text]).map(\.part)
    let images = done + record.end - record.first
    try session.beginCheckpoint(step: Int64(images), keeping: packed.files) { _ in
      parts
    } registered: {
      for part in parts { unlink(part.path) }
      say("checkpoint at image \(images)")
    }
    // A link takes no time: a stage that is killed then loses less than one range. An upload goes on beside the
    // packing of the next one.
    try session.waitForCheckpoint(atMost: Self.patience)
    packed.add(record, stored)
  }

  /// Leaves the ranges of this part to the job that puts them together.
  private func finishPart(_ job: IngestJob, _ packed: PackedRanges) throws {
    var outputs = packed.outputs
    outputs[OutputName.listing] = try session.storeArtifact(
      bytes: Array(job.listing.json.utf8), name: OutputName.listing, mediaType: "application/json")
    try session.finish(
      outputs: outputs,
      result: JSONText.object([
        ("images", String(packed.images)), ("ranges", String(packed.records.count)),
        ("skipped", String(packed.broken)),
      ]))
  }
}

Ingest.keepMemory()
Stage.run { session in
  let arguments = try refusingBadInput { try IngestArguments(json: session.arguments) }
  if arguments.packed > 0 {
    try session.assemble(arguments)
  } else {
    let stage = try IngestStage(session)
    try stage.run()
  }
}
