// `state.json` of a checkpoint (model.md section 8).

/// Everything of a training run that is no tensor.
package struct CheckpointState: Section {
  /// Steps made, which is also the number of the next one.
  package var step = 0
  /// step * batch, skipped steps included.
  package var imagesSeen = 0
  package var badSteps = 0
  package var badStepsInRow = 0
  package var seed: UInt64 = 0
  package var config = ModelConfiguration()
  package var codeVersion = ""
  package var dataFingerprint = ""
  /// How far the series of `training.stop` has come.
  package var stop = StopState()

  package init() {}

  package static let additions: Set<String> = ["stop"]

  package static var fields: [Field<CheckpointState>] {
    [
      .integer("step", \.step, 0...Int(UInt32.max)),
      .integer("images_seen", \.imagesSeen, 0...Int.max),
      .integer("bad_steps", \.badSteps, 0...Int(UInt32.max)),
      .integer("bad_steps_in_row", \.badStepsInRow, 0...Int(UInt32.max)),
      .seed("seed", \.seed), .section("config", \.config), .text("code_version", \.codeVersion),
      .text("data_fingerprint", \.dataFingerprint), .section("stop", \.stop),
    ]
  }

  /// The same for `__metadata__` of a safetensors file, whose values are strings: `config` is JSON.
  package var metadata: [String: String] {
    [
      "step": String(step), "images_seen": String(imagesSeen), "bad_steps": String(badSteps),
      "bad_steps_in_row": String(badStepsInRow), "seed": String(seed), "config": config.json,
      "code_version": codeVersion, "data_fingerprint": dataFingerprint,
    ]
  }

  /// The state in a file's metadata, or nil if that has no configuration.
  /// - Throws: `ConfigurationError` naming the file and a missing or wrong key
  package static func stored(
    in metadata: [String: String], of file: String
  ) throws -> CheckpointState? {
    guard metadata["config"] != nil else { return nil }
    do {
      return try CheckpointState(metadata: metadata)
    } catch let error as ConfigurationError {
      throw ConfigurationError("\(file): __metadata__: \(error)")
    }
  }

  /// Reads `metadata` back; ignores other keys.
  private init(metadata: [String: String]) throws {
    let texts = ["code_version", "data_fingerprint"]
    let entries = try Self.fields.compactMap { field -> SettingValue.Entry? in
      guard let text = metadata[field.key] else { return nil }
      let value: SettingValue =
        switch field.key {
        case "config": try SettingValue(parsingJSON: text, source: "config")
        case let key where texts.contains(key): .string(text)
        default: .integer(text)
        }
      return SettingValue.Entry(key: field.key, value: value)
    }
    try apply(.mapping(entries), at: "", complete: true)
    try config.validate()
  }

  /// The file's text.
  package var canonicalJSON: String { json + "\n" }

  /// Reads a file's text.
  /// - Throws: `ConfigurationError` naming a missing, unknown or wrong key
  package init(canonicalJSON text: String) throws {
    try apply(SettingValue(parsingJSON: text, source: "state.json"), at: "", complete: true)
    try config.validate()
  }
}
