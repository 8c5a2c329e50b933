import Digest
import Glibc

extension Migrator {
  /// Applies the numbered files that are missing; then, where there were some or a current file differs,
  /// executes all current files. All in one transaction, so that workers of the version before meet the
  /// old functions or the new ones and nothing between. One migrator at a time. Refuses a schema it does
  /// not know.
  ///
  /// Live workers take their locks in more than one order. So all tables are locked first, each with so
  /// little patience that nobody sees a deadlock, again and again until it succeeds.
  /// - Parameters:
  ///   - newest: stops at this version, without the current files
  ///   - repairing: looks for objects that were changed by hand as well, which takes a while
  /// - Returns: names of numbered files, and paths of current files whose text differed
  @discardableResult
  package func migrate(upTo newest: Int = .max, repairing: Bool = false) throws -> [String] {
    try connection.query("select pg_advisory_lock(\(Self.lock))")
    // When this fails the session is gone, and the lock with it.
    defer { _ = try? connection.query("select pg_advisory_unlock(\(Self.lock))") }
    let roles = ServerRoles(connection)
    try roles.actAsOwner()
    let state = try state()
    switch state {
    case .current:
      guard repairing, try !differences().isEmpty else { return [] }
    case .newer(let version, let known):
      throw SchemaMismatch.error(
        "the schema is at \(version), this program knows \(known) at most",
        hint: "Upgrade this program.")
    case .altered: try verify()
    case .behind, .outdated: break
    }
    let version = try applied().last?.version ?? 0
    if version > 0 { try roles.checkOwner() }
    for tries in 1... {
      do {
        let done = try connection.transaction {
          try roles.prepare()
          try roles.actAsOwner()
          if version > 0 { try connection.run(Self.lockAllTables) }
          return try bringUp(from: version, upTo: newest, state)
        }
        try roles.actAsOwner()
        return done
      } catch let error as PostgresError
        where ["40P01", "55P03"].contains(error.sqlState) && tries < Self.tries
      {
        usleep(UInt32.random(in: 5_000..<40_000))
      }
    }
    return []
  }

