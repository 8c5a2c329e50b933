// Secrets of a job: its arguments name them, its worker has them.

import Files

/// The value `"secret://name"` in a job's arguments stands for the worker's environment variable
/// `PRA_SECRET_NAME`. The database stores only the reference. The redactor removes the secret from
/// the log, since the variable's name marks it as one.
package enum SecretReferences {
  /// The variable that holds a secret: the name in capitals, with `.` and `-` as `_`.
  package static func variable(of name: Substring) -> String {
    "PRA_SECRET_"
      + name.uppercased().map { $0 == "." || $0 == "-" ? "_" : String($0) }.joined()
  }

  /// - Parameter arguments: JSON as PostgreSQL prints it
  /// - Returns: the same JSON with references replaced by secrets
  /// - Throws: `PermanentFailure` that names a reference without a secret
  package static func resolve(_ arguments: String, environment: [String: String]) throws -> String {
    var resolved = ""
    var rest = Substring(arguments)
    // Matches whole strings, so that an escaped quote inside one starts nothing; a key is followed
    // by a colon.
    while let match = rest.firstMatch(of: /"((?:[^"\\]|\\.)*)"(:?)/) {
      let text = match.output.1
      if match.output.2.isEmpty, let name = text.wholeMatch(of: /secret:\/\/([A-Za-z0-9_.-]+)/)?.1 {
        let variable = variable(of: name)
        guard let value = environment[variable], !value.isEmpty else {
          throw PermanentFailure(
            "secret://\(name): the worker has no \(variable) in its environment")
        }
        resolved += rest[..<match.range.lowerBound] + JSONText.string(value)
      } else {
        resolved += rest[..<match.range.upperBound]
      }
      rest = rest[match.range.upperBound...]
    }
    return resolved + rest
  }
}
