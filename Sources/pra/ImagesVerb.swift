// Grids of drawn images.

import ArgumentParser
import Files
import Foundation
import Postgres
import Raster
import RunStore

struct Images: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write a grid of drawn images: by number, class, step, weights, variant or run.",
    discussion: """
      --by class writes a row for each class. --by step and --by weights write a row for each sampling \
      job, ordered by the step or the name of its weights (model, ema-0.999); all rows show the same image \
      numbers, so that only the model differs. --by variant writes such rows for every variant and seed of \
      a run that compares them, --by run for several runs.
      --neighbours writes the picture of the run's last job of kind neighbours: the samples that are \
      nearest to a training image, each with its number and distance, and beside each the training images \
      nearest to it (pra enqueue neighbours --set data=JOB --set samples=[JOB,...]).
      Example: pra images emoji -o grid.png --by class --columns 12 --scale 2
      """)

  enum Order: String, ExpressibleByArgument, CaseIterable {
    case number, `class`, step, weights, variant, run
  }

  @Argument(help: ArgumentHelp("Numbers or names of runs.", valueName: "run")) var runNames:
    [String]
  @Option(name: .shortAndLong, help: "The PNG to write; - is standard output.") var output: String
  @Option(help: "What the images of a row have in common.")
  var by: Order?
  @Option(name: .customLong("class"), help: "Name of a class; may be repeated.")
  var classes: [String] = []
  @Option(
    name: .customLong("variant"),
    help: "Name of a variant of a run that compares them; may be repeated.")
  var variants: [String] = []
  @Option(
    parsing: .unconditional, help: "Images in a row. (default: 18)",
    transform: OptionValue.whole(1...10_000))
  var columns = 18
  @Option(
    parsing: .unconditional,
    help: "Number of images at most; with --by, number of rows at most. (default: 180)",
    transform: OptionValue.whole(1...1_000_000))
  var limit = 180
  @Option(
    parsing: .unconditional,
    help: "Factor by which images are enlarged, from 1 to 16. (default: 2)",
    transform: OptionValue.whole(1...16))
  var scale = 2
  @Flag(help: "Show samples beside their nearest training images.") var neighbours = false
  @Flag(help: "Print JSON.") var json = false

  func validate() throws {
    guard !runNames.isEmpty else { throw ValidationError("name a run") }
    guard !neighbours || runNames.count == 1 && by == nil && classes.isEmpty else {
      throw ValidationError("--neighbours is for one run, without --by and --class")
    }
    guard runNames.count == 1 || by == nil || by == .run else {
      throw ValidationError("--by \(by!.rawValue) is for one run; several are shown by run")
    }
  }

  func run() throws {
    let connection = try Database.connect(.read)
    let runs = try runNames.map { try connection.run(named: $0) }
    if neighbours { return try writeNeighbours(of: runs[0], connection) }
    let order = by ?? (runs.count > 1 ? .run : .number)
    let sets = try runs.map { run in
      let rows = try connection.query(
        Queries.drawnImages,
        [
          .integer(run.id), .texts(classes), .texts(variants),
          order == .number ? .integer(Int64(limit)) : .null,
        ]
      ).map { try DrawnImage($0, run: run) }
      guard !rows.isEmpty else {
        throw NotFound(
          message: "run \(run.id) has no images"
            + (classes.isEmpty ? "" : " of class \(classes.joined(separator: ", "))")
            + (variants.isEmpty ? "" : " of variant \(variants.joined(separator: ", "))"))
      }
      return rows
    }
    var reader = try DrawnImages()
    let wanted = rows(of: Array(sets.joined()), order)
    var first: Picture?
    let grid = try wanted.map { row in
      GridRow(
        title: row.title,
        pictures: try row.images.map { image in
          let picture = try reader.picture(image.place)
          guard first == nil || picture.width == first!.width && picture.height == first!.height
          else {
            throw Failure(
              message: "there are images of several sizes; a grid needs one: choose with --variant")
          }
          first = picture
          return picture
        })
    }
    let picture =
      order == .number
      ? Picture.grid(grid.flatMap(\.pictures), columns: columns, gap: 1, scale: scale)
      : Picture.grid(grid, gap: 1, scale: scale)
    try write(try picture.png(), to: output)
    let count = wanted.reduce(0) { $0 + $1.images.count }
    let named = runs.map { String($0.id) }
    if json {
      report(
        JSONText.object([
          runs.count == 1 ? ("run", named[0]) : ("runs", JSONText.array(named)),
          ("file", JSONText.string(output)), ("images", String(count)),
          ("rows", JSONText.array(wanted.map { JSONText.string($0.title) })),
          ("width", String(picture.width)), ("height", String(picture.height)),
        ]), of: output, isJSON: true)
      return
    }
    report(
      "\(output): \(count) images of run\(runs.count == 1 ? "" : "s") "
        + "\(named.joined(separator: ", ")), \(picture.width) x \(picture.height)", of: output)
  }

  private func writeNeighbours(
    of run: (id: Int64, name: String), _ connection: Connection
  ) throws {
    guard
      let row = try connection.query(Queries.neighbourGrid, [.integer(run.id)]).first
    else {
      throw NotFound(
        message: "run \(run.id) has no picture of neighbours; pra enqueue neighbours makes one")
    }
    var store = try Database.store(.read)
    try write(try store.bytes(sha256: try row.string("sha256")), to: output)
    let job = try row.integer("job_id")
    if json {
      report(
        JSONText.object([
          ("run", String(run.id)), ("job", String(job)), ("file", JSONText.string(output)),
        ]), of: output, isJSON: true)
    } else {
      report(
        "\(output): nearest training images of samples of run \(run.id), by job \(job)", of: output)
    }
  }

  /// Sorts images into rows; the rows are in the order in which their keys first occur.
  private func rows(of images: [DrawnImage], _ order: Order) -> [(
    title: String, images: [DrawnImage]
  )] {
    if order == .number { return [("", Array(images.prefix(limit)))] }
    var titles: [String] = []
    var rows: [String: [DrawnImage]] = [:]
    for image in images {
      let title = image.title(order)
      if rows[title] == nil { titles.append(title) }
      rows[title, default: []].append(image)
    }
    if order == .class { titles.sort { rows[$0]![0].label < rows[$1]![0].label } }
    if order == .step { titles.sort { rows[$0]![0].step < rows[$1]![0].step } }
    return titles.prefix(limit).map { ($0, Array(rows[$0]!.prefix(columns))) }
  }
}

/// An image, and the settings it was drawn with.
private struct DrawnImage {
  let run: (id: Int64, name: String)
  let label: Int64
  let className: String
  let place: ImagePlace
  /// Training step of the weights; -1 if the job does not say.
  let step: Int64
  let weights: String
  let variant: String?

  init(_ row: Row, run: (id: Int64, name: String)) throws {
    self.run = run
    label = try row.integer("label")
    className = try row.string("class_name")
    place = try ImagePlace(row)
    step = try row.optionalInteger("step") ?? -1
    weights = try row.text("weights") ?? "unknown"
    variant = try row.text("variant")
  }

  func title(_ order: Images.Order) -> String {
    switch order {
    case .number: ""
    case .class: className
    case .step: step < 0 ? "unknown step" : "step \(step)"
    case .weights: weights
    case .variant: variant ?? run.name
    case .run: "\(run.name) (\(run.id))"
    }
  }
}
