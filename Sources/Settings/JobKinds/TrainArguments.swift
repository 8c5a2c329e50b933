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

  package init() {}

  package static let additions: Set<String> = ["lpips_weights", "init"]

  /// Key `init`: the weights that training begins with.
  package struct Start: Section {
    /// SHA-256 of an artifact, or empty for the first weights of the seed.
    package var weights: [String] = []
    /// Name of the artifact in messages, never a path.
    package var name = "weights"
    /// Whether training begins at step 0 and not at the artifact's.
    package var restart = false

    package init() {}

    package static var fields: [Field<Self>] {
      [
        .texts("weights", \.weights), .text("name", \.name), .flag("restart", \.restart),
      ]
    }
  }

  package static var fields: [Field<Self>] {
    [
      .integer("data", \.data, jobIDs), .section("config", \.config),
      .texts("lpips_weights", \.lpipsWeights), .section("init", \.start),
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
        options.append(Override(path: Array(option.path.dropFirst()), value: option.value))
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
    guard start.weights.count <= 1,
      start.weights.allSatisfy({ $0.wholeMatch(of: /[0-9a-f]{64}/) != nil })
    else {
      throw ConfigurationError(
        "init.weights: expected the SHA-256 of one stored artifact, or null; pra run stores it")
    }
    guard start.name.wholeMatch(of: /[^\/\0]{1,200}/) != nil, ![".", ".."].contains(start.name)
    else {
      throw ConfigurationError("init.name: found '\(start.name)', expected a file's name")
    }
  }
}
