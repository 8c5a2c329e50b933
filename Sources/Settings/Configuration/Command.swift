// Key `commands` of a run file: programs of a user's own that read what a run has made.

import Files

/// Results of a run that are fetched for a command.
package enum CommandInput: String, CaseIterable, Sendable {
  case checkpoint, samples

  package static let meaning =
    "Results that are fetched for it: `checkpoint` (its weights and state, as a folder), `samples` (the images, as an npz), "
    + "or both; null for all that there is. It waits for these: with `checkpoint` alone it begins when training has ended."

  /// - Throws: `ConfigurationError`
  package static func check(_ given: [String], at path: String) throws {
    for name in given where CommandInput(rawValue: name) == nil {
      let known = allCases.map(\.rawValue)
      throw ConfigurationError(
        "\(path): found '\(name)', expected \(known.joined(separator: " or "))"
          + (nearest(to: name, among: known).map { "; did you mean '\($0)'?" } ?? ""))
    }
    guard Set(given).count == given.count else {
      throw ConfigurationError("\(path): names an input twice")
    }
  }
}

/// Names of commands.
package enum CommandName {
  package static func isName(_ text: String) -> Bool {
    text.wholeMatch(of: /[a-z][a-z0-9_-]{0,62}/) != nil
  }

  package static func refusal(_ text: String, at path: String) -> ConfigurationError {
    ConfigurationError(
      "\(path): found '\(text)', expected a name of at most 63 lower-case letters, digits, _ and -, as in sharpness"
    )
  }
}

/// Variables that a command is given.
package enum CommandEnvironment {
  /// - Throws: `ConfigurationError`
  package static func check(_ settings: [String], at path: String) throws {
    var names: Set<Substring> = []
    for setting in settings {
      guard let match = setting.wholeMatch(of: /([A-Za-z_][A-Za-z0-9_]*)=[^\0]*/) else {
        throw ConfigurationError("\(path): found '\(setting)', expected NAME=value")
      }
      guard !match.1.hasPrefix("PRA_") else {
        throw ConfigurationError(
          "\(path): \(match.1): names that begin with PRA_ are the program's own")
      }
      guard names.insert(match.1).inserted else {
        throw ConfigurationError("\(path): sets \(match.1) twice")
      }
    }
  }
}

/// Files that are sent along with a command.
package struct CommandFile: Sendable, Equatable {
  /// Name in the folder in which the program runs.
  package let name: String
  /// The file, relative to the run file, or `sha256:` and the digest of a stored one.
  package let path: String

  /// - Parameter given: a path, or `name=path`
  /// - Throws: `ConfigurationError`
  package init(_ given: String, at key: String) throws {
    if let equals = given.firstIndex(of: "=") {
      (name, path) = (String(given[..<equals]), String(given[given.index(after: equals)...]))
    } else {
      (name, path) = (given.split(separator: "/").last.map(String.init) ?? "", given)
    }
    guard Self.isName(name), !path.isEmpty, !given.hasPrefix(RunFile.storedPrefix) else {
      throw ConfigurationError(
        "\(key): found '\(given)', expected the path of a file, or a name for it and its path, as in "
          + "score.py=tools/score-2.py")
    }
  }

  package static func isName(_ text: String) -> Bool {
    text.wholeMatch(of: /[^\/\0]{1,200}/) != nil && text != "." && text != ".."
  }
}

extension RunFile {
  /// One program.
  package struct Command: Section {
    package var command: [String] = []
    package var files: [String] = []
    package var inputs: [String] = []
    package var environment: [String] = []
    package var timeLimit: Double?

    package init() {}

    package static let source: String? = "docs/commands.md"

    package static var fields: [Field<Self>] {
      [
        .texts(
          "command", \.command,
          "The program and its arguments, a list that no shell reads, as in `[python3, sharpness.py]`."
        ).required(),
        .texts(
          "files", \.files,
          "Files that are stored with the run and lie in the folder in which the program runs: paths relative to the "
            + "run file, or `name=path`."),
        .texts("inputs", \.inputs, CommandInput.meaning),
        .texts("environment", \.environment, "Variables of the program, as in `[MODE=fast]`."),
        .optionalNumber(
          "time_limit", \.timeLimit, .above(0, to: 1e9),
          "Time that one attempt may take; null for any."
        ).unit("seconds"),
      ]
    }

    /// - Parameter at: the command's own key, as in messages
    /// - Throws: `ConfigurationError`
    package func placedFiles(at key: String) throws -> [CommandFile] {
      let placed = try files.map { try CommandFile($0, at: "\(key).files") }
      guard Set(placed.map(\.name)).count == placed.count else {
        throw ConfigurationError(
          "\(key).files: two files have one name; write name=path for one of them")
      }
      return placed
    }

    /// Whether it is given a result, where there is one.
    package func reads(_ input: CommandInput) -> Bool {
      inputs.isEmpty || inputs.contains(input.rawValue)
    }

    /// - Throws: `ConfigurationError`
    fileprivate func validate(at key: String, hasSamples: Bool) throws {
      guard !command.isEmpty else {
        throw ConfigurationError(
          "\(key).command: missing; expected a program and its arguments, as in [python3, sharpness.py]"
        )
      }
      try CommandInput.check(inputs, at: "\(key).inputs")
      guard hasSamples || !inputs.contains(CommandInput.samples.rawValue) else {
        throw ConfigurationError(
          "\(key).inputs: the run draws no samples; add sample: {count: ...}")
      }
      try CommandEnvironment.check(environment, at: "\(key).environment")
      _ = try placedFiles(at: key)
    }
  }

  /// A command of a run, under its name.
  package struct NamedCommand: Sendable, Equatable {
    package let name: String
    package let command: Command

    package var key: String { "commands.\(name)" }

    /// - Throws: `ConfigurationError`
    static func all(_ given: SettingValue?, hasSamples: Bool) throws -> [NamedCommand] {
      guard let given, given != .null else { return [] }
      guard case .mapping(let entries) = given else {
        throw ConfigurationError(
          "commands: found \(given.description), expected names with commands, as in "
            + "{sharpness: {command: [python3, sharpness.py]}}")
      }
      return try entries.map { entry in
        guard CommandName.isName(entry.key) else {
          throw CommandName.refusal(entry.key, at: "commands")
        }
        var command = Command()
        try command.apply(entry.value, at: "commands.\(entry.key)")
        try command.validate(at: "commands.\(entry.key)", hasSamples: hasSamples)
        return NamedCommand(name: entry.key, command: command)
      }
    }
  }
}

extension [RunFile.NamedCommand] {
  /// The commands as the run's configuration has them.
  package var json: String { JSONText.object(map { ($0.name, $0.command.json) }) }
}
