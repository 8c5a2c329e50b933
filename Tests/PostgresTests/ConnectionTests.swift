import DatabaseTesting
import Postgres
import Testing

@Suite struct ConnectionTests {
  @Test("parameters come back unchanged", arguments: ["", "ü → 'x' \\ \"", "{a,b}", "null"])
  func text(value: String) throws {
    let connection = try TestDatabase.create(migrated: false).connect()
    #expect(
      try connection.query("select $1::text as x", [.text(value)]).single().string("x") == value)
    let array = try connection.query(
      "select ($1::text[])[2] as x", [.texts(["first", value])]
    ).single().string("x")
    #expect(array == value)
  }

  @Test func bytesOfEveryValueSurvive() throws {
    let connection = try TestDatabase.create(migrated: false).connect()
    let bytes = (0..<1000).map { UInt8($0 % 256) }
    #expect(try connection.bytes("select $1::bytea", [.bytes(bytes)]) == bytes)
    #expect(
      try connection.query("select $1::bytea as x", [.bytes(bytes)]).single().bytes("x") == bytes)
    #expect(try connection.bytes("select $1::bytea", [.bytes([])]) == [])
    #expect(try connection.bytes("select null::bytea", []) == nil)
  }

  @Test(
    "doubles come back bit for bit",
    arguments: [0.1, -0.0, .leastNonzeroMagnitude, .infinity, -.infinity, .nan])
  func double(value: Double) throws {
    let connection = try TestDatabase.create(migrated: false).connect()
    let back = try connection.query(
      "select $1::double precision as x", [.double(value)]
    ).single().double("x")
    #expect(value.isNaN ? back.isNaN : back.bitPattern == value.bitPattern)
  }

  /// A plan of the largest queries was compiled for seconds and run for milliseconds.
  @Test func noSessionCompilesQueries() throws {
    let connection = try TestDatabase.create(migrated: false).connect()
    #expect(try connection.query("show jit").single().string("jit") == "off")
  }

  @Test func aRefusalCarriesItsState() throws {
    let connection = try TestDatabase.create(migrated: false).connect()
    let error = #expect(throws: PostgresError.self) { try connection.query("select 1/0") }
    #expect(error?.sqlState == "22012")
    #expect(error?.kind == .refused)
    #expect(try connection.query("select 1 as x").single().integer("x") == 1)
  }

  @Test func aMissingServerIsUnreachable() throws {
    let url = DatabaseURL(socketDirectory: "/nonexistent", user: "pra", database: "pra")
    let error = #expect(throws: PostgresError.self) { _ = try Connection(url) }
    #expect(error?.isUnreachable == true)
  }

  @Test func aSessionEndedByTheServerIsUnreachable() throws {
    let database = try TestDatabase.create()
    let (victim, other) = (try database.connect(), try database.connect())
    let process = try victim.query("select pg_backend_pid() as x").single().integer("x")
    try other.query("select pg_terminate_backend($1)", [.integer(process)])
    let error = #expect(throws: PostgresError.self) { try victim.query("select 1") }
    #expect(error?.isUnreachable == true)
  }

  @Test func aURLThatCannotBeReadSaysWhy() throws {
    let error = #expect(throws: PostgresError.self) { _ = try DatabaseURL("host=x colour=red") }
    #expect(error?.message.contains("invalid connection option") == true)
  }

  @Test func aURLHidesItsPasswordFromPeople() throws {
    let url = try DatabaseURL("postgresql://me:secret@host/db")
    #expect(!url.description.contains("secret"))
    #expect(try DatabaseURL(url.conninfo) == url)
  }

  @Test func aTransactionThatThrowsLeavesNothing() throws {
    struct Stop: Error {}
    let connection = try TestDatabase.create(migrated: false).connect()
    try connection.run("create table public.t (x int)")
    #expect(throws: Stop.self) {
      try connection.transaction {
        try connection.run("insert into public.t values (1)")
        throw Stop()
      }
    }
    #expect(try connection.query("select from public.t").isEmpty)
  }

  @Test func copyTakesEveryRow() throws {
    let connection = try TestDatabase.create(migrated: false).connect()
    try connection.run("create table public.t (a int8, b text, c float8)")
    var copy = BinaryCopy()
    for index in 0..<100_000 {
      copy.row(columns: 3)
      copy.append(Int64(index))
      copy.append("loss.é")
      copy.append(Double(index) / 3)
    }
    #expect(try connection.copy("copy public.t from stdin (format binary)", copy) == 100_000)
    let row = try connection.query("select sum(a) as a, max(c) as c, min(b) as b from public.t")
      .single()
    #expect(try row.string("a") == "4999950000")
    #expect(try row.double("c") == 99_999.0 / 3)
    #expect(try row.string("b") == "loss.é")
  }

  @Test func aRefusedCopyLeavesTheSessionUsable() throws {
    let connection = try TestDatabase.create(migrated: false).connect()
    try connection.run("create table public.t (a int8 check (a > 0))")
    var copy = BinaryCopy()
    copy.row(columns: 1)
    copy.append(Int64(0))
    let error = #expect(throws: PostgresError.self) {
      try connection.copy("copy public.t from stdin (format binary)", copy)
    }
    #expect(error?.sqlState == "23514")
    #expect(try connection.query("select from public.t").isEmpty)
  }

  @Test(
    "a copy to or from the client is refused, and the session takes the next statement",
    arguments: [
      "copy (select generate_series(1, 100000)) to stdout", "copy public.t from stdin",
      "copy public.t to stdout",
    ])
  func copyWithoutClient(statement: String) throws {
    let connection = try TestDatabase.create(migrated: false).connect()
    try connection.run("create table public.t (a int8)")
    // From its third run on a statement has a prepared name.
    let ways: [() throws -> Void] = [
      { _ = try connection.query(statement) }, { try connection.run(statement) },
    ]
    for _ in 0..<4 {
      for run in ways {
        let error = #expect(throws: PostgresError.self) { try run() }
        #expect(error?.sqlState == "0A000")
        #expect(error?.kind == .refused)
        #expect(error?.message.contains("psql") == true)
        #expect(try connection.query("select 1 as x").single().integer("x") == 1)
      }
    }
  }

  @Test func aScriptWithSeveralCopiesIsRefused() throws {
    let connection = try TestDatabase.create(migrated: false).connect()
    let error = #expect(throws: PostgresError.self) {
      try connection.run("copy (select 1) to stdout; copy (select 2) to stdout; select 3")
    }
    #expect(error?.sqlState == "0A000")
    #expect(try connection.query("select 1 as x").single().integer("x") == 1)
  }

  @Test func aNotificationWakesTheWaiter() throws {
    let database = try TestDatabase.create()
    let (listener, speaker) = (try database.connect(), try database.connect())
    try listener.listen("pra_ready")
    try speaker.run("notify pra_ready, 'a line'")
    #expect(try listener.wait(.seconds(30)))
    #expect(try !listener.wait(.zero))
  }

  @Test func aRoleHasNoMoreThanItsRights() throws {
    let connection = try TestDatabase.create().connect(.read)
    #expect(try connection.query("select from pra.jobs").isEmpty)
    let error = #expect(throws: PostgresError.self) {
      try connection.query("select pra.create_run('x')")
    }
    #expect(error?.sqlState == "42501")
  }

  @Test("a prepared statement survives a change of its result type")
  func preparedStatements() throws {
    let database = try TestDatabase.create(migrated: false)
    let connection = try database.connect()
    let make = "create function public.f() returns table (a integer"
    try connection.run("\(make)) language sql as 'select 1'")
    for _ in 0..<5 { #expect(try connection.query("select * from public.f()").columns == ["a"]) }
    let names = "select count(*) as n from pg_prepared_statements"
    #expect(try connection.query(names).single().integer("n") == 1)
    try connection.run(
      "drop function public.f; \(make), b integer) language sql as 'select 1, 2'")
    #expect(try connection.query("select * from public.f()").columns == ["a", "b"])
    #expect(try connection.query("select * from public.f()").columns == ["a", "b"])
  }

  @Test("a prepared statement is refused like any other")
  func preparedRefusal() throws {
    let connection = try TestDatabase.create(migrated: false).connect()
    for _ in 0..<5 {
      let error = #expect(throws: PostgresError.self) {
        try connection.query("select 1 / $1::integer as x", [.integer(0)])
      }
      #expect(error?.sqlState == "22012")
    }
  }

  @Test("the one of several hosts that accepts writes is taken")
  func severalHosts() throws {
    let database = try TestDatabase.create(migrated: false)
    let host = try #require(database.url["host"])
    let url = database.url.with("host", "/nowhere/at/all,\(host)")
    let connection = try Connection(url)
    #expect(
      try connection.query("select pg_is_in_recovery() as r").single().boolean("r") == false)
  }

  @Test("a role's sessions have limits of time")
  func timeLimits() throws {
    let database = try TestDatabase.create()
    for role in [DatabaseRole.submit, .worker, .read] {
      let row = try database.connect(role).query(
        "select current_setting('lock_timeout') as lock, current_setting('statement_timeout') as run"
      ).single()
      #expect(try row.string("lock") == "10s")
      #expect(try row.string("run") != "0")
    }
  }
}
