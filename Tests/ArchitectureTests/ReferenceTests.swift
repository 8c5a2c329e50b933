// Every reference in the tree leads somewhere: sections of the model page, guarantees, decisions, links of
// pages, paths of files, names of tests.

import Testing

@Suite struct ReferenceTests {
  private static let modelPage = "Sources/Model/PRAModel/model.md"
  private static let guaranteesPage = "docs/guarantees.md"

  private func page(_ path: String) throws -> MarkdownPage {
    try #require(try MarkdownPage.all().first { $0.path == path }, "\(path)")
  }

  @Test func sectionsOfTheModelExist() throws {
    let model = try page(Self.modelPage)
    var sections: Set<String> = []
    var steps: [String: Set<String>] = [:]
    var current = ""
    for line in model.lines {
      if line.hasPrefix("##"),
        let number = line.drop(while: { "# ".contains($0) }).prefixMatch(of: /(\d+(?:\.\d+)?)\.?\s/)
      {
        current = String(number.output.1)
        sections.insert(current)
      } else if let step = line.prefixMatch(of: /(\d+)\.\s/) {
        steps[current, default: []].insert(String(step.output.1))
      }
    }
    #expect(sections.count == 16)
    var checked = 0
    for line in try Repository.lines() where line.text.holds("ection", "model.md") {
      for reference in SectionReference.all(in: line.text) {
        checked += 1
        #expect(sections.contains(reference.section), "\(line.place): section \(reference.section)")
        if let step = reference.step {
          #expect(
            steps[reference.section]?.contains(step) == true,
            "\(line.place): step \(step) of section \(reference.section)")
        }
      }
    }
    #expect(checked > 80)
  }

  /// Rows of the table: the guarantee's name and the tests that its row names, by file.
  private func guarantees() throws -> [String: [(file: String, test: String)]] {
    var rows: [String: [(file: String, test: String)]] = [:]
    for line in try page(Self.guaranteesPage).lines {
      guard let row = line.prefixMatch(of: /\| \*\*(G\d+)\*\* \|/) else { continue }
      var tests: [(file: String, test: String)] = []
      for link in line.matches(of: /\]\(\.\.\/(Tests\/[^)]+\.swift)\)((?:,? `[A-Za-z0-9]+`)+)/) {
        for name in link.output.2.matches(of: /`([A-Za-z0-9]+)`/) {
          tests.append((String(link.output.1), String(name.output.1)))
        }
      }
      rows[String(row.output.1)] = tests
    }
    return rows
  }

  @Test func guaranteesExist() throws {
    let rows = try guarantees()
    #expect(Set(rows.keys) == Set((1...15).map { "G\($0)" }))
    var checked = 0
    for line in try Repository.lines()
    where line.path != Self.guaranteesPage
      && line.text.holds("G1", "G2", "G3", "G4", "G5", "G6", "G7", "G8", "G9")
    {
      for name in line.text.matches(of: /\bG\d+\b/).map({ String($0.output) }) {
        checked += 1
        #expect(rows[name] != nil, "\(line.place): \(name)")
        if line.path.hasPrefix("Tests/"), line.path.hasSuffix("Tests.swift"),
          !line.path.hasPrefix("Tests/ArchitectureTests/")
        {
          #expect(
            rows[name, default: []].contains { $0.file == line.path },
            "\(line.place) speaks of \(name), whose row does not name it")
        }
      }
    }
    #expect(checked > 30)
  }

  @Test func everyGuaranteeHasTestsThatExist() throws {
    for (name, tests) in try guarantees() {
      if Int(name.dropFirst())! <= 10 { #expect(!tests.isEmpty, "\(name)") }
      for (file, test) in tests {
        let text =
          try Repository.files(under: file.folder, suffixes: [file.name])
          .first { $0.path == file }?.text ?? ""
        // The attribute stands before the function, on its line or with its arguments above.
        let isThere = text.contains("@Test") && text.contains("func \(test)(")
        #expect(isThere, "\(name): \(file) has no test \(test)")
      }
    }
  }

  @Test func decisionsExist() throws {
    let decisions = try Repository.files(under: "ops/decisions", suffixes: [".md"])
      .map { String($0.path.name.prefix(4)) }
    var checked = 0
    for line in try Repository.lines() where line.text.holds("ecision") {
      for number in line.text.matches(of: /[Dd]ecisions? (\d{4})/).map({ String($0.output.1) }) {
        checked += 1
        let isThere = decisions.contains(number)
        #expect(isThere, "\(line.place): decision \(number)")
      }
    }
    #expect(checked > 5)
  }

  @Test func linksOfPagesLeadSomewhere() throws {
    let pages = try MarkdownPage.all()
    var checked = 0
    for page in pages {
      for (path, anchor) in page.links {
        checked += 1
        #expect(Repository.exists(path), "\(page.path) links to \(path)")
        if let anchor, path.hasSuffix(".md"), let target = pages.first(where: { $0.path == path }) {
          #expect(target.anchors.contains(anchor), "\(page.path) links to \(path)#\(anchor)")
        }
      }
    }
    #expect(checked > 100)
  }

  /// A file that is named by its path from the root, in a comment, a text or a page.
  @Test func pathsExist() throws {
    var checked = 0
    for line in try Repository.lines()
    where line.text.holds("Sources/", "Tests/", "workers/", "ops/", "migrations/", "docs/") {
      let found = line.text.matches(
        of:
          /(?:^|[^\w\/.$}-])((?:Sources|Tests|workers|ops|migrations|docs)\/[\w.\/+-]*\.[a-z]+)\b(?![*{<])/
      )
      for path in found.map({ String($0.output.1) }) {
        checked += 1
        #expect(Repository.exists(path), "\(line.place) names \(path)")
      }
    }
    #expect(checked > 100)
  }

  /// A page that is named alone, as in "model.md section 3".
  @Test func pagesExist() throws {
    // The kind `compare` writes a page.
    let names = Set(try MarkdownPage.all().map { $0.path.name } + ["comparison.md"])
    for line in try Repository.lines() where line.text.holds(".md") {
      for name in line.text.matches(of: /(?:^|[\s`("\/])([A-Za-z][\w-]*\.md)\b/).map(\.output.1) {
        let isThere = names.contains(String(name))
        #expect(isThere, "\(line.place) names \(name)")
      }
    }
  }
}

extension String {
  /// The last part of a path.
  var name: String { String(split(separator: "/").last ?? "") }
  /// The path without its last part.
  var folder: String { split(separator: "/").dropLast().joined(separator: "/") }
}
