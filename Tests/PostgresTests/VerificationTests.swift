import DatabaseTesting
import Postgres
import Testing

/// Changes by hand are named, and a migration takes them back.
@Suite struct VerificationTests {
  struct Change: Sendable, CustomTestStringConvertible {
    let sql: String
    let line: String
    var testDescription: String { sql }
  }

  @Test(
    "a change by hand is named, and taken back by a migration that repairs",
    arguments: [
      Change(
        sql: """
          create or replace function pra.why(job bigint) returns text language sql
          security definer set search_path = pg_catalog, pg_temp as $$ select 'because' $$
          """, line: "function pra.why(job bigint) is not as its file says"),
      Change(
        sql: """
          set role pra_owner;
          create function pra.extra(a integer) returns integer language sql as $$ select a $$;
          reset role
          """,
        line: "function pra.extra(a integer) stands in no file"),
      Change(
        sql: "grant execute on function pra_store.backoff(integer) to pra_worker",
        line: "function pra_store.backoff(tries integer) is not as its file says"),
      Change(
        sql: "grant execute on function pra.reap() to public",
        line: "function pra.reap() is not as its file says"),
      Change(
        sql: "comment on column pra.stores.location is 'changed'",
        line: "view pra.stores is not as its file says"),
      Change(
        sql: """
          create or replace view pra.kinds as
          select k.kind, k.arguments, k.bytes_limit, k.set_at from pra_store.kinds as k where false
          """, line: "view pra.kinds is not as its file says"),
      Change(
        sql: "alter table pra_store.jobs disable trigger after_attempt",
        line: "trigger after_attempt on pra_store.jobs is not as its file says"),
      Change(
        sql: "drop trigger give_lane on pra_store.jobs",
        line: "trigger give_lane on pra_store.jobs is not there"),
    ])
  func changeByHand(_ change: Change) throws {
    let connection = try TestDatabase.create().connect()
    let migrator = Migrator(connection)
    #expect(try migrator.differences().isEmpty)
    try connection.run(change.sql)
    #expect(try migrator.differences() == [change.line])
    #expect(try migrator.migrate().isEmpty)
    #expect(try migrator.differences() == [change.line])
    try migrator.migrate(repairing: true)
    #expect(try migrator.differences().isEmpty)
  }

  @Test func aRightOnATableIsNamedAndTakenBack() throws {
    let connection = try TestDatabase.create().connect()
    let migrator = Migrator(connection)
    try connection.run("grant select on pra_store.jobs to pra_read")
    #expect(try migrator.differences() == ["table pra_store.jobs is not as its file says"])
    try migrator.migrate(repairing: true)
    #expect(try migrator.differences().isEmpty)
    #expect(
      try !connection.query(
        "select has_table_privilege('pra_read', 'pra_store.jobs', 'select') as may"
      ).single().boolean("may"))
  }

  /// No file can take it back, so it must not be recorded as right either.
  @Test func aColumnAddedByHandIsNamedAlsoAfterARepair() throws {
    let connection = try TestDatabase.create().connect()
    let migrator = Migrator(connection)
    try connection.run("alter table pra_store.runs add column mine text")
    try migrator.migrate(repairing: true)
    #expect(try migrator.differences() == ["table pra_store.runs is not as its file says"])
  }

  @Test(
    "what no file made and the migrator cannot take back stays named after a repair",
    arguments: [
      Change(
        sql: """
          create trigger mine before insert on pra_store.jobs for each row
          execute function pra_store.give_lane()
          """, line: "trigger mine on pra_store.jobs stands in no file"),
      Change(
        sql: "create view pra.extra as select 1 as one", line: "view pra.extra stands in no file"),
      Change(
        sql: "create table pra.notes (note text)", line: "table pra.notes stands in no file"),
      Change(
        sql: "create aggregate pra.total (integer) (sfunc = int4pl, stype = integer)",
        line: "function pra.total(integer) stands in no file"),
      Change(
        sql: "grant create on schema pra_store to public",
        line: "schema pra_store is not as its file says"),
      Change(
        sql: "drop index pra_store.jobs_line", line: "table pra_store.jobs is not as its file says"),
    ])
  func stays(_ change: Change) throws {
    let connection = try TestDatabase.create().connect()
    let migrator = Migrator(connection)
    try connection.run(change.sql)
    for _ in 0..<2 {
      #expect(try migrator.differences() == [change.line])
      try migrator.migrate(repairing: true)
    }
  }

  @Test func rightsOfOtherRolesAreTakenBack() throws {
    let connection = try TestDatabase.create().connect()
    let migrator = Migrator(connection)
    try connection.run(
      """
      grant execute on function pra.reap() to pg_monitor;
      grant select on pra.jobs to pg_monitor;
      grant usage on sequence pra_store.slot_order to pg_monitor
      """)
    #expect(try migrator.differences().count == 3)
    try migrator.migrate(repairing: true)
    #expect(try migrator.differences().isEmpty)
  }

  @Test func aViewOfOnesOwnIsNamedAndKept() throws {
    let connection = try TestDatabase.create(migrated: false).connect()
    try Migrator(connection).migrate(upTo: 9)
    try connection.run("create view public.mine as select id, state from pra.jobs")
    let error = #expect(throws: PostgresError.self) { try Migrator(connection).migrate() }
    #expect("\(error!)".contains("public.mine") || "\(error!)".contains("view mine"))
    try connection.run("drop view public.mine")
    try Migrator(connection).migrate()
  }

  @Test func anAnalystMayAskForDifferences() throws {
    let database = try TestDatabase.create()
    try database.connect().run("grant execute on function pra.reap() to pra_read")
    #expect(
      try Migrator(database.connect(.read)).differences() == [
        "function pra.reap() is not as its file says"
      ])
  }

  @Test func aFileWithAnotherTextIsNamedAndExecuted() throws {
    let connection = try TestDatabase.create().connect()
    let migrator = Migrator(connection)
    try connection.run(
      """
      update pra_store.schema_files set sha256 = sha256('') where path = 'views/runs.sql';
      insert into pra_store.schema_files (path, sha256) values ('views/gone.sql', sha256(''))
      """)
    #expect(try migrator.state() == .outdated(files: ["views/runs.sql", "views/gone.sql"]))
    let error = #expect(throws: PostgresError.self) { try migrator.verify() }
    #expect(error?.message.contains("views/runs.sql and 1 more") == true)
    // A worker that registers anew goes on.
    try migrator.verifyStructure()
    #expect(try migrator.migrate() == ["views/runs.sql", "views/gone.sql"])
    let newest = try #require(Migration.known.last?.version)
    #expect(try migrator.state() == .current(version: newest))
  }

  @Test func anotherMajorVersionOfTheServerIsSaid() throws {
    let connection = try TestDatabase.create().connect()
    try connection.run("update pra_store.schema_objects set server_version = 14")
    let migrator = Migrator(connection)
    #expect(
      try migrator.differences() == [
        "the objects were recorded under another major version of PostgreSQL"
      ])
    try migrator.migrate(repairing: true)
    #expect(try migrator.differences().isEmpty)
  }
}
