import DatabaseTesting
import Glibc
import Postgres
import Testing

@Suite struct MigratorTests {
  @Test func anEmptyDatabaseIsMigratedOnce() throws {
    let database = try TestDatabase.create(migrated: false)
    let migrator = Migrator(try database.connect())
    let newest = try #require(Migration.known.last?.version)
    #expect(try migrator.state() == .behind(version: 0, known: newest))
    #expect(try migrator.migrate() == Migration.known.map(\.name))
    #expect(try migrator.state() == .current(version: newest))
    #expect(try migrator.migrate().isEmpty)
  }

  @Test func versionsRiseFromOne() {
    let versions = Migration.known.map(\.version)
    #expect(versions.first == 1)
    #expect(zip(versions, versions.dropFirst()).allSatisfy { $0 < $1 })
  }

  @Test func twoMigratorsAtOnceDoNotMeet() async throws {
    let database = try TestDatabase.create(migrated: false)
    let counts = try await withThrowingTaskGroup(of: Int.self) { group in
      for _ in 0..<2 {
        group.addTask { try Migrator(try database.connect()).migrate().count }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(counts.sorted() == [0, Migration.known.count])
  }

  @Test func aNewerSchemaIsRefused() throws {
    let connection = try TestDatabase.create().connect()
    try connection.run("insert into pra_store.migrations values (9999, 'later', '')")
    let error = #expect(throws: PostgresError.self) { try Migrator(connection).verify() }
    #expect(error?.message.contains("9999") == true)
    #expect(throws: PostgresError.self) { try Migrator(connection).migrate() }
  }

  @Test func anAlteredMigrationIsNamed() throws {
    let connection = try TestDatabase.create().connect()
    try connection.run("update pra_store.migrations set sha256 = '' where version = 2")
    #expect(try Migrator(connection).state() == .altered(name: Migration.known[1].name))
  }

  @Test func aWorkerMayAskForTheState() throws {
    try Migrator(try TestDatabase.create().connect(.worker)).verify()
  }
}
