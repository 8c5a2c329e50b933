// Verbs for the database itself: up, down, migrate, doctor.

import ArgumentParser
import Foundation
import JobKinds
import JobQueue
import Postgres

struct Up: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Create, start and migrate the private database.",
    discussion: """
      A private database runs on one machine. Another that shares the folder is refused until `pra down` \
      was called where it runs.
      Example: PRA_HOME=/data/pra pra up
      """)

  @Flag(help: "Start it here though another machine has not stopped it, which is gone for good.")
  var takeOver = false

  func run() throws {
    guard Database.given == nil else {
      throw ValidationError("PRA_DATABASE_URL is set; `pra up` serves the private database alone")
    }
    print("database: \(try Database.url(takingOver: takeOver))")
  }
}

struct Down: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Stop the private database.", discussion: "Example: pra down")

  func run() throws {
    guard Database.given == nil else {
      throw ValidationError("PRA_DATABASE_URL is set; `pra down` serves the private database alone")
    }
    print(try Database.cluster.down() ? "stopped" : "was not running")
  }
}

struct ShowDatabase: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "database",
    abstract: "Print the address of the database, for psql and other programs.",
    discussion: """
      The private database is started if need be, and the address is that of its login that can only read. An       address in PRA_DATABASE_URL is printed as it is, with its password.
      Example: psql "$(pra database)"
      """)

  enum Role: String, ExpressibleByArgument, CaseIterable {
    case read, submit, worker, owner

    var ofDatabase: DatabaseRole {
      switch self {
      case .read: .read
      case .submit: .submit
      case .worker: .worker
      case .owner: .owner
      }
    }
  }
  @Option(help: "Whose login of the private database: read, submit, worker or owner.")
  var role = Role.read

  func run() throws { printExactly(try Database.url(role.ofDatabase).conninfo) }
}

struct Migrate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Bring the schema to this program's version.",
    discussion: "Example: PRA_DATABASE_URL=postgresql://db/pra pra migrate status")

  enum Action: String, ExpressibleByArgument, CaseIterable { case apply, status, verify, print }
  @Argument(help: "apply, status, verify or print (the SQL).")
  var action = Action.apply
  @Flag(help: "Print the state as JSON.") var json = false

  func run() throws {
    if action == .print {
      printFiles()
      return
    }
    // The private database is migrated whenever it is opened.
    let connection = try Connection(try Database.url(), name: "pra migrate")
    let roles = ServerRoles(connection)
    try roles.actAsOwner()
    let migrator = Migrator(connection)
    if action != .apply, try !migrator.applied().isEmpty, let fault = try roles.faults().first {
      throw Failure(message: "\(fault.found): \(fault.remedy)")
    }
    switch action {
    case .apply:
      let changed = try migrator.differences()
      for name in try migrator.migrate(repairing: true) { print("applied \(name)") }
      for line in changed { print("executed the current files, since \(line)") }
      try verify(migrator)
      try Contracts.write(JobKind.allCases.map(\.contract), to: connection)
    case .verify:
      try verify(migrator)
      if !json { print("every function, view, trigger and right is as its file says") }
    case .status, .print: break
    }
    let state = try migrator.state()
    if json {
      let newest = Migration.known.last?.version ?? 0
      let version = try migrator.applied().last?.version ?? 0
      var isCurrent = false
      if case .current = state { isCurrent = true }
      printExactly("{\"version\":\(version),\"known\":\(newest),\"current\":\(isCurrent)}")
      return
    }
    switch state {
    case .current(let version): print("the schema is at \(version), as this program")
    case .behind(let version, let known):
      print("the schema is at \(version), this program at \(known): run `pra migrate`")
    case .newer(let version, let known):
      let works = (try? migrator.verify(for: .work)) != nil
      let reads = (try? migrator.verify(for: .read)) != nil
      let may = works ? ", which works with it still" : reads ? ", which reads it still" : ""
      print("the schema is at \(version), this program at \(known)\(may): upgrade the program")
    case .outdated(let files):
      print("functions or views differ from this program's: run `pra migrate`")
      for file in files { print("  \(file)") }
    case .altered(let name): print("migration \(name) differs from this program's")
    }
  }

  /// Structure, then current functions and views, each under the name of its file.
  private func printFiles() {
    for migration in Migration.known {
      printExactly("-- migrations/\(migration.name)\n\n\(migration.sql)")
    }
    for file in CurrentFile.known { printExactly("-- migrations/\(file.path)\n\n\(file.sql)") }
  }

  private func verify(_ migrator: Migrator) throws {
    try migrator.verify()
    let differences = try migrator.differences()
    guard !differences.isEmpty else { return }
    for line in differences { complain(line) }
    throw Failure(
      message:
        "the database differs from its files; `pra migrate` makes it as they say, but for tables")
  }
}
