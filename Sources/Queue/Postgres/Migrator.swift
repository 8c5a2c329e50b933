import CMigrations
import Glibc

/// Brings the schema of a database to the version this program knows.
package struct Migrator {
  package struct Migration: Sendable {
    package let version: Int
    package let name: String
    package let sql: String
  }

  package struct Applied: Sendable, Equatable {
    package let version: Int
    package let name: String
    /// Hexadecimal.
    package let sha256: String
    package let at: String
  }

  package enum State: Sendable, Equatable {
    /// The schema is the one this program was built for.
    case current(version: Int)
    /// Some migrations are missing; 0 is an empty database.
    case behind(version: Int, known: Int)
    /// Somebody with a newer program has migrated it.
    case newer(version: Int, known: Int)
    /// A migration was applied with another text than this program's.
    case altered(name: String)
  }

  /// What `migrations/` held when the program was built, in order.
  package static let known: [Migration] = {
    var count = 0
    let migrations = UnsafeBufferPointer(start: pra_migrations(&count), count: count)
    return migrations.map { migration in
      Migration(
        version: Int(migration.version), name: String(cString: migration.name),
        sql: String(
          decoding: UnsafeBufferPointer(start: migration.sql, count: migration.length),
          as: UTF8.self))
    }
  }()

  private let connection: Connection

  /// The session must be allowed to create roles and schemas to migrate; any role may ask the state.
  package init(_ connection: Connection) { self.connection = connection }

  package func applied() throws(PostgresError) -> [Applied] {
    let exists = try connection.query(
      "select to_regclass('pra.schema_versions') is not null as exists"
    ).single().boolean("exists")
    guard exists else { return [] }
    var applied: [Applied] = []
    for row in try connection.query(
      "select version, name, sha256, applied_at from pra.schema_versions order by version")
    {
      applied.append(
        Applied(
          version: Int(try row.integer("version")), name: try row.string("name"),
          sha256: try row.string("sha256"), at: try row.string("applied_at")))
    }
    return applied
  }

  package func state() throws(PostgresError) -> State {
    let applied = try applied()
    let newest = Self.known.last?.version ?? 0
    if let last = applied.last, last.version > newest {
      return .newer(version: last.version, known: newest)
    }
    for (migration, done) in zip(Self.known, applied) {
      let sha256 = try connection.query(
        "select encode(sha256(convert_to($1, 'UTF8')), 'hex') as sha256", [.text(migration.sql)]
      ).single().string("sha256")
      guard sha256 == done.sha256, migration.version == done.version else {
        return .altered(name: done.name)
      }
    }
    let version = applied.last?.version ?? 0
    return version == newest ? .current(version: version) : .behind(version: version, known: newest)
  }

  /// Throws unless the schema is current, and says what to do. Workers call it before anything else.
  package func verify() throws(PostgresError) {
    switch try state() {
    case .current: return
    case .behind(let version, let known):
      throw SchemaMismatch.error(
        version == 0
          ? "the database has no schema of ours" : "the schema is at \(version), not \(known)",
        hint: "Run `pra migrate`.")
    case .newer(let version, let known):
      throw SchemaMismatch.error(
        "the schema is at \(version), this program knows \(known) at most",
        hint: "Upgrade this program.")
    case .altered(let name):
      throw SchemaMismatch.error(
        "migration \(name) was applied with another text than this program's",
        hint: "It was made by a development version; create a new database.")
    }
  }

  /// Applies what is missing and returns it: all in one transaction, so that workers of the version
  /// before meet the old functions or the new ones and nothing between. One migrator at a time. Refuses
  /// a schema it does not know.
  ///
  /// Live workers take their locks in more than one order. So all tables are locked first, each with so
  /// little patience that nobody sees a deadlock, again and again until it succeeds.
  /// - Parameter newest: stops at this version
  @discardableResult
  package func migrate(upTo newest: Int = .max) throws -> [Migration] {
    try connection.query("select pg_advisory_lock(\(Self.lock))")
    // When this fails the session is gone, and the lock with it.
    defer { _ = try? connection.query("select pg_advisory_unlock(\(Self.lock))") }
    switch try state() {
    case .current: return []
    case .newer, .altered:
      try verify()
      return []
    case .behind(let version, _):
      let missing = Self.known.filter { $0.version > version && $0.version <= newest }
      for tries in 1... {
        do {
          try connection.transaction {
            if version > 0 { try connection.run(Self.lockAllTables) }
            for migration in missing { try apply(migration) }
          }
          break
        } catch let error as PostgresError
          where ["40P01", "55P03"].contains(error.sqlState) && tries < Self.tries
        {
          usleep(UInt32.random(in: 5_000..<40_000))
        }
      }
      return missing
    }
  }

  /// For half a minute at least.
  private static let tries = 600
  private static let lockAllTables = """
    set local lock_timeout = '50ms';
    do $$
    declare
      name text;
    begin
      for name in
        select format('%I.%I', schemaname, tablename) from pg_tables
        where schemaname = 'pra_store'
        order by tablename <> 'jobs', tablename
      loop
        execute 'lock table ' || name || ' in access exclusive mode';
      end loop;
    end
    $$;
    set local lock_timeout = 0
    """

  private func apply(_ migration: Migration) throws(PostgresError) {
    do {
      try connection.run("reset role")
      try connection.run(migration.sql)
      try connection.run("set local role pra_owner")
      try connection.query(
        """
        insert into pra_store.migrations (version, name, sha256)
        values ($1, $2, sha256(convert_to($3, 'UTF8')))
        """,
        [.integer(migration.version), .text(migration.name), .text(migration.sql)])
    } catch {
      throw PostgresError(
        error.kind, sqlState: error.sqlState,
        message: "migration \(migration.name): \(error.message)", detail: error.detail,
        hint: error.hint)
    }
  }

  /// "pra" and "migr" as bytes: any number that no other program takes.
  private static let lock = 0x7072_616D_6967_72
}

private enum SchemaMismatch {
  /// 55000: object_not_in_prerequisite_state.
  static func error(_ message: String, hint: String) -> PostgresError {
    PostgresError(.refused, sqlState: "55000", message: message, hint: hint)
  }
}
