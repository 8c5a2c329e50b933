// Grids of drawn images.

import ArgumentParser
import Figures
import Files
import Foundation
import Postgres
import Raster
import RunStore

struct Images: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write a grid of drawn images: by number, class, step, weights, variant or run.",
    discussion: """
      The images are those of one sampling run of each run, the newest; --job chooses another, and a line names \
      the others where there are some. --by class writes a row for each class. --by step and --by weights write a row \
      for each sampling run, ordered by the step or the name of its weights (model, ema-0.999); sampling runs of one \
      step are told apart by job and by the settings in which they differ. All these rows show the same image numbers: \
      those that every one of them has. --by variant writes such rows for every variant and seed of a run that \
      compares them, --by run for several runs.
      Previews, which a training draws at its checkpoints (preview in a run file), are shown where a run has no other \
      images, the newest of them, and are rows of their own with --by step.
      --neighbours writes the picture of the run's last job of kind neighbours: the samples that are \
      nearest to a training image, each with its number and distance, and beside each the training images \
      nearest to it (pra enqueue neighbours --set data=JOB --set samples=[JOB,...]).
      Example: pra images emoji -o grid.png --by class --columns 12 --scale 2
      """)

  enum Order: String, ExpressibleByArgument, CaseIterable {
    case number, `class`, step, weights, variant, run
  }

  @OptionGroup var targets: RunTargets
  @Option(
    name: .shortAndLong,
    help: "The PNG to write; - is standard output. By default it is named after the run.")
  var output: String?
  @Option(help: "What the images of a row have in common.")
  var by: Order?
  @Option(name: .customLong("class"), help: "Name of a class; may be repeated.")
  var classes: [String] = []
  @Option(
    name: .customLong("variant"),
    help: "Name of a variant of a run that compares them; may be repeated.")
  var variants: [String] = []
  @Option(
    name: .customLong("job"),
    help: "Number of a sampling job whose images are shown; may be repeated, for other runs.")
  var samplings: [Int64] = []
  @Option(
    parsing: .unconditional,
    help: "Images in a row. (default: 18; without --by the most, from 8 to 18, that fill each row)",
    transform: OptionValue.whole(1...10_000))
  var columns: Int?
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
    try targets.requireSome()
    if let output, !output.hasSuffix(".png"), !isNoFile(output) {
      throw ValidationError("--output \(output): expected a name that ends in .png")
    }
    guard !neighbours || by == nil && classes.isEmpty else {
      throw ValidationError("--neighbours is for one run, without --by and --class")
    }
  }

  func run() throws {
    let connection = try Database.connect(.read)
    let runs = try connection.runs(named: targets.names, with: neighbours ? .anything : .images)
    guard runs.count == 1 || !neighbours && (by == nil || by == .run) else {
      throw ValidationError(
        "\(neighbours ? "--neighbours" : "--by \(by!.rawValue)") is for one run; several are shown by run"
      )
    }
    let output =
      output ?? fileName(runs.map(\.name).joined(separator: "-"))
      + (neighbours ? "-neighbours.png" : ".png")
    if neighbours { return try writeNeighbours(of: runs[0], to: output, connection) }
    let order = by ?? (runs.count > 1 ? .run : .number)
    let chosen = try chosenSamplings(of: runs, order, connection)
    let sets = try zip(runs, chosen).map { run, jobs in
      let rows = try images(of: run, jobs, order, connection)
      guard !rows.isEmpty else {
        throw try connection.lacks(
          .images, run,
          (classes.isEmpty ? "" : " of class \(classes.joined(separator: ", "))")
            + (variants.isEmpty ? "" : " of variant \(variants.joined(separator: ", "))"))
      }
      return rows
    }
    var reader = try DrawnImages()
    let names = order == .step || order == .weights || order == .variant
    let wanted = rows(
      of: Array(sets.joined()), order,
      names ? try connection.samplings(ofRun: runs[0].id) : [])
    reader.expect(wanted.flatMap { $0.images.map(\.place) })
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
      ? Picture.grid(
        grid.flatMap(\.pictures), columns: columns ?? Self.columns(of: wanted[0].images.count),
        gap: 1, scale: scale)
      : try Picture.grid(grid, gap: 1, scale: scale)
    try write(try picture.png(), to: output)
    if order != .number { tellLackingGlyphs(in: grid.map(\.title)) }
    if !json { try TerminalPicture.show { picture } }
    let count = wanted.reduce(0) { $0 + $1.images.count }
    let named = runs.map { String($0.id) }
    let drawn = Drawn(wanted.flatMap(\.images))
    let all = sets.reduce(0) { $0 + $1[0].of }
    if count < all { tellMissing(all - count, of: all, in: wanted.map(\.images.count), order) }
    if json {
      report(
        JSONText.object(
          JSONText.members(of: runs) + [
            ("file", JSONText.string(output)), ("images", String(count)),
            ("of", String(all)),
            ("step", drawn.step.map { String($0) } ?? "null"), ("preview", String(drawn.isPreview)),
            ("rows", JSONText.array(wanted.map { JSONText.string($0.title) })),
            ("width", String(picture.width)), ("height", String(picture.height)),
          ]), of: output, isJSON: true)
      return
    }
    report(
      "\(output): \(count)\(count < all ? " of \(all)" : "") images of run\(runs.count == 1 ? "" : "s") "
        + "\(named.joined(separator: ", ")), \(drawn.words)\(picture.width) x \(picture.height)",
      of: output)
  }

  /// Says on standard error that a grid leaves images out, and why.
  private func tellMissing(_ missing: Int, of all: Int, in rows: [Int], _ order: Order) {
    let reason =
      order == .number
      ? "--limit \(all) shows all"
      : rows.max() == rowLength
        ? "--columns makes rows longer than \(rowLength)"
        : rows.count == limit
          ? "--limit gives more rows" : "rows show the image numbers that all of them have"
    complain("pra: \(counted(missing, "image")) not shown: \(reason)")
  }

  /// The number of columns that fills each row of a grid, where one from 8 to 18 does.
  static func columns(of count: Int) -> Int {
    stride(from: 18, through: 8, by: -1).first { count.isMultiple(of: $0) } ?? 18
  }

  /// The images that a row with a title may have.
  private var rowLength: Int { columns ?? 18 }

  /// The images of a run that the grid may show: of a row no more than it has columns.
  private func images(
    of run: NamedRun, _ jobs: [Int64], _ order: Order, _ connection: Connection
  ) throws -> [DrawnImage] {
    let rows = try connection.query(
      SamplingQueries.images,
      [
        .integer(run.id), .integers(jobs), .texts(classes), .texts(variants),
        .integer(Int64(order == .number ? limit : rowLength)), .text(order.rawValue),
      ])
    return try rows.map { try DrawnImage($0, run: run) }
  }

  /// The jobs whose images are shown, for each run; none where each row is of a sampling run of its own.
  private func chosenSamplings(
    of runs: [NamedRun], _ order: Order, _ connection: Connection
  ) throws -> [[Int64]] {
    if let wrong = try samplings.first(where: { job in
      try !runs.contains {
        try connection.samplings(ofRun: $0.id).contains { $0.jobs.contains(job) }
      }
    }) {
      throw NotFound(message: "--job \(wrong): has drawn no images of the run")
    }
    return try runs.map { run in
      let own = try connection.samplings(ofRun: run.id)
      let named = own.filter { one in samplings.contains { one.jobs.contains($0) } }
      if !named.isEmpty { return named.flatMap(\.jobs) }
      switch order {
      case .step: return []
      case .weights, .variant:
        // Previews of many steps would stand in one row beside the images of the last.
        guard own.contains(where: \.isPreview) else { return [] }
        let drawn = own.filter { !$0.isPreview }
        var seen: Set<String> = []
        return (drawn.isEmpty ? own.filter { seen.insert($0.variant ?? "").inserted } : drawn)
          .flatMap(\.jobs)
      case .number, .class, .run:
        return try connection.sampling(of: run, job: nil, variants: variants).jobs
      }
    }
  }

  private func writeNeighbours(
    of run: (id: Int64, name: String), to output: String, _ connection: Connection
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
        JSONText.object(
          JSONText.members(of: run) + [
            ("job", String(job)), ("file", JSONText.string(output)),
          ]), of: output, isJSON: true)
    } else {
      report(
        "\(output): nearest training images of samples of run \(run.id), by job \(job)", of: output)
    }
  }

  /// Sorts images into rows; the rows are in the order in which their keys first occur.
  /// - Parameter samplings: those of the run, where each row is of one; none otherwise
  private func rows(of images: [DrawnImage], _ order: Order, _ samplings: [Sampling]) -> [(
    title: String, images: [DrawnImage]
  )] {
    if order == .number { return [("", Array(images.prefix(limit)))] }
    var keys: [RowKey] = []
    var rows: [RowKey: [DrawnImage]] = [:]
    for image in images {
      let key = RowKey(
        title: image.title(order), sampling: samplings.isEmpty ? nil : image.samplingJob)
      if rows[key] == nil { keys.append(key) }
      rows[key, default: []].append(image)
    }
    // The sort keeps the order of equal ones: the newest sampling run is the last of its step.
    keys.sort { ($0.sampling ?? 0) < ($1.sampling ?? 0) }
    if order == .class { keys.sort { rows[$0]![0].label < rows[$1]![0].label } }
    if order == .weights { keys.sort { $0.title < $1.title } }
    if order == .step { keys.sort { rows[$0]![0].step < rows[$1]![0].step } }
    return keys.prefix(limit).map { key in
      (key.fullTitle(among: keys, samplings), Array(rows[key]!.prefix(rowLength)))
    }
  }
}

