// A comment is a sentence with a subject, or a noun phrase with its head noun.

import Testing

@Suite struct LanguageTests {
  /// Words that stand for the thing instead of naming it: "What is left of a killed writer" says less
  /// than "The temporary file of a killed writer".
  private static let headlessOpeners: Set<Substring> = [
    "Of", "What", "Whatever", "Who", "Whoever", "Whom", "Whose",
  ]

  /// The headless word that a line of comment begins with.
  ///
  /// Lines with a star are those inside a C comment of several lines. SQL comments also stand in Swift,
  /// inside the text of a query.
  private static func headlessOpener(of line: Substring) -> Substring? {
    let line = line.drop { $0 == " " }
    guard let marker = ["//", "--", "/*", "* "].first(where: line.hasPrefix) else { return nil }
    let word = line.dropFirst(marker.count).drop { "/*! ".contains($0) }.prefix(while: \.isLetter)
    return headlessOpeners.contains(word) ? word : nil
  }

  @Test(
    "the rule sees every kind of comment",
    arguments: [
      ("/// Of one image.", "Of"), ("  // What the server said.", "What"),
      ("-- Whoever holds the lease.", "Whoever"), ("/* Whose turn it is. */", "Whose"),
      (" * Who reads it.", "Who"), ("/// Offsets of the rows.", nil),
      ("/// The answer. What follows is no opener.", nil), ("let what = 1", nil),
    ] as [(Substring, Substring?)])
  func theRuleSees(line: Substring, opener: Substring?) {
    #expect(Self.headlessOpener(of: line) == opener)
  }

  /// Numbered migrations are not read: they stay as they were released.
  @Test func noCommentBeginsWithoutItsNoun() throws {
    let code = try ["Sources", "Tests", "workers", "ops"].flatMap {
      try Repository.files(under: $0, suffixes: [".swift", ".c", ".h", ".sql"])
    }
    let functionsAndViews = try ["migrations/functions", "migrations/views"].flatMap {
      try Repository.files(under: $0, suffixes: [".sql"])
    }
    #expect(code.count > 300)
    for file in code + functionsAndViews {
      for (index, line) in file.lines.enumerated() {
        guard let opener = Self.headlessOpener(of: line) else { continue }
        Issue.record("\(file.path):\(index + 1): comment begins with \(opener), without its noun")
      }
    }
  }
}
