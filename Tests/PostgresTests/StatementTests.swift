import DatabaseTesting
import Foundation
import Postgres
import Testing

/// The statements of all `Queries.swift` and their extensions, read from the sources so that none can be forgotten.
@Suite struct StatementTests {
  struct Statement: Sendable, CustomTestStringConvertible {
    let place: String
    let sql: String
    var testDescription: String { place }

    static let all: [Statement] = {
      let sources = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Sources")
      let names = FileManager.default.enumerator(atPath: sources.path())?.compactMap {
        $0 as? String
      }
      return (names ?? []).filter { $0.hasSuffix("Queries.swift") }.sorted().flatMap { path in
        let text = (try? String(contentsOf: sources.appending(path: path), encoding: .utf8)) ?? ""
        return text.matches(
          of: /static let (\w+)(?:: String)? =\s+(?:"""\n((?:.|\n)*?)\n\s*"""|"((?:[^"\\]|\\.)*)")/
        ).map { match in
          let sql = match.output.2.map(String.init) ?? match.output.3.map(String.init) ?? ""
          return Statement(
            place: "\(path): \(match.output.1)",
            sql: sql.replacing("\\\n", with: "\n").replacing("\\\\", with: "\\")
              .trimmingCharacters(in: .whitespacesAndNewlines))
        }
      }
    }()
  }

  @Test func everyFileOfStatementsIsRead() {
    let files = Set(Statement.all.map { $0.place.prefix { $0 != ":" } })
    #expect(
      files == [
        "Dashboard/pra-dashboard/QueueQueries.swift", "Dashboard/pra-dashboard/RunQueries.swift",
        "Dashboard/pra-dashboard/RunsQueries.swift", "Queue/Agent/Queries.swift",
        "Queue/JobQueue/Queries.swift", "Queue/JobQueue/RunSearchQueries.swift",
        "Queue/RunStore/Queries.swift", "Queue/StageKit/Queries.swift",
        "pra/DoctorQueries.swift", "pra/LookQueries.swift",
        "pra/Queries.swift", "pra/RunListQueries.swift", "pra/RunQueries.swift",
        "pra/SamplingQueries.swift", "pra/TrainedQueries.swift",
      ])
    #expect(Statement.all.count > 120)
    #expect(Set(Statement.all.map(\.place)).count == Statement.all.count)
  }

  /// SET cannot be prepared and is run; the one COPY is run by the tests of metrics.
  @Test func everyStatementPrepares() throws {
    let connection = try TestDatabase.create().connect()
    for statement in Statement.all {
      let word = statement.sql.prefix { $0.isLetter }
      guard word != "copy" else { continue }
      #expect(throws: Never.self, "\(statement.place)") {
        if word == "set" {
          try connection.run("begin; \(statement.sql); rollback")
        } else {
          try connection.prepare(statement.sql)
        }
      }
    }
    let copies = Statement.all.filter { $0.sql.hasPrefix("copy") }.map(\.place)
    #expect(copies == ["Queue/StageKit/Queries.swift: stageMetrics"])
  }
}
