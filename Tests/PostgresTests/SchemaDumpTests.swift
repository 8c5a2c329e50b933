import DatabaseTesting
import Foundation
import Postgres
import Testing

/// The schema as `pg_dump` shows it: of a fresh database, and of one that was upgraded.
@Suite struct SchemaDumpTests {
  private static let golden = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Golden/schema")

  /// Runs a program of PostgreSQL on a database, as the caller: the server trusts its socket.
  private func run(
    _ program: String, _ words: [String], on database: TestDatabase, input: Data? = nil
  ) throws -> String {
    let process = Process()
    let folder = try ServerPrograms.folder(path: ProcessInfo.processInfo.environment["PATH"])
    process.executableURL = URL(filePath: "\(folder)/\(program)")
    process.arguments = words + ["-d", database.url.conninfo]
    let (output, errors, given) = (Pipe(), Pipe(), Pipe())
    (process.standardOutput, process.standardError) = (output, errors)
    process.standardInput = given
    try process.run()
    let writer = Thread {
      try? given.fileHandleForWriting.write(contentsOf: input ?? Data())
      try? given.fileHandleForWriting.close()
    }
    writer.start()
    let text = output.fileHandleForReading.readDataToEndOfFile()
    let said = errors.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw PostgresError(
        .unexpected, sqlState: "XX000", message: String(decoding: said, as: UTF8.self))
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// The statements that make a schema, without partitions, which are named after months, and without lines
  /// that tell the program's version or a word drawn by chance.
  private func schema(of database: TestDatabase) throws -> String {
    let text = try run(
      "pg_dump",
      [
        "-s", "-N", "public", "-T", "pra_store.events_2*", "-T", "pra_store.metrics_2*",
      ], on: database)
    return text.split(separator: "\n", omittingEmptySubsequences: false).filter {
      !$0.hasPrefix("-- Dumped") && !$0.hasPrefix("\\restrict") && !$0.hasPrefix("\\unrestrict")
    }.joined(separator: "\n")
  }

  private func majorVersion(_ connection: Connection) throws -> Int64 {
    try connection.query("select current_setting('server_version_num')::int / 10000 as v").single()
      .integer("v")
  }

  /// PRA_UPDATE_GOLDEN=1 writes it anew; look at the difference, which is the change of the schema.
  @Test func theSchemaIsThatOfTheGoldenFile() throws {
    let database = try TestDatabase.create()
    // Other versions of pg_dump write the same schema in other words.
    guard try majorVersion(database.connect()) == 15 else { return }
    let schema = try schema(of: database)
    let file = Self.golden.appending(path: "schema.sql")
    if ProcessInfo.processInfo.environment["PRA_UPDATE_GOLDEN"] != nil {
      try Data(schema.utf8).write(to: file)
    }
    #expect(schema == (try? String(contentsOf: file, encoding: .utf8)))
    #expect(schema.contains("CREATE FUNCTION pra.claim("))
  }

  @Test func anUpgradeFromTheReleasedSchemaGivesAFreshOne() throws {
    let database = try TestDatabase.create(migrated: false)
    let connection = try database.connect()
    try Migrator(connection).migrate(upTo: 9)
    try connection.run(
      "select pra.create_run('old'); select pra.enqueue('noop', 1, '{}', requirements => '{gpu>=1}')"
    )
    try Migrator(connection).migrate()
    #expect(try schema(of: database) == schema(of: TestDatabase.create()))
    #expect(try Migrator(connection).differences().isEmpty)
  }

  /// Rows of each table in the order of their texts; the tables of the migrator and those that are no more are
  /// left out.
  /// - Parameter columns: the columns of each table that are looked at
  private func contents(_ connection: Connection, _ columns: [String: String]) throws -> [String:
    [String]]
  {
    var contents: [String: [String]] = [:]
    for (name, columns) in columns {
      contents[name] = try connection.query(
        "select row(\(columns))::text as row from pra_store.\(name)"
      ).map { try $0.string("row") }.sorted()
    }
    return contents
  }

  private func columns(_ connection: Connection) throws -> [String: String] {
    var columns: [String: String] = [:]
    let names = try connection.query(
      """
      select c.relname as name, string_agg(quote_ident(a.attname), ', ' order by a.attnum) as columns
      from pg_class as c join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      where c.relnamespace = 'pra_store'::regnamespace and c.relkind in ('r', 'p')
        and c.relname !~ '^(migrations|schema_|waiting_workers|.*_[0-9]{6}$)'
      group by c.relname
      """)
    for row in names { columns[try row.string("name")] = try row.string("columns") }
    return columns
  }

  /// Golden/schema/66.sql.gz is a dump of the last schema of development with rows in every table: runs,
  /// jobs in each state, arrays, a gang of which a member is not fetched, metrics, artifacts.
  @Test func aDatabaseOfTheLastDevelopmentSchemaIsAdopted() throws {
    let database = try TestDatabase.create(migrated: false)
    // Roles belong to the server: another database has made them.
    _ = try TestDatabase.create()
    let unpacked = try unpack(Self.golden.appending(path: "66.sql.gz"))
    _ = try run("psql", ["-qX", "-v", "ON_ERROR_STOP=1"], on: database, input: unpacked)
    let connection = try database.connect()
    let columns = try columns(connection)
    let before = try contents(connection, columns)
    #expect(before.count > 35)
    for (name, rows) in before where name != "events_other" { #expect(!rows.isEmpty, "\(name)") }
    let newest = try #require(Migration.known.last?.version)
    #expect(try Migrator(connection).state() == .behind(version: 66, known: newest))

    try Migrator(connection).migrate()
    #expect(try contents(connection, columns) == before)
    #expect(try schema(of: database) == schema(of: TestDatabase.create()))
    #expect(try Migrator(connection).differences().isEmpty)
    #expect(
      try connection.query("select version from pra.schema_versions order by 1").map {
        Int(try $0.integer("version"))
      } == Migration.known.map(\.version))
    // The queue goes on: the member of a gang that was placed on the second worker is fetched by it.
    let claimed = try connection.query("select kind from pra.claim(2, 1)")
    #expect(try claimed.map { try $0.string("kind") } == ["team"])
  }

  @Test func anAlteredDevelopmentSchemaIsRefused() throws {
    let connection = try TestDatabase.create().connect()
    try connection.run(
      """
      delete from pra_store.migrations where version > 66;
      insert into pra_store.migrations (version, name, sha256) values (10, '0010_line.sql', sha256('x'))
      """)
    #expect(try Migrator(connection).state() == .altered(name: "0010_line.sql"))
    #expect(throws: PostgresError.self) { try Migrator(connection).migrate() }
  }

  private func unpack(_ file: URL) throws -> Data {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = ["gzip", "-dc", file.path()]
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return data
  }
}
