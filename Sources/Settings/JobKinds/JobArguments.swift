// The common part of all kinds' arguments: a strict JSON object, complete in the database.

import Configuration

/// Arguments of one job kind, as described in `workers/<kind>/contract.json`. They are data: never code, and
/// never a path but that of a source which `ingest` reads in place.
package protocol JobArguments: Section {
  init()
  /// Jobs whose outputs are read.
  var parents: [Int] { get }
  /// Checks the rules that the types of the fields do not say.
  func validate() throws

  /// Reads arguments of a person: a file's mapping and options on top, checked. A key that is left out
  /// has its default.
  /// - Parameter trained: the arguments of a train job
  /// - Throws: `ConfigurationError`
  static func reading(
    _ given: SettingValue, _ overrides: [Override], trained: (Int) throws -> TrainArguments
  ) throws -> Self
  /// The values that keys have which were left out, where those are not the type's own.
  /// - Parameter trained: the arguments of a train job
  func defaults(trained: (Int) throws -> TrainArguments) throws -> Self
  /// Keys that take the first element of an attempt at an array and its last + 1; nil where a person has
  /// to name the key.
  static var elementKeys: (first: String, end: String)? { get }
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

  /// The kind whose arguments these are.
  package static var kind: JobKind { JobKind.allCases.first { $0.argumentsType == Self.self }! }

  package static var elementKeys: (first: String, end: String)? { nil }

  package func defaults(trained: (Int) throws -> TrainArguments) throws -> Self { Self() }

  package static func reading(
    _ given: SettingValue, _ overrides: [Override], trained: (Int) throws -> TrainArguments
  ) throws -> Self {
    // Twice: what is given says which defaults the rest has.
    let first = try Self().layered(given, overrides, isChecked: false)
    return try first.defaults(trained: trained).layered(given, overrides)
  }

  /// These values with a mapping and options over them.
  func layered(
    _ given: SettingValue, _ overrides: [Override], isChecked: Bool = true
  ) throws -> Self {
    var arguments = self
    if given != .null { try arguments.apply(given, at: "") }
    for option in overrides {
      try option.blamed { try arguments.apply(option.nested, at: "") }
    }
    if isChecked { try arguments.validate() }
    return arguments
  }
}

/// Refuses a job that was not named.
func require(_ job: Int, _ key: String, _ kind: JobKind) throws {
  guard job > 0 else {
    throw ConfigurationError(
      "\(key): missing; expected the number of the \(kind.rawValue) job, as in --set \(key)=12")
  }
}

/// Refuses a value that is no SHA-256 of an artifact.
func requireStored(_ digest: String, _ key: String, _ what: String) throws {
  guard digest.wholeMatch(of: /[0-9a-f]{64}/) != nil else {
    throw ConfigurationError(
      "\(key): found '\(digest)', expected the SHA-256 of \(what) in the store; pra enqueue --file "
        + "\(key)=PATH stores the file and sets it")
  }
}

/// Identifiers of jobs.
let jobIDs = 1...Int.max
/// A job's number, or 0 for none.
let jobIDsOrNone = 0...Int.max
/// The pattern of a SHA-256 in a schema.
let digestPattern = #""^[0-9a-f]{64}$""#

extension Field {
  /// Names the outputs of the job, or jobs, that the argument gives which a stage fetches; `checkpoint`
  /// for one of its checkpoints, `artifact` where the argument is the SHA-256 of a stored file. A claim
  /// weighs by it on which host the job finds its bytes.
  func reads(_ outputs: String...) -> Field {
    rule("reads", "[" + outputs.map { "\"\($0)\"" }.joined(separator: ",") + "]")
  }
}