  /// For half a minute at least.
  private static var tries: Int { 600 }
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
    set local lock_timeout = '1s'
    """

  private func bringUp(from version: Int, upTo newest: Int, _ state: State) throws -> [String] {
    var done: [String] = []
    var version = version
    if DevelopmentSteps.versions.contains(version) {
      version = DevelopmentSteps.equal
      try adopt()
    }
    for migration in Migration.known
    where migration.version > version && migration.version <= newest {
      try apply(migration)
      done.append(migration.name)
    }
    guard newest >= Migration.known.last?.version ?? 0 else { return done }
    if case .outdated(let files) = state { done += files }
    try executeCurrentFiles()
    let objects = SchemaObjects(connection: connection)
    var isNewStructure = false
    if case .behind = state { isNewStructure = true }
    try objects.record(tables: try isNewStructure || objects.areOfAnotherServer())
    return done
  }

  /// Takes a database that development versions made: it has the structure of a numbered file, which is
  /// recorded in place of their steps.
  private func adopt() throws(PostgresError) {
    try connection.run("set local role pra_owner")
    try connection.run(
      """
      delete from pra_store.migrations
      where version between \(DevelopmentSteps.versions.lowerBound) and \(DevelopmentSteps.versions.upperBound)
      """)
    for migration in Migration.known where migration.version == DevelopmentSteps.equal {
      try record(migration)
    }
  }

  private func apply(_ migration: Migration) throws(PostgresError) {
    try naming("migration \(migration.name)") { () throws(PostgresError) in
      try connection.run("reset role")
      try connection.run(ServerRoles.withoutRoles(migration))
      try connection.run("set local role pra_owner")
      try record(migration)
    }
  }

  private func record(_ migration: Migration) throws(PostgresError) {
    try connection.query(
      """
      insert into pra_store.migrations (version, name, sha256) values ($1, $2, decode($3, 'hex'))
      """, [.integer(migration.version), .text(migration.name), .text(migration.sha256)])
  }

  /// Makes functions, views and triggers what the files say: grants that no file gives are taken back, and
  /// functions that no file makes are dropped.
  private func executeCurrentFiles() throws(PostgresError) {
    try connection.run("reset role")
    try connection.run("set local role pra_owner")
    // In a subtransaction, which has a number of its own: a row of a catalog with the number of the
    // transaction itself was written by a file.
    try connection.run("savepoint revoked; \(Self.revokeAll); release savepoint revoked")
    for file in CurrentFile.known {
      try naming("migrations/\(file.path)") { () throws(PostgresError) in
        try connection.run(file.sql)
      }
    }
    try connection.run(Self.dropLeftFunctions)
    try connection.run("delete from pra_store.schema_files")
    for file in CurrentFile.known {
      try connection.query(
        "insert into pra_store.schema_files (path, sha256) values ($1, decode($2, 'hex'))",
        [.text(file.path), .text(file.sha256)])
    }
  }

  /// Takes all rights on what `pra_owner` owns from everybody else, whoever was given them. Objects of
  /// others that lie in these schemas are left alone, and are named by `differences`.
  private static let revokeAll = """
    do $$
    declare
      statement text;
    begin
      for statement in
        select format('revoke all on %s %s from %s', o.kind, o.name,
          case a.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end)
        from (
          select 'function' as kind, p.oid::regprocedure::text as name, p.proacl as acl
          from pg_proc as p
          where p.pronamespace in ('pra'::regnamespace, 'pra_store'::regnamespace)
            and p.proowner = 'pra_owner'::regrole and p.prokind in ('f', 'p')
          union all
          select case c.relkind when 'S' then 'sequence' else 'table' end, c.oid::regclass::text, c.relacl
          from pg_class as c
          where c.relnamespace in ('pra'::regnamespace, 'pra_store'::regnamespace)
            and c.relowner = 'pra_owner'::regrole and c.relkind in ('r', 'p', 'v', 'S')
        ) as o
        cross join lateral aclexplode(o.acl) as a
        where a.grantee <> 'pra_owner'::regrole
        group by 1
      loop
        execute statement;
      end loop;
    end
    $$
    """

  private static let dropLeftFunctions = """
    do $$
    declare
      name text;
    begin
      for name in
        select p.oid::regprocedure from pg_proc as p
        where p.pronamespace in ('pra'::regnamespace, 'pra_store'::regnamespace)
          and p.xmin <> pg_current_xact_id()::xid
          and p.proowner = 'pra_owner'::regrole and p.prokind in ('f', 'p')
      loop
        execute 'drop function ' || name;
      end loop;
    end
    $$
    """

  /// Errors of `body`, with the name of the file that they come from.
  private func naming(_ file: String, _ body: () throws(PostgresError) -> Void)
    throws(PostgresError)
  {
    do {
      try body()
    } catch {
      throw PostgresError(
        error.kind, sqlState: error.sqlState, message: "\(file): \(error.message)",
        detail: error.detail, hint: error.hint)
    }
  }

  /// "pra" and "migr" as bytes: any number that no other program takes.
  private static let lock = 0x7072_616D_6967_72
}

/// The numbered files of development before 0.2.0, none of which was released. A database that went through
/// all of them has the structure of the numbered file that replaced them.
enum DevelopmentSteps {
  static let versions = 10...66
  /// The version that has the same structure.
  static let equal = 67
  /// SHA-256 of a line `version sha256` for each of them, in order.
  private static let known = "9b548825ec7537c722ea54c7bcfe0a0c106814f0aa52b8d853cb3b18955f250d"

  static func areKnown(_ steps: [Migrator.Applied]) -> Bool {
    let lines = steps.map { "\($0.version) \($0.sha256)\n" }.joined()
    return SHA256.hexadecimal(of: Array(lines.utf8)) == known
  }
}
