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

  @Test func aNewerSchemaAdmitsWhomItNames() throws {
    let connection = try TestDatabase.create().connect()
    try connection.run("insert into pra_store.migrations values (9999, 'later', '')")
    let migrator = Migrator(connection)
    let known = try #require(Migration.known.last?.version)
    #expect(try migrator.state() == .newer(version: 9999, known: known))
    #expect(throws: PostgresError.self) { try migrator.migrate() }
    #expect(try !migrator.verify(for: .work))
    try migrator.verifyWork()

    try connection.run("update pra_store.compatibility set works_from = \(known + 1)")
    let error = #expect(throws: PostgresError.self) { try migrator.verify(for: .work) }
    #expect(error?.message.contains("9999") == true)
    #expect(error?.message.contains("from \(known + 1) on to work") == true)
    #expect(throws: PostgresError.self) { try migrator.verifyWork() }
    #expect(try !migrator.verify(for: .read))

    try connection.run("update pra_store.compatibility set reads_from = \(known + 1)")
    #expect(throws: PostgresError.self) { try migrator.verify(for: .read) }
    // One that says nothing admits nobody else.
    try connection.run("drop view pra.compatibility")
    #expect(throws: PostgresError.self) { try migrator.verify(for: .read) }
  }

  @Test("what the schema says of old programs is no more than what is known")
  func admission() throws {
    let row = try TestDatabase.create().connect().query(
      "select reads_from, works_from from pra.compatibility"
    ).single()
    let known = try #require(Migration.known.last?.version)
    #expect(try row.integer("reads_from") <= row.integer("works_from"))
    #expect(try row.integer("works_from") <= Int64(known))
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
