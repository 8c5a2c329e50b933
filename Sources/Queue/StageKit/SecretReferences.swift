// Secrets of a job: its arguments name them, its worker knows them.

import Files

/// `"secret://name"` as a value of a job's arguments stands for what the worker's environment holds as
/// `PRA_SECRET_NAME`. The database keeps the reference alone; the log's redactor takes out what it stands
/// for, since the variable's name says that it is one.
package enum SecretReferences {
  /// The variable that holds a secret: letters in capitals, `.` and `-` as `_`.
  package static func variable(of name: Substring) -> String {
    "PRA_SECRET_"
      + name.uppercased().map { $0 == "." || $0 == "-" ? "_" : String($0) }.joined()
  }

  /// - Parameter arguments: JSON as PostgreSQL prints it
  /// - Returns: the same with secrets in the place of references
  /// - Throws: `PermanentFailure` that names a reference without a secret
  package static func resolve(_ arguments: String, environment: [String: String]) throws -> String {
    var resolved = ""
    var rest = Substring(arguments)
    // Text by text, so that a quote within one begins nothing; a key has a colon behind it.
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
