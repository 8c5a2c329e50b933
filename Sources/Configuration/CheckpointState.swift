// `state.json` of a checkpoint (model.md section 8).

/// All of a training run that is not a tensor.
package struct CheckpointState: Section {
  /// Steps made: the next step's number.
  package var step = 0
  /// step * batch, skipped steps included.
  package var imagesSeen = 0
  package var badSteps = 0
  package var badStepsInRow = 0
  package var seed: UInt64 = 0
  package var config = ModelConfiguration()
  package var codeVersion = ""
  package var dataFingerprint = ""

  package init() {}

  package static var fields: [Field<CheckpointState>] {
    [
      .integer("step", \.step, 0...Int(UInt32.max)),
      .integer("images_seen", \.imagesSeen, 0...Int.max),
      .integer("bad_steps", \.badSteps, 0...Int(UInt32.max)),
      .integer("bad_steps_in_row", \.badStepsInRow, 0...Int(UInt32.max)),
      .seed("seed", \.seed), .section("config", \.config), .text("code_version", \.codeVersion),
      .text("data_fingerprint", \.dataFingerprint),
    ]
  }

  /// The file's text.
  package var canonicalJSON: String { json + "\n" }

  /// Reads a file's text.
  /// - Throws: `ConfigurationError` naming a missing, unknown or wrong key
  package init(canonicalJSON text: String) throws {
    try apply(SettingValue(parsing: text, source: "state.json"), at: "", complete: true)
    try config.validate()
  }
}
