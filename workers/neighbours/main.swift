// Stage `neighbours`: finds the nearest training images of drawn images, as a picture and in
// figures.

import Figures
import Files
import Images
import JobKinds
import Raster
import StageInputs
import StageKit

Stage.run { session in
  let arguments = try refusingBadInput { try NeighboursArguments(json: session.arguments) }
  let training = try session.dataSet(ofJob: arguments.data, output: OutputName.dataSet)
  let heldOut =
    try session.hasDataSet(ofJob: arguments.data, output: OutputName.validation)
    ? session.dataSet(ofJob: arguments.data, output: OutputName.validation) : nil
  guard training.count > 1 else {
    throw PermanentFailure("job \(arguments.data): one training image has no other to compare with")
  }
  var samples: [(data: PackedDataSet, image: Int)] = []
  for job in try parts(session, arguments) {
    let set = try session.dataSet(ofJob: job, output: OutputName.images)
    guard set.size == training.size, set.channels == training.channels else {
      throw PermanentFailure(
        "job \(job) has images of \(set.size) pixels and \(set.channels) channels, the data set of "
          + "\(training.size) and \(training.channels)")
    }
    samples += (0..<set.count).prefix(arguments.count - samples.count).map { (set, $0) }
  }
  guard !samples.isEmpty else { throw PermanentFailure("samples: they have no images") }
  let report = try CopyReport(
    samples: samples, training: training, heldOut: heldOut, k: arguments.neighbours,
    threads: session.threads
  ) { done, total in
    try session.releaseIfAsked()
    session.progress(done: Int64(done), total: Int64(total), unit: "images")
  }

  func picture(_ data: PackedDataSet, _ image: Int) -> Picture {
    Picture(
      width: data.size, height: data.size, channels: data.channels,
      pixels: Array(data.pixels(of: image)))
  }
  // The nearest first: if these are no copies, none is.
  let order = samples.indices.sorted {
    (report.neighbours[$0][0].distance, $0) < (report.neighbours[$1][0].distance, $1)
  }
  let shown = order.prefix(arguments.rows)
  let rows = shown.map { i in
    GridRow(
      title: "\(i): \(rounded(report.neighbours[i][0].distance))",
      pictures: [picture(samples[i].data, samples[i].image)]
        + report.neighbours[i].map { picture(training, $0.image) })
  }
  let scale = max(1, 64 / training.size)
  let grid = try Picture.grid(rows, gap: 2, scale: scale).png()

  var figures = [("near_duplicates.share", report.share, samples.count)]
  if let share = report.heldOutShare {
    figures.append(("near_duplicates.held_out", share, min(heldOut!.count, 2_000)))
  }
  for figure in figures {
    say("\(figure.0): \(shortDecimal(figure.1)) of \(counted(figure.2, "image"))")
  }
  let details = JSONText.object([("threshold", JSONText.number(report.threshold))])
  let document = JSONText.object([
    ("threshold", JSONText.number(report.threshold)),
    ("figures", JSONText.object(figures.map { ($0.0, JSONText.number($0.1)) })),
    (
      "samples",
      JSONText.array(
        samples.indices.map { i in
          JSONText.array(
            report.neighbours[i].map {
              JSONText.object([
                ("image", String($0.image)), ("distance", JSONText.number($0.distance)),
              ])
            })
        })
    ),
  ])
  try session.finish(
    outputs: [
      OutputName.neighbourGrid: try session.storeArtifact(
        bytes: grid, name: OutputName.neighbourGrid, mediaType: "image/png"),
      OutputName.neighbours: try session.storeArtifact(
        bytes: Array(document.utf8), name: OutputName.neighbours, mediaType: "application/json"),
    ],
    evaluations: figures.map {
      EvaluationRecord(
        metric: $0.0, scope: "overall", value: $0.1, images: Int64($0.2), details: details)
    })
}

/// Sample jobs, elements of arrays among them, in the order of their images.
private func parts(_ session: StageSession, _ arguments: NeighboursArguments) throws -> [Int] {
  var found: [(first: Int, job: Int)] = []
  for sample in arguments.samples {
    for part in try session.finishedJobs(of: Int64(sample)) {
      let drawn = try refusingBadInput { try SampleArguments(json: part.arguments) }
      found.append((drawn.first, Int(part.id)))
    }
  }
  return found.sorted { $0 < $1 }.map(\.job)
}

/// A number with one decimal.
func rounded(_ x: Double) -> String {
  let tenths = Int((x * 10).rounded())
  return "\(tenths / 10).\(tenths % 10)"
}
