// docs/reference.md and docs/keys.md are made from the program and from the contracts of job kinds.
//
// PRA_UPDATE_GOLDEN=1 writes them, as it does the frozen help.

import Foundation
import Testing

@Suite struct MadePageTests {
  private let folder: String

  init() throws {
    folder = FileManager.default.temporaryDirectory
      .appending(path: "pra-reference-\(UUID().uuidString)").path(percentEncoded: false)
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
  }

  private func pra(_ arguments: [String]) throws -> String {
    let outcome = try Outcome(arguments, environment: ["COLUMNS": "80"], in: folder)
    #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(arguments): \(outcome.errors)")
    return outcome.output
  }

  private func expectCurrent(_ page: String, _ made: String) throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = "\(Repository.root)/docs/\(page)"
    if ProcessInfo.processInfo.environment["PRA_UPDATE_GOLDEN"] == "1" {
      try made.write(toFile: path, atomically: true, encoding: .utf8)
    }
    let isCurrent = made == (try? String(contentsOfFile: path, encoding: .utf8))
    #expect(
      isCurrent,
      """
      docs/\(page) is not what the program says; bring it up to date with: \
      PRA_UPDATE_GOLDEN=1 swift test --filter 'HelpTests|MadePageTests'
      """)
  }

  @Test func theReferenceIsCurrent() throws {
    let root = try pra(["--help"])
    var page = """
      # All verbs

      This page is made from the program (`pra help VERB` prints the same); do not edit it. The keys of
      run files and the arguments of job kinds are in [keys.md](keys.md).


      """
    page += "```text\n\(root.trimmingCharacters(in: .newlines))\n```\n"
    var verbs = 0
    for line in root.split(separator: "\n") {
      if let heading = line.firstMatch(of: /^([A-Z]+) SUBCOMMANDS:$/)?.1 {
        page += "\n## \(heading.capitalized)\n"
      } else if let verb = line.firstMatch(of: /^  ([a-z]+)( |$)/)?.1 {
        verbs += 1
        page += try section([String(verb)])
      }
    }
    #expect(verbs > 30)
    try expectCurrent("reference.md", page)
  }

  /// The help of a verb, and of the verbs below it.
  private func section(_ verb: [String]) throws -> String {
    let help = try pra(verb + ["--help"])
    var text =
      "\n### pra \(verb.joined(separator: " "))\n\n```text\n"
      + "\(help.trimmingCharacters(in: .newlines))\n```\n"
    if let list = help.range(of: "\nSUBCOMMANDS:\n") {
      for line in help[list.upperBound...].split(separator: "\n") {
        guard let next = line.firstMatch(of: /^  ([a-z]+)( |$)/)?.1 else { continue }
        text += try section(verb + [String(next)])
      }
    }
    return text
  }

  @Test func theKeysAreCurrent() throws {
    let keys = try JSONDecoder().decode(
      [DescribedKey].self, from: Data(try pra(["keys", "--json"]).utf8))
    #expect(keys.count > 90)
    try expectCurrent("keys.md", KeyPage.text(keys, try KeyPage.kindNames(), try KeyPage.kinds()))
  }
}

/// A key as `pra keys --json` prints it; defaults as JSON text.
struct DescribedKey: Decodable {
  let key: String
  let type: String
  let range: String?
  let choices: [String]
  let null: Bool
  let required: Bool
  let `default`: Value
  let presets: [String: Value]
  let meaning: String
  let unit: String?
  let source: String?

  /// A JSON value as a page shows it.
  struct Value: Decodable, Equatable {
    let text: String

    init(from decoder: any Decoder) throws {
      let box = try decoder.singleValueContainer()
      if box.decodeNil() {
        text = "null"
      } else if let flag = try? box.decode(Bool.self) {
        text = String(flag)
      } else if let number = try? box.decode(UInt64.self) {
        text = String(number)
      } else if let number = try? box.decode(Double.self) {
        text = number.description
      } else if let word = try? box.decode(String.self) {
        text = word
      } else {
        let list = try box.decode([Value].self)
        text = "[\(list.map(\.text).joined(separator: ", "))]"
      }
    }
  }
}
