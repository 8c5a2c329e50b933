// The form of every kind's arguments: a strict JSON object, complete in the database.

import Configuration

/// Arguments of one job kind, as described in `workers/<kind>/contract.json`. They are data: never
/// code, never a path.
package protocol JobArguments: Section {
  init()
  /// The kind's name, which is also its stage's: `pra-<kind>`.
  static var kind: JobKind { get }
  /// Jobs whose outputs are read.
  var parents: [Int] { get }
  /// Checks rules that the types of the fields do not express.
  func validate() throws
}

/// Kinds of jobs this version knows.
package enum JobKind: String, Sendable, CaseIterable {
  case ingest, train, sample, features, reference, evaluate, probe, compare, neighbours
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

/// Arguments that have been checked.
package struct CheckedArguments: Sendable, Equatable {
  /// Canonical JSON.
  package let json: String
  /// Jobs whose outputs the arguments name.
  package let parents: [Int64]

  init(_ arguments: some JobArguments) {
    json = arguments.json
    parents = Set(arguments.parents).sorted().map { Int64($0) }
  }
}

extension JobKind {
  /// Arguments of this kind, from a file's mapping and the options over it, checked. Missing keys
  /// take their defaults; a train job's `config` is resolved over its preset; sampling and the data
  /// set default to those of the train job.
  /// - Parameter trained: returns the arguments of a train job
  /// - Throws: `ConfigurationError`
  package func arguments(
    _ given: SettingValue, _ overrides: [Override],
    trained: (Int) throws -> TrainArguments
  ) throws -> CheckedArguments {
    switch self {
    case .ingest:
      var arguments = IngestArguments()
      arguments.sourceName = "source.tar"
      return try CheckedArguments(arguments.layered(given, overrides))
    case .train: return try CheckedArguments(TrainArguments(given, overrides))
    case .sample:
      let first = try SampleArguments().layered(given, overrides, isChecked: false)
      var arguments = SampleArguments()
      if first.train > 0 {
        let train = try trained(first.train)
        (arguments.data, arguments.sampling) = (train.data, train.config.sampling)
      }
      arguments.last = first.count
      return try CheckedArguments(arguments.layered(given, overrides))
    case .evaluate:
      let first = try EvaluateArguments().layered(given, overrides, isChecked: false)
      var arguments = EvaluateArguments()
      if first.train > 0 { arguments.data = try trained(first.train).data }
      return try CheckedArguments(arguments.layered(given, overrides))
    case .features: return try CheckedArguments(FeaturesArguments().layered(given, overrides))
    case .reference: return try CheckedArguments(ReferenceArguments().layered(given, overrides))
    case .probe:
      let first = try ProbeArguments().layered(given, overrides, isChecked: false)
      var arguments = ProbeArguments()
      if first.train > 0 { arguments.data = try trained(first.train).data }
      return try CheckedArguments(arguments.layered(given, overrides))
    case .compare:
      return try CheckedArguments(CompareArguments().layered(given, overrides))
    case .neighbours:
      return try CheckedArguments(NeighbourArguments().layered(given, overrides))
    }
  }
}

extension JobArguments {
  /// These values, overridden by a mapping and options.
  fileprivate func layered(
    _ given: SettingValue, _ overrides: [Override], isChecked: Bool = true
  ) throws -> Self {
    var arguments = self
    if given != .null { try arguments.apply(given, at: "") }
    for option in overrides { try arguments.apply(option.nested, at: "") }
    if isChecked { try arguments.validate() }
    return arguments
  }
}

extension TrainArguments {
  /// Resolves `config` over its preset; takes the rest as it is.
  fileprivate init(_ given: SettingValue, _ overrides: [Override]) throws {
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
    self = try arguments.layered(others, outer)
  }
}

/// Refuses 0, which means that no job was named.
func require(_ job: Int, _ key: String, _ kind: JobKind) throws {
  guard job > 0 else {
    throw ConfigurationError(
      "\(key): missing; expected the number of the \(kind.rawValue) job, as in --set \(key)=12")
  }
}

/// Valid numbers of jobs.
let jobIDs = 1...Int.max
