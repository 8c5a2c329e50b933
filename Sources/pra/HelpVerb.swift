// Help on verbs, as the parser prints it, and on the keys of run files.

import ArgumentParser
import Configuration
import Foundation

struct Help: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print the help of a verb, or the keys of run files and configurations.",
    discussion: """
      pra help run prints what pra run --help prints. pra help keys prints every key with its type, \
      default and meaning; pra help keys NAME prints that key and the keys below it.
      Example: pra help keys sampling
      Example: pra help keys training.lr --json
      """)

  @Argument(help: "A verb, as in run or export csv; or keys, and a key's name.")
  var topic: [String] = []

  @Flag(help: "Print the keys as a JSON array.")
  var json = false

  func validate() throws {
    if topic.first == "keys" {
      guard topic.count <= 2 else {
        throw ValidationError("help keys: expected one name, as in pra help keys sampling")
      }
    } else if json {
      throw ValidationError("--json: has no effect without keys, as in pra help keys --json")
    }
  }

  func run() throws {
    guard topic.first == "keys" else {
      printExactly(Pra.helpMessage(for: try Self.verb(topic)))
      return
    }
    let keys = try topic.count == 2 ? Key.under(topic[1]) : Key.all
    printExactly(
      json
        ? "[\n\(keys.map(\.json).joined(separator: ",\n"))\n]"
        : keys.map { $0.text(among: keys) }.joined(separator: "\n"))
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

extension Key {
  /// The entry for people: name, values and default, and the meaning below them.
  /// - Parameter shown: the whole list; a source that its section has shown is left out
  fileprivate func text(among shown: [Key]) -> String {
    let title = isSection && standard == nil ? name : "\(name)  \(values.words(unit: unit))"
    let section = name.split(separator: ".").dropLast().joined(separator: ".")
    let isRepeated = shown.contains { $0.name == section && $0.source == source }
    let reference = isRepeated ? nil : source.map { "[\($0)]" }
    return wrapped(
      [title, defaultWords].compactMap(\.self).joined(separator: "; "), width: 80, indent: "",
      later: "    ")
      + "\n"
      + wrapped(
        [meaning, reference].compactMap(\.self).joined(separator: " "), width: 80, indent: "    ",
        later: "    ")
  }

  /// As in "default 25 (100 in pra-s, pra-b, pra-l)"; nil for a key without one.
  fileprivate var defaultWords: String? {
    guard let standard else { return isRequired ? "required" : nil }
    var others: [(json: String, presets: [String])] = []
    for (preset, json) in presets.map({ ($0.preset.rawValue, $0.json) }) {
      if let place = others.firstIndex(where: { $0.json == json }) {
        others[place].presets.append(preset)
      } else {
        others.append((json, [preset]))
      }
    }
    let words = others.map { "\(Self.plain($0.json)) in \($0.presets.joined(separator: ", "))" }
    return "default \(Self.plain(standard))"
      + (words.isEmpty ? "" : " (\(words.joined(separator: "; ")))")
  }

  /// A value as people write it: without quotes, 2 for 2.0, blanks after commas.
  private static func plain(_ json: String) -> String {
    json.replacing("\"", with: "").replacing(",", with: ", ").replacing(/\.0(?![0-9])/, with: "")
  }
}

/// A text in lines of at most so many characters, where its words allow it. Blanks within a line stay.
private func wrapped(_ text: String, width: Int, indent: String, later: String) -> String {
  var lines: [String] = []
  var line = indent
  var isEmpty = true
  for word in text.split(separator: " ", omittingEmptySubsequences: false) {
    if !isEmpty, line.count + 1 + word.count > width {
      lines.append(line)
      (line, isEmpty) = (later, true)
    }
    line += isEmpty ? word : " " + word
    isEmpty = false
  }
  return (lines + [line]).joined(separator: "\n")
}
