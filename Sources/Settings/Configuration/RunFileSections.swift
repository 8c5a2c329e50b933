// Sections of a run file besides its configuration: data, first weights and images to draw.

extension RunFile {
  /// The images to ingest.
  package struct DataSource: Section, Hashable {
    package var source = ""
    /// Number or name of a run whose data are used, or empty.
    package var run = ""
    /// Number of an ingest job whose data are used.
    package var job: Int?
    package var folder: String?
    package var validation = Validation()
    package var skipLimit = 0
    /// Colour on which transparent pictures are laid, or empty.
    package var background = ""
    /// Whether workers read the source where it lies; nil to decide by its size.
    package var inPlace: Bool?
    /// Number of jobs that ingest it; nil to decide by its size.
    package var parts: Int?

    package init() {}

    package static var fields: [Field<Self>] {
      [
        .text(
          "source", \.source,
          "Path, relative to the run file: a tar, a zip, a folder of images or of archives, or "
            + "archives by number as in `train-{000..127}.tar`. One of `data.source`, `data.run` and "
            + "`data.job` is given."),
        .reference(
          "run", \.run,
          "Number or name of an earlier run whose images are used, with its split; they are ingested "
            + "again for another image size alone."),
        .optionalInteger(
          "job", \.job, 1...Int.max,
          "Number of an ingest job whose images are used, as `pra data` lists them."),
        .optionalText("folder", \.folder, "Folder of the source that is read; null for all of it."),
        .section(
          "validation", \.validation,
          "Images that are held out of training: by one of these keys, or none."),
        .integer(
          "skip_limit", \.skipLimit, 0...1_000_000_000,
          "Broken images that may be left out; with one more, or at 0 with the first, ingest fails."
        ).unit("images"),
        .optionalText(
          "background", \.background,
          "Colour on which transparent pictures are laid: `white`, `black`, `gray`, or as `'#ff8000'`; null "
            + "drops alpha and takes the colours below it, as Pillow does."),
        .optionalFlag(
          "in_place", \.inPlace,
          "Whether workers read the source where it lies, below a folder of `pra worker --sees`, "
            + "instead of from the store; null: if it is larger than 16 GiB and a worker sees it."),
        .optionalInteger(
          "parts", \.parts, 1...10_000,
          "Number of jobs, parts of one array, that share the images; null: one, or one for each "
            + "4 GiB of a source that is read in place, at most 64."),
      ]
    }
  }

  /// Key `init`: trained weights in a file (Training, CheckpointArchive).
  package struct Start: Section, Hashable {
    package var file = ""
    /// Number or name of a run, or empty.
    package var run = ""
    /// `last`, `best`, or a number of steps; empty for `last`.
    package var step = ""
    package var restart = false

    package init() {}

    package static var fields: [Field<Self>] {
      [
        .text(
          "file", \.file,
          "A .safetensors file of `pra export checkpoint`, relative to the run file. One of `init.file` "
            + "and `init.run` is given."),
        .reference(
          "run", \.run,
          "Number or name of a run whose checkpoint training begins with, optimizer included."),
        .reference(
          "step", \.step,
          "Checkpoint of `init.run`: `last`, `best` by `training.keep.metric`, or a number of steps as "
            + "`pra checkpoints` lists them; null for the last of a training that has ended."),
        .flag(
          "restart", \.restart,
          "Whether training begins at step 0 with these weights, or goes on at their step."),
      ]
    }

    /// - Throws: `ConfigurationError`
    func validate() throws {
      guard !file.isEmpty || !run.isEmpty else {
        throw ConfigurationError(
          "init.file: missing; expected a file of weights, or a run as in init: {run: 13, step: best}"
        )
      }
      guard file.isEmpty || run.isEmpty else {
        throw ConfigurationError("init: found file and run; keep one")
      }
      guard step.isEmpty || !run.isEmpty else {
        throw ConfigurationError(
          "init.step: has no effect on a file, which holds one step; it belongs to init.run")
      }
      guard step.isEmpty || ["last", "best"].contains(step) || Int(step).map({ $0 >= 0 }) == true
      else {
        throw ConfigurationError(
          "init.step: found '\(step)', expected last, best or a number of steps")
      }
    }
  }

  /// The number of images to draw, and of jobs that draw them.
  package struct Sample: Section {
    package var count = 0
    package var shards = 1

    package init() {}

    package static var fields: [Field<Self>] {
      [
        .integer("count", \.count, 1...1_000_000_000, "How many images are drawn.")
          .unit("images").required(),
        .integer(
          "shards", \.shards, 1...10_000,
          "Number of jobs, parts of one array, that share the images; at most `sample.count`."),
      ]
    }

    /// The half-open ranges of image numbers, one per job, differing by at most one in length.
    package var ranges: [Range<Int>] {
      (0..<shards).map { $0 * count / shards..<($0 + 1) * count / shards }
    }

    /// Images of one part of the array that draws them: those of the longest range.
    package var pack: Int { ranges.map(\.count).max()! }
  }
}
