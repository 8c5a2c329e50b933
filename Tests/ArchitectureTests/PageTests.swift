// The version, the change log and the list of decisions agree. PRA_UPDATE_GOLDEN=1 writes the list anew.

import PageTesting
import Testing

@Suite struct PageTests {
  @Test func theChangeLogBeginsWithTheVersionOfThePrograms() throws {
    let source = try Page("Sources/Settings/Configuration/Version.swift").text
    let version = try #require(source.firstMatch(of: /codeVersion = "(\d+\.\d+\.\d+)"/)).output.1
    let log = try Page("CHANGELOG.md").text
    let versions = log.matches(of: /(?m)^## (\d+\.\d+\.\d+)(?: \((.+)\))?$/)
    #expect(versions.first?.output.1 == version)
    // Newest first, each once.
    let numbers = versions.map { $0.output.1.split(separator: ".").map { Int($0)! } }
    #expect(numbers.count >= 2)
    for (newer, older) in zip(numbers, numbers.dropFirst()) {
      #expect(older.lexicographicallyPrecedes(newer))
    }
  }

  @Test func nothingStandsTwiceInASectionOfTheChangeLog() throws {
    var leads: Set<String> = []
    for line in try Page("CHANGELOG.md").text.split(separator: "\n") {
      if line.hasPrefix("#") { leads = [] }
      guard let lead = line.firstMatch(of: /^- \*\*(.+?)\*\*/) else { continue }
      #expect(leads.insert(String(lead.output.1)).inserted, "\(lead.output.1) stands twice")
    }
  }

  /// pip reads no Swift, so the package for Python says it again.
  @Test func theVersionStandsInTwoPlaces() throws {
    let source = try Page("Sources/Settings/Configuration/Version.swift").text
    let version = try #require(source.firstMatch(of: /codeVersion = "([0-9.]+)"/)).output.1
    let places = try Repository.lines().filter { $0.text.contains("\"\(version)\"") }.map(\.path)
    #expect(
      places.sorted() == ["Sources/Settings/Configuration/Version.swift", "python/pyproject.toml"])
  }

  private func decisions() throws -> [SourceFile] {
    try Repository.files(under: "ops/decisions", suffixes: [".md"]).filter {
      $0.path.name != "README.md"
    }
  }

  @Test func decisionsHaveANumberAndATitle() throws {
    let files = try decisions()
    #expect(Set(files.map { $0.path.name.prefix(4) }).count == files.count, "a number stands twice")
    for file in files {
      #expect(file.lines[0].hasPrefix("# \(file.path.name.prefix(4)): "), "\(file.path)")
    }
  }

  @Test func theIndexHoldsEveryDecision() throws {
    let page = Page("ops/decisions/README.md")
    let index = try decisions().map { file in
      "- [\(file.path.name.prefix(4))](\(file.path.name)): \(file.lines[0].dropFirst(8))\n"
    }.joined()
    try page.updateIfAsked("decisions", with: index)
    #expect(try page.part("decisions") == index)
  }
}
