import DatabaseTesting
import Glibc
import Postgres
import Testing

@Suite struct MigratorTests {
  @Test func anEmptyDatabaseIsMigratedOnce() throws {
    let database = try TestDatabase.create(migrated: false)
    let migrator = Migrator(try database.connect())
    let newest = try #require(Migrator.known.last?.version)
    #expect(try migrator.state() == .behind(version: 0, known: newest))
    #expect(try migrator.migrate().count == Migrator.known.count)
    #expect(try migrator.state() == .current(version: newest))
    #expect(try migrator.migrate().isEmpty)
  }

  @Test func versionsRiseFromOne() {
    let versions = Migrator.known.map(\.version)
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
    #expect(counts.sorted() == [0, Migrator.known.count])
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
    #expect(try Migrator(connection).state() == .altered(name: Migrator.known[1].name))
  }

  @Test func aWorkerMayAskForTheState() throws {
    try Migrator(try TestDatabase.create().connect(.worker)).verify()
  }
}

@Suite struct EmbeddingTests {
  @Test func theProgramHoldsEveryMigrationOfTheRepository() throws {
    let folder = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    let listed = try #require(opendir("/\(folder)/migrations"))
    defer { closedir(listed) }
    var files: [String] = []
    while let entry = readdir(listed) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) {
        String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name.hasSuffix(".sql") { files.append(name) }
    }
    #expect(files.sorted() == Migrator.known.map(\.name))
  }
}
