import DatabaseTesting
import Foundation
import Postgres
import Testing

/// The files of migrations/ and the objects that they make.
@Suite struct SchemaFileTests {
  private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().appending(path: "migrations")

  /// Paths below migrations/ of all SQL files.
  private func files() throws -> [String] {
    let names = FileManager.default.enumerator(atPath: Self.folder.path())?.compactMap {
      $0 as? String
    }
    return try #require(names).filter { $0.hasSuffix(".sql") }.sorted()
  }

  @Test func theProgramHoldsEveryFileOfTheRepository() throws {
    let embedded = Migration.known.map(\.name) + CurrentFile.known.map(\.path)
    #expect(try files() == embedded.sorted())
    #expect(Migration.known.map(\.name) == Migration.known.map(\.name).sorted())
  }

  /// Statements without comments and texts, so that what is looked for is code.
  private func code(_ sql: String) -> String {
    sql.replacing(/--[^\n]*/, with: "").replacing(/'(?:[^']|'')*'/, with: "''")
  }

  /// Names of the functions that a text makes.
  private func functions(_ sql: String) -> [String] {
    code(sql).matches(of: /create (?:or replace )?function\s+(pra(?:_store)?\.\w+)/).map {
      String($0.output.1)
    }
  }

  /// A function that a released file of structure calls could no longer be changed.
  @Test func noNumberedFileAfterTheReleasedOnesCallsOrMakesAFunction() throws {
    let made = Set(CurrentFile.known.flatMap { functions($0.sql) })
    #expect(made.count > 100)
    for file in Migration.known where file.version > 9 {
      let text = code(file.sql).replacing(/drop function (?:if exists )?[^;]*;/, with: "")
      for name in made {
        #expect(!text.contains("\(name)("), "\(file.name) calls \(name)")
      }
      #expect(functions(file.sql).isEmpty, "\(file.name) makes functions")
      #expect(!text.contains("pg_get_functiondef"), "\(file.name) changes functions as text")
    }
  }

  @Test func everyFunctionRunsWithTheTextOfOneFile() throws {
    let connection = try TestDatabase.create().connect()
    let texts = CurrentFile.known.map(\.sql)
    var count = 0
    for row in try connection.query(
      """
      select format('%s.%s', n.nspname, p.proname) as name, p.prosrc as body
      from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace
      where n.nspname in ('pra', 'pra_store')
      """)
    {
      let (name, body) = (try row.string("name"), try row.string("body"))
      let places = texts.filter {
        $0.contains("create or replace function \(name)(") && $0.contains("$$\(body)$$")
      }
      #expect(places.count == 1, "\(name) stands in \(places.count) files")
      count += 1
    }
    #expect(count > 100)
  }

  @Test func aViewStandsInTheFileOfItsName() throws {
    let connection = try TestDatabase.create().connect()
    let views = try connection.query(
      "select viewname as name from pg_views where schemaname = 'pra' order by 1"
    ).map { "views/\(try $0.string("name")).sql" }
    #expect(views == CurrentFile.known.map(\.path).filter { $0.hasPrefix("views/") }.sorted())
  }

  @Test func everyPublicFunctionHasAComment() throws {
    let connection = try TestDatabase.create().connect()
    let bare = try connection.query(
      """
      select p.oid::regprocedure as name from pg_proc as p
      where p.pronamespace = 'pra'::regnamespace and obj_description(p.oid, 'pg_proc') is null
      order by 1
      """
    ).map { try $0.string("name") }
    #expect(bare.isEmpty)
  }

  /// A longer function holds more than one concept. Longer ones would stand here with the reason.
  @Test func noFunctionHasMoreThan100Lines() throws {
    let connection = try TestDatabase.create().connect()
    let long = try connection.query(
      """
      select p.oid::regprocedure as name from pg_proc as p
      where p.pronamespace in ('pra'::regnamespace, 'pra_store'::regnamespace)
        and cardinality(string_to_array(prosrc, E'\\n')) > 100
      """
    ).map { try $0.string("name") }
    #expect(long.isEmpty)
  }
}
