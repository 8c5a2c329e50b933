// Help on verbs, as the parser prints it.

import ArgumentParser
import Configuration
import Foundation

struct Help: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print the help of a verb.",
    discussion: """
      pra help run prints what pra run --help prints. Keys of run files are explained by pra keys.
      Example: pra help export csv
      """)

  @Argument(help: "A verb, as in run or export csv.")
  var topic: [String] = []

  func run() throws {
    printExactly(Pra.helpMessage(for: try Self.verb(topic)))
  }

  /// The command that words name from the root on.
  private static func verb(_ words: [String]) throws -> any ParsableCommand.Type {
    var command: any ParsableCommand.Type = Pra.self
    for word in words {
      let known = command.configuration.subcommands
      guard let next = known.first(where: { $0._commandName == word }) else {
        let near = nearest(to: word, among: known.map { $0._commandName })
        throw ValidationError(
          "help \(words.joined(separator: " ")): there is no verb '\(word)'"
            + (near.map { "; did you mean '\($0)'?" } ?? "; pra --help lists all"))
      }
      command = next
    }
    return command
  }
}
