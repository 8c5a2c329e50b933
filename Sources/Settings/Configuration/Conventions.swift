// The tools whose definitions the figures of an evaluation may follow.

/// Names of the conventions of generation figures.
package enum Conventions {
  /// guided-diffusion's evaluator, and torch-fidelity.
  package static let all = ["adm", "torch-fidelity"]

  /// - Throws: `ConfigurationError` unless there is at least one name, each known and given once
  package static func check(_ names: [String], at path: String) throws {
    if let other = names.first(where: { !all.contains($0) }) {
      throw ConfigurationError(
        "\(path): found '\(other)', expected \(all.joined(separator: ", ")) or both")
    }
    guard !names.isEmpty, Set(names).count == names.count else {
      throw ConfigurationError("\(path): expected one of \(all.joined(separator: ", ")), or both")
    }
  }
}
