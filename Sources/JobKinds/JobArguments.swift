// What every kind's arguments have in common: a strict JSON object, complete in the database.

import Configuration

/// Arguments of one job kind, as `workers/<kind>/contract.json` describes them. They are data: never
/// run, never a path.
package protocol JobArguments: Section {
  init()
  /// The kind's name, which is also its stage's: `pra-<kind>`.
  static var kind: JobKind { get }
  /// What the types of the fields do not say.
  func validate() throws
}

/// Kinds of jobs this version knows.
package enum JobKind: String, Sendable, CaseIterable {
  case ingest, train, sample, evaluate
}

extension JobArguments {
  /// Reads a complete object, JSON or YAML.
  /// - Throws: `ConfigurationError` naming a missing, unknown or wrong key
  package init(json text: String) throws {
    self.init()
    try apply(
      SettingValue(parsing: text, source: "arguments"), at: "", complete: true)
    try validate()
  }
}

extension JobKind {
  /// Arguments of this kind from a file's mapping and options on top, checked.
  /// - Returns: canonical JSON
  /// - Throws: `ConfigurationError`
  package func arguments(_ given: SettingValue, _ overrides: [Override]) throws -> String {
    switch self {
    case .ingest: try IngestArguments(given, overrides).json
    case .train: try TrainArguments(given, overrides).json
    case .sample: try SampleArguments(given, overrides).json
    case .evaluate: try EvaluateArguments(given, overrides).json
    }
  }
}

extension JobArguments {
  init(_ given: SettingValue, _ overrides: [Override]) throws {
    self.init()
    if given != .null { try apply(given, at: "") }
    for option in overrides { try apply(option.nested, at: "") }
    try validate()
  }
}

/// Identifiers of jobs.
let jobIDs = 1...Int.max
