// The file of a worker that says which jobs may use which of its secrets.

import FoundationEssentials
import Glibc

/// Lines of a secret's name, users and kinds, such as `team.key  ann,bob  train,sample`. A `*` stands for
/// everybody or for every kind, `#` begins a comment. What no line allows is refused; without a file
/// nothing is allowed.
package struct SecretRules: Sendable, Equatable {
  /// The variable that names the file.
  package static let variable = "PRA_SECRETS_FILE"

  private struct Rule: Sendable, Equatable {
    /// The variable that holds the secret.
    let variable: String
    /// Nil for all.
    let users: Set<String>?
    let kinds: Set<String>?
  }

  private let rules: [Rule]

  /// - Parameter source: the file's path, for messages
  package init(text: String, source: String) throws(SecretFileError) {
    var rules: [Rule] = []
    for (number, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
      .enumerated()
    {
      let words = line.prefix { $0 != "#" }.split(whereSeparator: \.isWhitespace)
      if words.isEmpty { continue }
      guard words.count == 3, words[0].wholeMatch(of: /[A-Za-z0-9_.-]+/) != nil else {
        throw SecretFileError(
          description: "\(source), line \(number + 1): expected a secret, users and kinds, as in "
            + "team.key  ann,bob  train")
      }
      rules.append(
        Rule(
          variable: SecretRules.variable(of: words[0]), users: Self.names(words[1]),
          kinds: Self.names(words[2])))
    }
    self.rules = rules
  }

  /// Reads the file that the environment names.
  package init(environment: [String: String]) throws(SecretFileError) {
    guard let path = environment[Self.variable], !path.isEmpty else {
      try self.init(text: "", source: "")
      return
    }
    var status = stat()
    guard stat(path, &status) == 0, let bytes = FileManager.default.contents(atPath: path),
      let text = String(validating: bytes, as: UTF8.self)
    else {
      throw SecretFileError(
        description: "\(Self.variable): \(path) is no file that can be read as UTF-8 text")
    }
    guard status.st_mode & 0o022 == 0 else {
      throw SecretFileError(
        description:
          "\(Self.variable): others may write \(path); chmod go-w it, since it says who may "
          + "use secrets")
    }
    try self.init(text: text, source: path)
  }

  /// The variable that holds a secret: the name in capitals, with `.` and `-` as `_`.
  package static func variable(of name: Substring) -> String {
    SecretValues.prefix
      + name.uppercased().map { $0 == "." || $0 == "-" ? "_" : String($0) }.joined()
  }

  private static func names(_ list: Substring) -> Set<String>? {
    list == "*" ? nil : Set(list.split(separator: ",").map(String.init))
  }

  /// - Parameters:
  ///   - variable: the secret's variable
  ///   - user: the login that enqueued the job
  package func allows(_ variable: String, user: String, kind: String) -> Bool {
    rules.contains {
      $0.variable == variable && $0.users?.contains(user) ?? true
        && $0.kinds?.contains(kind) ?? true
    }
  }
}

/// The file of secrets cannot be used; one sentence.
package struct SecretFileError: Error, Sendable, Equatable, CustomStringConvertible {
  package let description: String
}
