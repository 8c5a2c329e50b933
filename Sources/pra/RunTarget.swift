// A run on the command line: by position, or by --run, which mean the same everywhere.

import ArgumentParser

/// One run, by number or name.
struct RunTarget: ParsableArguments {
  @Argument(help: ArgumentHelp("Number or name of the run.", valueName: "run")) var position:
    String?
  @Option(name: .customLong("run"), help: ArgumentHelp("The same.", valueName: "run")) var option:
    String?

  var name: String { position ?? option ?? "" }

  func validate() throws {
    guard (position == nil) != (option == nil) else {
      throw ValidationError(
        position == nil
          ? "name a run, by its number or its name" : "--run: a run is named already; keep one")
    }
  }
}

/// One run or sweep, or none.
struct OptionalRunTarget: ParsableArguments {
  @Argument(help: ArgumentHelp("Number or name of a run, or name of a sweep.", valueName: "run"))
  var position: String?
  @Option(name: .customLong("run"), help: ArgumentHelp("The same.", valueName: "run")) var option:
    String?

  var name: String? { position ?? option }

  func validate() throws {
    guard position == nil || option == nil else {
      throw ValidationError("--run: a run is named already; keep one")
    }
  }
}

/// Runs by number or name, or those of a sweep by its name.
struct RunTargets: ParsableArguments {
  @Argument(help: ArgumentHelp("Numbers or names of runs, or of sweeps.", valueName: "run"))
  var positions: [String] = []
  @Option(
    name: .customLong("run"), help: ArgumentHelp("The same; may be repeated.", valueName: "run"))
  var options: [String] = []

  var names: [String] { positions + options }

  func requireSome() throws {
    guard !names.isEmpty else {
      throw ValidationError("name a run, by its number or its name")
    }
  }
}

/// Jobs by their numbers, or a run by its name or by --run.
struct JobsOrRun: ParsableArguments {
  @Argument(
    help: ArgumentHelp(
      "Numbers of jobs, or the name of a run or a sweep; id=3 for the run of that number.",
      valueName: "jobs"))
  var given: [String] = []
  @Option(name: .customLong("run"), help: "Number or name of a run, or name of a sweep.")
  var option: String?

  private var words: [String] {
    given.flatMap { word in
      Self.isNumbers(word) ? word.split(separator: ",").map(String.init) : [word]
    }
  }

  private static func isNumbers(_ word: String) -> Bool {
    !word.isEmpty && word.utf8.allSatisfy { (48...57).contains($0) || $0 == 44 }
  }

  /// The words of a command line with adjacent numbers of jobs as one word: the parser takes quadratic time for
  /// thousands of words.
  static func joined(_ words: [String]) -> [String] {
    guard let verb = words.first, ["cancel", "retry"].contains(verb) else { return words }
    var joined: [String] = [verb]
    var isOpen = false
    for word in words.dropFirst() {
      let isNumber = isNumbers(word)
      if isNumber, isOpen {
        joined[joined.count - 1] += ",\(word)"
      } else {
        // A number behind an option is its value.
        isOpen = isNumber && !joined.last!.hasPrefix("-")
        joined.append(word)
      }
    }
    return joined
  }

  /// Numbers of jobs; empty for a run.
  var jobs: [Int64] { runName == nil ? words.compactMap { Int64($0) } : [] }
  /// Nil for jobs.
  var runName: String? { option ?? words.first { Int64($0) == nil } }

  func validate() throws {
    guard words.isEmpty == (option != nil) else {
      throw ValidationError("name jobs or a run, one of the two")
    }
    guard option != nil || words.count == 1 || words.allSatisfy({ Int64($0) != nil }) else {
      throw ValidationError(
        "\(words.first { Int64($0) == nil }!): a run is named by itself, without jobs beside it")
    }
  }
}
