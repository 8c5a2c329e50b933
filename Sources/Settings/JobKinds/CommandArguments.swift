// The arguments of `command`.

import Configuration

/// `command`: runs a program of a user on a run's checkpoint and images; its series, figures and files become those
/// of the job. Workers run it where their operator allows it (`pra worker --allow-commands`).
package struct CommandArguments: JobArguments {
  /// Begins the names of its series and figures.
  package var name = "command"
  /// The program and its arguments, never a line of a shell.
  package var command: [String] = []
  /// Results of the named jobs that are fetched for it; empty for all of them.
  package var inputs: [String] = []
  /// The train job, or 0.
  package var train = 0
  /// Step of its checkpoint; nil for the last.
  package var step: Int?
  /// Sample jobs, which together drew one sampling run.
  package var samples: [Int] = []
  /// SHA-256 of files that lie in the folder in which the program runs, and their names there.
  package var files: [String] = []
  package var filesName: [String] = []
  /// Settings as `NAME=value`.
  package var environment: [String] = []

  package init() {}

  package static let additions: Set<String> = [
    "inputs", "step", "files", "files_name", "environment",
  ]

  package static var fields: [Field<Self>] {
    [
      .text(
        "name", \.name, "Name of the command, with which the names of its series and figures begin."
      )
      .rule("pattern", #""^[a-z][a-z0-9_-]{0,62}$""#),
      .texts("command", \.command, "The program and its arguments, a list that no shell reads.")
        .required(),
      .texts("inputs", \.inputs, CommandInput.meaning),
      .integer(
        "train", \.train, jobIDsOrNone, "Train job whose checkpoint it may read; 0 for none."
      )
      .reads("checkpoint"),
      .optionalInteger(
        "step", \.step, 0...Int(UInt32.max), "Step of the checkpoint; null for the last."
      ).unit("steps"),
      .integers(
        "samples", \.samples, jobIDs,
        "Sample jobs, which together drew one sampling run, whose images it may read; empty for none."
      ).rule("uniqueItems", "true").reads("images.packed"),
      .texts(
        "files", \.files,
        "SHA-256 of stored files that lie in the folder in which the program runs."
      ).reads("artifact"),
      .texts(
        "files_name", \.filesName, "Names of the files in that folder, in the order of `files`."),
      .texts("environment", \.environment, "Variables of the program, as in `[MODE=fast]`."),
    ]
  }

  package var parents: [Int] { [train].filter { $0 > 0 } + samples }

  /// The digest and the name of each file.
  package var placedFiles: [(sha256: String, name: String)] {
    zip(files, filesName).map { (sha256: $0, name: $1) }
  }

  package func reads(_ input: CommandInput) -> Bool {
    let isThere =
      switch input {
      case .checkpoint: train > 0
      case .samples: !samples.isEmpty
      }
    return isThere && (inputs.isEmpty || inputs.contains(input.rawValue))
  }

  package func validate() throws {
    guard CommandName.isName(name) else { throw CommandName.refusal(name, at: "name") }
    guard !command.isEmpty else {
      throw ConfigurationError(
        "command: missing; expected a program and its arguments, as in [python3, sharpness.py]")
    }
    try CommandInput.check(inputs, at: "inputs")
    try CommandEnvironment.check(environment, at: "environment")
    if train == 0, inputs.contains(CommandInput.checkpoint.rawValue) || step != nil {
      try require(train, "train", .train)
    }
    guard !samples.isEmpty || !inputs.contains(CommandInput.samples.rawValue) else {
      throw ConfigurationError("samples: missing; expected the numbers of sample jobs")
    }
    guard Set(samples).count == samples.count else {
      throw ConfigurationError("samples: expected sample jobs, each once")
    }
    guard files.count == filesName.count else {
      throw ConfigurationError(
        "files_name: has \(filesName.count) names for \(files.count) files; expected one for each")
    }
    for file in files { try requireStored(file, "files", "a file") }
    for file in filesName where !CommandFile.isName(file) {
      throw ConfigurationError(
        "files_name: found '\(file)', expected a file's name without a folder")
    }
    guard Set(filesName).count == filesName.count else {
      throw ConfigurationError("files_name: names a file twice")
    }
  }
}
