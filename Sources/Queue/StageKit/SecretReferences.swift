// Secrets of a job: its arguments name them, its worker has them.

import Files
import JobQueue

/// The value `"secret://name"` in a job's arguments stands for the worker's environment variable
/// `PRA_SECRET_NAME`, where the contract of the kind marks the field with `"secret": true` and the
/// worker's file allows the secret to the login that enqueued the job. The database stores only the
/// reference.
package struct SecretReferences {
  private let rules: SecretRules
  private let environment: [String: String]
  /// The login that enqueued the job.
  private let user: String
  private let kind: String

  package init(rules: SecretRules, environment: [String: String], user: String, kind: String) {
    (self.rules, self.environment, self.user, self.kind) = (rules, environment, user, kind)
  }

  /// Whether a JSON text may hold a reference.
  package static func mayStand(in arguments: String) -> Bool {
    arguments.contains(/"secret:\/\//.ignoresCase())
  }

  /// - Parameter arguments: JSON as PostgreSQL prints it
  /// - Returns: the same JSON with references replaced by secrets, and the secrets by name
  /// - Throws: `PermanentFailure` that names a reference that is not allowed or has no secret
  package func resolve(_ arguments: String) throws -> (json: String, secrets: [String: String]) {
    var resolved = ""
    var secrets: [String: String] = [:]
    var rest = Substring(arguments)
    // Matches whole strings, so that an escaped quote inside one starts nothing; a key is followed
    // by a colon.
    while let match = rest.firstMatch(of: /"((?:[^"\\]|\\.)*)"(:?)/) {
      let text = match.output.1
      if match.output.2.isEmpty, let name = text.wholeMatch(of: /secret:\/\/([A-Za-z0-9_.-]+)/)?.1 {
        let value = try secret(name)
        secrets[String(name)] = value
        resolved += rest[..<match.range.lowerBound] + JSONText.string(value)
      } else {
        resolved += rest[..<match.range.upperBound]
      }
      rest = rest[match.range.upperBound...]
    }
    return (resolved + rest, secrets)
  }

  private func secret(_ name: Substring) throws -> String {
    let variable = SecretRules.variable(of: name)
    guard rules.allows(variable, user: user, kind: kind) else {
      throw PermanentFailure(
        "secret://\(name): \(SecretRules.variable) of the worker does not allow it to \(user) for "
          + "jobs of kind \(kind)")
    }
    guard let value = environment[variable], !value.isEmpty else {
      throw PermanentFailure("secret://\(name): the worker has no \(variable) in its environment")
    }
    return value
  }
}
