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
  /// Checks arguments of this kind.
  /// - Returns: the same in canonical JSON
  /// - Throws: `ConfigurationError`
  package func canonicalArguments(_ text: String) throws -> String {
    switch self {
    case .ingest: try IngestArguments(json: text).json
    case .train: try TrainArguments(json: text).json
    case .sample: try SampleArguments(json: text).json
    case .evaluate: try EvaluateArguments(json: text).json
    }
  }
}

/// Identifiers of jobs.
let jobIDs = 1...Int.max
