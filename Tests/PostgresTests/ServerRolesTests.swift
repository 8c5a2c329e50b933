import DatabaseTesting
import Foundation
import Postgres
import Testing

/// Servers on which the login that migrates is no superuser, as managed ones are, of several versions.
@Suite struct ServerRolesTests {
  /// An empty database of a new server that belongs to the login `keeper`, and sessions of its superuser
  /// and of that login.
  private final class Managed {
    let server: TestServer
    let admin: Connection
    let url: DatabaseURL
    let keeper: Connection

    /// - Parameters:
    ///   - attributes: of the login
    ///   - preparation: what an administrator says beforehand
    init(_ installed: InstalledServer, _ attributes: String, _ preparation: String = "") throws {
      server = try TestServer(programs: installed.folder)
      try Connection(server.url).run("create role keeper login \(attributes)")
      try Connection(server.url).run("create database managed owner keeper")
      admin = try Connection(server.url.with("dbname", "managed"))
      try admin.run(preparation)
      url = server.url.with("dbname", "managed").with("user", "keeper")
      keeper = try Connection(url)
    }

    /// Migrates as the login, and then works as each role.
    func migrateAndUse() throws {
      #expect(try Migrator(keeper).migrate() == Migration.known.map(\.name))
      #expect(try Migrator(keeper).differences().isEmpty)
      #expect(try ServerRoles(keeper).faults().isEmpty)
      try admin.run("drop view pra.schedules cascade")
      try Migrator(keeper).migrate(repairing: true)
      #expect(try Migrator(keeper).differences().isEmpty)
      let run = try Connection(url, role: .submit).query("select pra.create_run('a') as run")
      #expect(try run.single().integer("run") == 1)
      #expect(
        try Connection(url, role: .read).query("select count(*) as n from pra.runs").single()
          .integer("n") == 1)
      try Migrator(try Connection(url, role: .worker)).verify()
    }
  }

  static let administration = """
    create role pra_owner nologin; create role pra_submit nologin; create role pra_worker nologin;
    create role pra_read nologin; grant pra_owner, pra_submit, pra_worker, pra_read to keeper
    """

  @Test(arguments: InstalledServer.all)
  func anOwnerWhoMayCreateRolesMigrates(_ installed: InstalledServer) throws {
    try Managed(installed, "createrole").migrateAndUse()
  }

  @Test(arguments: InstalledServer.all)
  func rolesOfAnAdministratorAreUsed(_ installed: InstalledServer) throws {
    try Managed(installed, "nocreaterole", Self.administration).migrateAndUse()
  }

  @Test(arguments: InstalledServer.all)
  func aLoginThatInheritsNothingMigrates(_ installed: InstalledServer) throws {
    try Managed(installed, "noinherit", Self.administration).migrateAndUse()
  }

  @Test func membershipsWithoutTheRightToActAreMended() throws {
    // As createrole_self_grant and hands leave them.
    let managed = try Managed(InstalledServer.eighteen, "createrole")
    try managed.keeper.run("create role pra_owner nologin; create role pra_read nologin")
    try managed.keeper.run("grant pra_read to keeper with set false, inherit false")
    try managed.migrateAndUse()
  }

  @Test(arguments: InstalledServer.all)
  func whatAnAdministratorMustSayIsSaid(_ installed: InstalledServer) throws {
    let managed = try Managed(installed, "nocreaterole")
    let error = #expect(throws: PostgresError.self) { try Migrator(managed.keeper).migrate() }
    #expect(error?.description.contains("permission denied to create role") == true)
    #expect(
      error?.hint == """
        An administrator must say: create role pra_owner nologin; create role pra_submit nologin; \
        create role pra_worker nologin; create role pra_read nologin; grant pra_owner, pra_submit, \
        pra_worker, pra_read to the login that migrates
        """)
    #expect(try Migrator(managed.keeper).applied().isEmpty)
  }

  @Test func aDumpRestoredWithoutTheRolesIsNoticed() throws {
    let source = try TestDatabase.create()
    let folder = try ServerPrograms.folder(path: ProcessInfo.processInfo.environment["PATH"])
    let target = try TestServer()
    try run(
      """
      '\(folder)/pg_dump' -d "$1" | '\(folder)/psql' -qX -d "$2" >/dev/null 2>&1 || true
      """, source.url.conninfo, target.url.conninfo)
    let restored = try Connection(target.url)
    let fault = try #require(try ServerRoles(restored).faults().first)
    #expect(
      fault.found == "this server has no pra_owner, pra_submit, pra_worker, pra_read")
    #expect(fault.remedy.hasPrefix("copy the roles first (pg_dumpall --roles-only"))
    let error = #expect(throws: PostgresError.self) { try Connection(target.url, role: .read) }
    #expect(error?.hint?.contains("pra doctor") == true)
    // Roles that came later change nothing of what was restored.
    try restored.run(Self.administration.replacing("keeper", with: "pra"))
    #expect(
      try ServerRoles(restored).faults().first?.found.contains("belongs to pra, not to") == true)
    let refused = #expect(throws: PostgresError.self) {
      try Migrator(restored).migrate(repairing: true)
    }
    #expect(refused?.message.contains("not to pra_owner") == true)
  }

  @Test func rightsThatAreMissingAreNamed() throws {
    let connection = try TestDatabase.create().connect()
    try connection.run("revoke usage on schema pra from pra_read")
    let faults = try ServerRoles(connection).faults()
    #expect(faults.map(\.found) == ["pra_read has no right on schema pra"])
    try connection.run("create role nobody_\(getpid()) login")
    let stranger = try TestDatabase.create()
    let session = try Connection(stranger.url.with("user", "nobody_\(getpid())"))
    #expect(
      try ServerRoles(session).faults().map(\.found)
        == ["the login nobody_\(getpid()) is a member of none of our roles"])
  }

  private func run(_ script: String, _ words: String...) throws {
    let process = Process()
    process.executableURL = URL(filePath: "/bin/sh")
    process.arguments = ["-c", script, "sh"] + words
    try process.run()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
  }
}
