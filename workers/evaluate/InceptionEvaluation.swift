// Figures of drawn images, each with the ruler that it was measured with.

import Evaluation
import Files
import JobKinds
import StageInputs
import StageKit
import Tensor

/// Compares features with a reference and commits the figures.
func evaluateByInception(_ session: StageSession, _ arguments: EvaluateArguments) throws {
  let drawn = try session.features(ofJobs: arguments.features)
  let (description, reference) = try session.reference(ofJob: arguments.reference)
  try check(drawn, description, reference)
  let work = ["fid", "sfid", "is", "precision and recall", "kid"]
  let result = try inceptionFigures(
    drawn: drawn.table, layout: drawn.layout, reference: reference,
    conventions: arguments.conventions.compactMap(Convention.init), on: session.device()
  ) { name, share in
    try session.releaseIfAsked()
    let before = work.firstIndex(of: name) ?? 0
    session.progress(
      done: Int64(100 * Double(before) + 100 * share), total: Int64(100 * work.count), unit: "%")
  }
  let images = drawn.table.count
  if images < drawn.layout.pool.count {
    say(
      "\(counted(images, "image")): fewer than the \(drawn.layout.pool.count) features, so that distances are "
        + "far above those of FID-50K; they compare with figures of as many images alone")
  } else if images != 50_000 {
    say("\(counted(images, "image")): the distances are no FID-50K")
  }
  var entries: [String] = []
  var records: [EvaluationRecord] = []
  for figure in result.figures {
    var ruler = [
      ("convention", JSONText.string(figure.convention.rawValue)), ("images", String(images)),
      ("labels", JSONText.string(drawn.description.labels)),
      ("rounding", JSONText.string(drawn.description.rounding)),
      ("weights", JSONText.string(drawn.description.weights)),
    ]
    if figure.metric != .score {
      ruler.append(("reference", JSONText.string(description.hash)))
      ruler.append(("reference_images", figure.referenceImages.map { String($0) } ?? "null"))
    }
    var details = [("ruler", JSONText.object(ruler))]
    if let deviation = figure.deviation {
      details.append(("deviation", JSONText.number(deviation)))
    }
    say("\(figure.name): \(shortDecimal(figure.value))")
    records.append(
      EvaluationRecord(
        metric: figure.name, scope: "overall", value: figure.value, images: Int64(images),
        details: JSONText.object(details)))
    entries.append(
      JSONText.object(
        [
          ("metric", JSONText.string(figure.name)), ("scope", JSONText.string("overall")),
          ("value", JSONText.number(figure.value)), ("images", String(images)),
        ] + details))
  }
  for missing in result.leftOut { say("left out: \(missing.metric.rawValue): \(missing.reason)") }
  let output = try session.storeArtifact(
    bytes: Array(JSONText.array(entries).utf8), name: OutputName.evaluation,
    mediaType: "application/json")
  try session.finish(
    outputs: [OutputName.evaluation: output], evaluations: records,
    result: JSONText.object([
      (
        "left_out",
        JSONText.object(
          result.leftOut.map { ($0.metric.rawValue, JSONText.string($0.reason)) })
      )
    ]))
}

/// Refuses to compare features of two different networks.
private func check(
  _ drawn: SourceFeatures, _ description: ReferenceDescription, _ reference: InceptionReference
) throws {
  guard drawn.table.count > 1 else {
    throw PermanentFailure(
      "features: \(counted(drawn.table.count, "image")); two at least are needed")
  }
  guard description.weights.isEmpty || description.weights == drawn.description.weights else {
    throw PermanentFailure(
      "reference: was measured with the weights \(description.weights.prefix(12)), the images with "
        + "\(drawn.description.weights.prefix(12)); measure both with the same")
  }
  for (found, wanted, name) in [
    (reference.pool.dimension, drawn.layout.pool.count, "mu"),
    (
      reference.spatial?.dimension ?? drawn.layout.spatial.count, drawn.layout.spatial.count, "mu_s"
    ),
    (reference.features?.width ?? drawn.layout.pool.count, drawn.layout.pool.count, "features"),
  ] where found != wanted {
    throw PermanentFailure(
      "reference: \(name) of \(description.name) has \(found) numbers, the features of the images "
        + "have \(wanted)")
  }
}
