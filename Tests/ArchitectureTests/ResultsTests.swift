// Rows of measurements, and the page that is made of them.

import Foundation
import Testing

/// A row of `ops/bench/results`; its members are described in `ops/bench/rig/rows.py`.
private struct ResultRow: Decodable {
  let topic: String
  let name: String
  let command: String
  let commit: String
  let machine: String
  let median: Double
  let spread: [Double]?
  let runs: Int
  let unit: String
  let wanted: String?
  let reached: Bool?
  let note: String

  /// Whether the median is as wanted; nil where nothing is wanted.
  var isReached: Bool? {
    get throws {
      guard let wanted else { return nil }
      let words = wanted.split(separator: " ")
      let mark = try #require(
        words.count == 2 ? Double(words[1]) : nil, "\(name): wanted \(wanted)")
      switch words[0] {
      case "<": return median < mark
      case "<=": return median <= mark
      case ">": return median > mark
      case ">=": return median >= mark
      case "=": return median == mark
      default: throw UnknownOperator(description: "\(name): wanted \(wanted)")
      }
    }
  }
}

private struct UnknownOperator: Error, CustomStringConvertible { let description: String }

@Suite struct ResultsTests {
  private func topics() throws -> [(file: String, rows: [ResultRow])] {
    try Repository.files(under: "ops/bench/results", suffixes: [".json"]).map {
      ($0.path, try JSONDecoder().decode([ResultRow].self, from: Data($0.text.utf8)))
    }
  }

  @Test func reachedFollowsFromMedianAndWanted() throws {
    let rows = try topics().flatMap(\.rows)
    #expect(rows.count > 50)
    #expect(rows.contains { $0.reached == false } && rows.contains { $0.reached == true })
    for row in rows { #expect(try row.reached == row.isReached, "\(row.name)") }
  }

  @Test func rowsAreWhole() throws {
    for (file, rows) in try topics() {
      #expect(Set(rows.map(\.name)).count == rows.count, "\(file): a name twice")
      for row in rows {
        #expect(file == "ops/bench/results/\(row.topic).json", "\(row.name)")
        #expect(
          row.commit.wholeMatch(of: /[0-9a-f]{7,40}|v?[0-9.]+(-[0-9]+-g[0-9a-f]+)?/) != nil,
          "\(row.name)")
        #expect(row.machine.contains("cores") && row.runs > 0, "\(row.name)")
        if let spread = row.spread {
          #expect(
            spread.count == 2 && spread[0] <= row.median && row.median <= spread[1], "\(row.name)")
        }
        let cells = [row.name, row.command, row.commit, row.machine, row.unit, row.note]
        #expect(!cells.contains { $0.contains("|") || $0.contains("\n") }, "\(row.name)")
      }
    }
  }

  /// Executable scripts of the repository, and programs of the package by `swift run`.
  @Test func everyRowNamesACommandThatExists() throws {
    let manifest = try String(
      contentsOf: Repository.root.appending(path: "Package.swift"), encoding: .utf8)
    for row in try topics().flatMap(\.rows) {
      // A setting of the environment may stand before the command.
      let words = row.command.split(separator: " ").map(String.init)
        .drop { $0.contains("=") && !$0.contains("/") }
      if words.starts(with: ["swift", "run", "-c", "release"]) {
        let program = try #require(words.dropFirst(4).first, "\(row.name)")
        #expect(manifest.contains("name: \"\(program)\""), "\(row.name): no program \(program)")
      } else {
        let script = try #require(words.first, "\(row.name)")
        let path = Repository.root.appending(path: script).path()
        #expect(
          script.contains("/") && FileManager.default.isExecutableFile(atPath: path),
          "\(row.name): no command \(script)")
      }
    }
  }

  @Test func thePageIsWhatItsRowsMake() throws {
    let (status, text) = try Repository.run(
      Repository.root.appending(path: "ops/bench/report").path(), ["--check"])
    #expect(status == 0, "\(text)")
  }

  /// Topics of many rows have pages of their own.
  @Test func thePageStaysShort() throws {
    let page = try String(
      contentsOf: Repository.root.appending(path: "ops/bench/RESULTS.md"), encoding: .utf8)
    #expect(page.split(separator: "\n", omittingEmptySubsequences: false).count <= 150)
  }
}
