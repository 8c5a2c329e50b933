// The program of a command: a process below the stage, whose end says how the attempt ends.

import Glibc
import StageInputs
import StageKit
import Threads

/// A program that did not do its work, as it may at another try.
struct ProgramFault: Error, CustomStringConvertible {
  let description: String
}

/// A running program. Its output is the stage's, and so goes to the attempt's log.
struct Program {
  private let process: pid_t
  private let name: String

  /// Exit codes of sysexits(3) that say what another try would do.
  private enum Code {
    static let usage: Int32 = 64
    static let dataError: Int32 = 65
    static let hostLack: Int32 = 71
    static let temporaryFailure: Int32 = 75
  }

  /// Starts it in a folder, without a shell.
  /// - Parameter environment: all of it; nothing is inherited
  /// - Throws: `UnfitHost` where it cannot be started on this host
  init(_ words: [String], environment: [String: String], folder: String) throws {
    name = words[0]
    guard let path = Self.find(words[0], environment["PATH"] ?? "", folder) else {
      throw UnfitHost("command: there is no program \(words[0]) on this worker")
    }
    let (process, failure) = ProcessTree.start(
      path, arguments: words, environment: environment, in: folder)
    guard failure == 0 else {
      throw UnfitHost(
        "command: \(words[0]) does not start: \(String(cString: strerror(failure)))")
    }
    self.process = process
  }

  /// The file of a program: one of the folders of PATH, or a path from the program's own folder.
  private static func find(_ word: String, _ path: String, _ folder: String) -> String? {
    if word.contains("/") {
      let file = word.hasPrefix("/") ? word : "\(folder)/\(word)"
      return access(file, X_OK) == 0 ? file : nil
    }
    return path.split(separator: ":").map { "\($0)/\(word)" }.first { access($0, X_OK) == 0 }
  }

  /// Asks it and what it has started to end.
  func requestStop() {
    for one in ProcessTree.below(process) + [process] { kill(one, SIGTERM) }
  }

  /// The status of waitpid(2); nil while it runs.
  func statusIfEnded() -> Int32? {
    var status: Int32 = 0
    return waitpid(process, &status, WNOHANG) == process ? status : nil
  }

  /// - Throws: `PermanentFailure`, `UnfitHost` or `ProgramFault` unless it has ended with 0
  func check(_ status: Int32) throws {
    guard status & 0x7F == 0 else {
      throw ProgramFault(description: "\(name) was ended by signal \(status & 0x7F)")
    }
    let code = status >> 8 & 0xFF
    switch code {
    case 0: return
    case Code.usage, Code.dataError:
      throw PermanentFailure(
        "\(name) ended with code \(code), by which it says that no other try would help; see its log"
      )
    case Code.hostLack, Code.temporaryFailure:
      throw UnfitHost(
        "\(name) ended with code \(code), by which it says that this host lacks something")
    default: throw ProgramFault(description: "\(name) ended with code \(code); see its log")
    }
  }
}
