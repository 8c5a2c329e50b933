// The arguments of `train`.

import Configuration

/// `train`: trains a model on a packed data set.
package struct TrainArguments: JobArguments {
  /// The ingest job.
  package var data = 0
  package var config = ModelConfiguration()
  /// SHA-256 of the artifacts that `config.loss.lpips_file` names, in its order.
  package var lpipsWeights: [String] = []
  package var start = Start()
  package var preview = Preview.none

  package init() {}

  package static let additions: Set<String> = ["lpips_weights", "init", "preview"]

  /// Key `init`: the weights that training begins with.
  package struct Start: Section {
    /// SHA-256 of a file, or of the files of a checkpoint; empty for the first weights of the seed.
    package var weights: [String] = []
    /// Names of the checkpoint's files, in the order of `weights`; empty where everything is in one file.
    package var files: [String] = []
    /// The train job and the step of the checkpoint; 0 for a file.
    package var job = 0
    package var step = 0
    /// Name of the artifact in messages, never a path.
    package var name = "weights"
    /// Whether training begins at step 0 and not at the artifact's.
    package var restart = false

    package init() {}

    package static let additions: Set<String> = ["files", "job", "step"]

    package static var fields: [Field<Self>] {
      [
        .texts(
          "weights", \.weights,
          "SHA-256 of a file of weights, or of the files of a checkpoint; null for the first weights of "
            + "the seed."),
        .texts(
          "files", \.files,
          "Names of the checkpoint's files, in the order of `weights`; null where all is in one file."
        ),
        .integer(
          "job", \.job, jobIDsOrNone,
          "Train job that has written the checkpoint, for its lineage; 0 for a file."),
        .integer("step", \.step, 0...Int(UInt32.max), "Step of the checkpoint; 0 for a file."),
        .text("name", \.name, "Name of the file or checkpoint in messages."),
        .flag(
          "restart", \.restart, "Whether training begins at step 0, or goes on at the file's step."),
      ]
    }
  }

  package static var fields: [Field<Self>] {
    [
      .integer("data", \.data, jobIDs, "Ingest job whose images are trained on.").required()
        .reads("data*"),
      .section("config", \.config, "The whole configuration, over the preset that it names."),
      .texts(
        "lpips_weights", \.lpipsWeights,
        "SHA-256 of the files that `config.loss.lpips_file` names, in its order; null for none."
      ).reads("artifact"),
      .section("init", \.start, "Weights that training begins with."),
      .section("preview", \.preview, "Images that are drawn at checkpoints, by jobs of their own."),
    ]
  }

  package var parents: [Int] { [data] }

  /// `config` goes through the preset, the rest is taken as it is.
  package static func reading(
    _ given: SettingValue, _ overrides: [Override], trained: (Int) throws -> TrainArguments
  ) throws -> TrainArguments {
    var settings = SettingValue.null
    var others = given
    if case .mapping(let entries) = given {
      settings = entries.last { $0.key == "config" }?.value ?? .null
      others = .mapping(entries.filter { $0.key != "config" })
    }
    var options: [Override] = []
    var outer: [Override] = []
    for option in overrides {
      if option.path[0] != "config" {
        outer.append(option)
      } else if option.path.count == 1 {
        settings = option.value
      } else {
        options.append(option.inner)
      }
    }
    var arguments = TrainArguments()
    arguments.config = try ModelConfiguration.resolve(settings, overrides: options, at: "config")
    return try arguments.layered(others, outer)
  }

  package func validate() throws {
    try require(data, "data", .ingest)
    try config.validate()
    guard lpipsWeights.count == config.loss.lpipsFile.count,
      lpipsWeights.allSatisfy({ $0.wholeMatch(of: /[0-9a-f]{64}/) != nil })
    else {
      throw ConfigurationError(
        "lpips_weights: expected the SHA-256 of a stored artifact for each of the "
          + "\(config.loss.lpipsFile.count) files of config.loss.lpips_file; pra run stores them")
    }
    try start.validate()
    try preview.validate(for: config)
  }
}

extension TrainArguments.Start {
  /// The key of a run file that has named it.
  package var key: String { files.isEmpty ? "init.file" : "init.run" }

  fileprivate func validate() throws {
    guard files.isEmpty ? weights.count <= 1 : weights.count == files.count,
      weights.allSatisfy({ $0.wholeMatch(of: /[0-9a-f]{64}/) != nil })
    else {
      throw ConfigurationError(
        "init.weights: expected the SHA-256 of one stored artifact, of each of init.files, or null; pra "
          + "run stores it")
    }
    let isNamed = files.allSatisfy { $0.wholeMatch(of: /[A-Za-z0-9][A-Za-z0-9._-]{0,99}/) != nil }
    guard isNamed, Set(files).count == files.count else {
      throw ConfigurationError("init.files: expected the names of a checkpoint's files, each once")
    }
    guard name.wholeMatch(of: /[^\/\0]{1,200}/) != nil, ![".", ".."].contains(name) else {
      throw ConfigurationError("init.name: found '\(name)', expected a file's name")
    }
  }
}
