// The choice of the images of a data set that are held out.

/// A split of a data set into training and validation: by number, by share, by folder or by archive.
package struct ValidationSplit: Section {
  /// Every n-th image of each class is held out; 0 for none.
  package var every = 0
  /// This share of each class is held out, spread evenly.
  package var share = 0.0
  /// All images below this folder are held out.
  package var folder: String?
  /// Number of archives, counted from the last, that are held out.
  package var shards = 0

  package init() {}

  package static var fields: [Field<Self>] {
    [
      .integer(
        "every", \.every, 0...1_000_000_000,
        "Every n-th image of each class is held out; 0 for none."),
      .number(
        "share", \.share, .from(0, below: 1),
        "This share of each class is held out, evenly spread; 0 for none."),
      .optionalText("folder", \.folder, "Folder of the archives that is held out; null for none."),
      .integer(
        "shards", \.shards, 0...1_000_000,
        "Number of archives, counted from the last, that are held out."),
    ]
  }

  /// - Parameters:
  ///   - path: the key of this section
  ///   - training: the folder of the training images
  /// - Throws: `ConfigurationError`
  package func validate(at path: String, folder training: String?) throws {
    let chosen = [every > 0, share > 0, shards > 0 || folder != nil].filter { $0 }.count
    guard chosen <= 1 else {
      throw ConfigurationError(
        "\(path): expected one of every, share, and a folder or source of its own")
    }
    guard every != 1 else {
      throw ConfigurationError("\(path): holds every image out; one must be left to train on")
    }
    if folder != nil, shards == 0, training == nil || training == folder {
      throw ConfigurationError(
        "\(path).folder: needs a folder of training images besides, as in folder: train")
    }
  }
}

extension RunFile.DataSource {
  /// Whether it names data that were ingested before.
  package var isReference: Bool { !run.isEmpty || job != nil }

  /// - Throws: `ConfigurationError` unless one of source, run and job is given, and with the last two nothing
  ///   that belongs to the ingest job
  func checkSource() throws {
    let given = [("source", !source.isEmpty), ("run", !run.isEmpty), ("job", job != nil)]
      .filter(\.1).map(\.0)
    guard !given.isEmpty else {
      throw ConfigurationError(
        "data.source: missing; expected a tar file or an image folder, or an earlier run as in "
          + "data: {run: emoji}")
    }
    guard given.count == 1 else {
      throw ConfigurationError("data: found \(given.joined(separator: " and ")); keep one")
    }
    if !background.isEmpty { _ = try GroundColour(background, at: "data.background") }
    guard isReference else { return }
    let plain = Self()
    let others = Self.fields.filter {
      !["run", "job"].contains($0.key) && $0.json(self) != $0.json(plain)
    }
    guard others.isEmpty else {
      throw ConfigurationError(
        "data.\(others[0].key): has no effect on data that were ingested before; give it with "
          + "data.source")
    }
  }

  /// Refuses a training that would wait for losses of images that nobody holds out. Data that were ingested before
  /// are checked by the stage, which sees them.
  func check(_ training: TrainingConfiguration) throws {
    guard !isReference, validation == Validation(),
      let (key, metric) = training.validationMetric
    else { return }
    throw ConfigurationError(
      "training.\(key): \(metric) needs images that are held out; give data.validation, as in "
        + "{every: 20}")
  }

  /// `ValidationSplit` with the archives named by their path.
  package struct Validation: Section, Hashable {
    package var every = 0
    package var share = 0.0
    package var folder: String?
    package var source: String?

    package init() {}

    package static var fields: [Field<Self>] {
      [
        .integer(
          "every", \.every, 0...1_000_000_000,
          "Every n-th image of each class is held out; 0 for none."),
        .number(
          "share", \.share, .from(0, below: 1),
          "This share of each class is held out, evenly spread; 0 for none."),
        .optionalText(
          "folder", \.folder, "Folder of the source that is held out; needs `data.folder` besides."),
        .optionalText(
          "source", \.source,
          "Source of its own that is held out: a path as in `data.source`."),
      ]
    }

    /// - Parameter archives: number of archives in `source`
    package func split(archives: Int) -> ValidationSplit {
      var split = ValidationSplit()
      (split.every, split.share, split.folder, split.shards) = (every, share, folder, archives)
      return split
    }
  }
}
