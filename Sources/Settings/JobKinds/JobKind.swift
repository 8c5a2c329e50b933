// The kinds of jobs, each with the type of its arguments and its contract.

import CContracts
import Configuration

/// Kinds of jobs this version knows, by the names that their stages have as well: `pra-<kind>`.
package enum JobKind: String, Sendable, CaseIterable {
  case ingest, train, sample, features, reference, evaluate, probe, neighbours, compare, command

  /// The type of the kind's arguments.
  package var argumentsType: any JobArguments.Type {
    switch self {
    case .ingest: IngestArguments.self
    case .train: TrainArguments.self
    case .sample: SampleArguments.self
    case .features: FeaturesArguments.self
    case .reference: ReferenceArguments.self
    case .evaluate: EvaluateArguments.self
    case .probe: ProbeArguments.self
    case .neighbours: NeighboursArguments.self
    case .compare: CompareArguments.self
    case .command: CommandArguments.self
    }
  }

  /// Whether its stage runs what a worker's operator has to allow: programs that submitters name.
  package var needsLeave: Bool { self == .command }

  /// Whether its stage runs operations on tensors, which a GPU does faster, or a program that may.
  package var computes: Bool {
    switch self {
    case .train, .sample, .features, .evaluate, .probe, .command: true
    case .ingest, .reference, .neighbours, .compare: false
    }
  }

  /// The keys of its arguments, as `pra enqueue --set` takes them. The keys below `config` and `sampling` are
  /// those of the configuration and left out.
  package var keys: [Key] {
    func described<A: JobArguments>(_ type: A.Type) -> [Key] { A.described(by: A()) }
    return described(argumentsType).filter {
      !$0.name.hasPrefix("config.") && !$0.name.hasPrefix("sampling.")
    }
  }

  /// The JSON schema of its arguments, for the contract.
  package var schema: String { argumentsType.schema }

  /// `workers/<kind>/contract.json` as it was when the program was built.
  package var contract: String {
    guard let text = Self.embedded[rawValue] else {
      fatalError("\(rawValue): its contract is not in contracts.c")
    }
    return text
  }

  /// Contracts inside the program, by kind.
  static let embedded: [String: String] = {
    var count = 0
    let contracts = UnsafeBufferPointer(start: pra_contracts(&count), count: count)
    return Dictionary(
      uniqueKeysWithValues: contracts.map {
        (String(cString: $0.kind), String(cString: $0.json))
      })
  }()
}

/// Arguments that were checked.
package struct CheckedArguments: Sendable, Equatable {
  /// Canonical JSON.
  package let json: String
  /// Jobs whose outputs they name.
  package let parents: [Int64]

  init(_ arguments: some JobArguments) {
    json = arguments.json
    parents = Set(arguments.parents).sorted().map { Int64($0) }
  }
}

extension JobKind {
  /// Arguments of this kind from a file's mapping and options on top, checked. A key that is left out
  /// has its default.
  /// - Parameter trained: the arguments of a train job
  /// - Throws: `ConfigurationError`
  package func arguments(
    _ given: SettingValue, _ overrides: [Override],
    trained: (Int) throws -> TrainArguments
  ) throws -> CheckedArguments {
    func read<A: JobArguments>(_ type: A.Type) throws -> CheckedArguments {
      CheckedArguments(try A.reading(given, overrides, trained: trained))
    }
    return try read(argumentsType)
  }
}
