// The part of `pra doctor` that looks at the database. It makes no database and migrates none.

import Files
import Foundation
import Postgres

/// A remedy never gives up data: what it does not know is left as it is.
struct DatabaseCheck {
  private static let name = "database"
  private static let rolesName = "roles"
  /// Checks without which nothing in the database can be looked at.
  static let names = [name, rolesName]

  func run() -> [Finding] {
    do {
      if let given = Database.given {
        return try look(at: try Database.address(given))
      }
      guard try Database.cluster.exists() else {
        return [
          Finding(
            Self.name, "none yet; the first command that needs one makes it under \(Database.home)")
        ]
      }
      let (url, change) = try Database.cluster.up()
      if case .restarted(let reason) = change {
        complain("pra: restarted the private database under \(Database.home): \(reason)")
      }
      return try look(at: url)
    } catch {
      return [Finding(Self.name, Ending.text(of: error), remedy: remedy(for: error))]
    }
  }

  private func look(at url: DatabaseURL) throws -> [Finding] {
    let connection = try Connection(url, name: "pra doctor")
    let version = try connection.query("show server_version").single().text(at: 0) ?? "?"
    let number = try connection.query("show server_version_num").single().text(at: 0) ?? ""
    guard Int(number) ?? 0 >= 150_000 else {
      return [
        Finding(Self.name, "PostgreSQL \(version)", remedy: "upgrade to 15 or newer, data and all")
      ]
    }
    try loadLanguage(connection)
    let roles = ServerRoles(connection)
    try roles.actAsOwner()
    let migrator = Migrator(connection)
    let applied = try migrator.applied()
    if !applied.isEmpty, let fault = try roles.faults().first {
      return [Finding(Self.rolesName, fault.found, remedy: fault.remedy)]
    }
    let found = "PostgreSQL \(version), schema \(applied.last?.version ?? 0)"
    let schema = try schema(migrator, found)
    guard schema.remedy == nil else { return [schema] }
    return [
      schema, try rights(connection), try workers(connection), try clock(connection),
      try sessions(connection),
    ]
  }

  /// The roles that the login may act in. One that lacks some is told by the verb that needs it.
  private func rights(_ connection: Connection) throws -> Finding {
    let row = try connection.query(DoctorQueries.rights).single()
    let (login, roles) = (try row.string("login"), try row.text("roles") ?? "")
    guard roles.isEmpty else { return Finding("login", "\(login) may act as \(roles)") }
    return Finding(
      "login", "\(login) may act in none of our roles",
      remedy:
        "the owner of the database, or a superuser, says in it: grant pra_submit, pra_worker to \"\(login)\""
    )
  }

  private func workers(_ connection: Connection) throws -> Finding {
    let row = try connection.query(DoctorQueries.workers).single()
    let (live, lost, ready) = (
      try row.integer("live"), try row.integer("lost"), try row.integer("ready")
    )
    let found =
      "\(live) alive\(lost > 0 ? ", \(lost) lost" : ""), \(counted(ready, "job")) in line"
    return live > 0 || ready == 0
      ? Finding("workers", found)
      : Finding(
        "workers", found, remedy: "pra worker, here or on any machine that reaches the database")
  }

  /// Leases are by the database's clock alone; requests to buckets, and times that people compare, are not.
  private func clock(_ connection: Connection) throws -> Finding {
    let before = Date.now.timeIntervalSince1970
    let server = try connection.query(DoctorQueries.clock).single().double("seconds")
    let after = Date.now.timeIntervalSince1970
    let off = server < before ? server - before : max(0, server - after)
    let shown = String(format: "%.1f s", abs(off))
    return abs(off) < 30
      ? Finding("clock", "\(shown) from the database's")
      : Finding(
        "clock", "this machine is \(shown) \(off > 0 ? "behind" : "before") the database",
        remedy: "set the clock of whichever is wrong, as by chrony or systemd-timesyncd")
  }

  /// Throws if the server cannot load the library of the language that our functions are written in.
  private func loadLanguage(_ connection: Connection) throws {
    do {
      try connection.run("do $$ begin end $$")
      try connection.query(Queries.anyFunction)
    } catch {
      // Without such a job, such a function or the right to call it the language is there.
      if error.isOfServerFiles || error.isUnreachable { throw error }
    }
  }

  private func schema(_ migrator: Migrator, _ found: String) throws -> Finding {
    switch try migrator.state() {
    case .current:
      let differences = try migrator.differences()
      guard !differences.isEmpty else { return Finding(Self.name, found) }
      let shown = differences.prefix(10).joined(separator: ", ")
      let more = differences.count > 10 ? " and \(differences.count - 10) more" : ""
      return Finding(
        Self.name, "\(found), but \(shown)\(more)",
        remedy: "pra migrate, which makes it as the files say")
    case .outdated(let files):
      return Finding(
        Self.name, "\(found), with other functions or views (\(files.joined(separator: ", ")))",
        remedy: "pra migrate")
    case .behind: return Finding(Self.name, "\(found), an older one", remedy: "pra migrate")
    case .newer:
      if (try? migrator.verify(for: .work)) != nil {
        return Finding(Self.name, "\(found), a newer one, with which this program works still")
      }
      let reads = (try? migrator.verify(for: .read)) != nil
      return Finding(
        Self.name, "\(found), a newer one\(reads ? ", which this program only reads" : "")",
        remedy: "upgrade pra")
    case .altered(let name):
      return Finding(
        Self.name, "\(found), migration \(name) differs from this program's",
        remedy:
          "use the version of pra that made it; this one needs a database of its own beside it")
    }
  }

  /// Compares the sessions that are open, and that the workers may open, with those that the server
  /// has.
  private func sessions(_ connection: Connection) throws -> Finding {
    let row = try connection.query(Queries.sessions).single()
    let (used, places) = (try row.integer("used"), try row.integer("places"))
    let (workers, needed) = (try row.integer("workers"), try row.integer("needed"))
    let found =
      "\(used) of \(places) in use; \(counted(workers, "worker")) may need \(needed)"
    // A tenth is left for people.
    let wanted = max(used, needed) * 10 / 9
    guard wanted > places else { return Finding("sessions", found) }
    let remedy =
      Database.given == nil
      ? "pra down, then any command: it starts with 500"
      : "set max_connections to \(wanted + 10) or more and restart the server (or raise the limit of "
        + "the database or the login), or run fewer workers or slots"
    return Finding("sessions", found, remedy: remedy)
  }

  /// The remedy, which loses nothing.
  private func remedy(for error: any Error) -> String {
    if let error = error as? PostgresError, error.isOfServerFiles {
      return Database.given == nil
        ? "pra down, then any command: PostgreSQL was upgraded or lacks a file; the data stay"
        : "restart that server: it was upgraded or lacks a file"
    }
    if (error as? PostgresError)?.sqlState == "42501" {
      return "grant pra_read, pra_submit or pra_worker to this login (ops/roles/README.md)"
    }
    if let error = error as? PostgresError, error.refusesLogin || error.lacksDatabase {
      return "as it says: the server itself is there"
    }
    guard Database.given == nil else {
      return error is PostgresError
        ? "start that server, or correct PRA_DATABASE_URL" : "correct PRA_DATABASE_URL"
    }
    if error is ClusterError { return "as it says; the history under \(Database.home) is kept" }
    return "read the end of \(Database.cluster.logPath); the history under \(Database.home) is kept"
  }
}
