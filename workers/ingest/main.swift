// Stage `ingest`: an archive of class folders in, one packed data set out.

import Files
import Images
import JobKinds
import RunStore
import StageInputs

StageExit.run { session in
  let arguments = try refusingBadInput { try IngestArguments(json: session.arguments) }
  // Messages name the source as its user does, not as the store does.
  let source = "\(session.scratch)/source.tar"
  try session.fetchArtifact(sha256: arguments.source, to: source)
  let packed = "\(session.scratch)/\(OutputName.dataSet)"
  let report: IngestReport
  do {
    report = try Ingest.run(
      source: source, to: packed,
      options: .init(
        size: arguments.image.size, channels: arguments.image.channels,
        skipLimit: arguments.skipLimit)
    ) { done, total in
      try session.releaseIfAsked()
      session.progress(done: Int64(done), total: Int64(total), unit: "images")
    }
  } catch let error as FileError {
    let sentence = error.description.split(separator: source, omittingEmptySubsequences: false)
      .joined(separator: arguments.sourceName)
    throw PermanentFailure(sentence)
  }
  for skipped in report.skipped { say("skipped \(skipped.name): \(skipped.reason)") }
  say("\(report.images) images in \(report.classes.count) classes, \(report.fingerprint)")
  let dataSet = try session.storeArtifact(
    file: packed, name: OutputName.dataSet, mediaType: "application/octet-stream")
  let record = try session.storeArtifact(
    bytes: Array(report.json.utf8), name: OutputName.ingestReport, mediaType: "application/json")
  try session.finish(
    outputs: [OutputName.dataSet: dataSet, OutputName.ingestReport: record],
    result: JSONText.object([
      ("images", String(report.images)), ("classes", String(report.classes.count)),
      ("skipped", String(report.skipped.count)),
      ("fingerprint", JSONText.string(report.fingerprint)),
    ]))
}