/// The thing that the images of a row have in common.
private struct RowKey: Hashable {
  let title: String
  /// The job or array that drew them, where the row is of one.
  let sampling: Int64?

  /// The title, and where others have the same one the job and the settings in which theirs differ, as in
  /// "step 50, job 38, scale 4".
  func fullTitle(among keys: [RowKey], _ samplings: [Sampling]) -> String {
    let equal = keys.filter { $0.title == title }.compactMap(\.sampling)
    guard equal.count > 1, let sampling else { return title }
    let settings = equal.map { job in samplings.first { $0.jobs.contains(job) }?.settings ?? [] }
    let own = settings[equal.firstIndex(of: sampling)!]
    let differing = own.filter { one in
      !title.contains(one) && !settings.allSatisfy { $0.contains(one) }
    }
    return ([title, "job \(sampling)"] + differing).joined(separator: ", ")
  }
}

/// The step of the weights that drew all of some images.
private struct Drawn {
  /// Nil where they are of several.
  let step: Int64?
  let isPreview: Bool

  init(_ images: [DrawnImage]) {
    let steps = Set(images.map(\.step))
    step = steps.count == 1 && steps.first! >= 0 ? steps.first : nil
    isPreview = !images.isEmpty && images.allSatisfy(\.isPreview)
  }

  /// As in "a preview of step 200, ".
  var words: String {
    let of = step.map { "step \($0)" }
    if isPreview { return "\(of.map { "a preview of \($0)" } ?? "previews"), " }
    return of.map { "drawn at \($0), " } ?? ""
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
  let isPreview: Bool
  let samplingJob: Int64
  /// How many images of its run there are to choose from.
  let of: Int

  init(_ row: Row, run: (id: Int64, name: String)) throws {
    self.run = run
    label = try row.integer("label")
    className = try row.string("class_name")
    place = try ImagePlace(row)
    step = try row.optionalInteger("step") ?? -1
    weights = try row.text("weights") ?? "unknown"
    variant = try row.text("variant")
    isPreview = try row.boolean("preview")
    samplingJob = try row.integer("sampling_job")
    of = Int(try row.integer("of"))
  }

  func title(_ order: Images.Order) -> String {
    switch order {
    case .number: ""
    case .class: className
    case .step: (step < 0 ? "unknown step" : "step \(step)") + (isPreview ? " (preview)" : "")
    case .weights: weights
    case .variant: variant ?? run.name
    case .run: "\(run.name) (\(run.id))"
    }
  }
}
