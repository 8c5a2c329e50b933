// The database itself: up, down, migrate, doctor.

import ArgumentParser
import Foundation
import JobKinds
import JobQueue
import Postgres

struct Up: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Make, start and migrate the private database.",
    discussion: "Example: PRA_HOME=/data/pra pra up")

  func run() throws {
    guard Database.given == nil else {
      throw ValidationError("PRA_DATABASE_URL is set; `pra up` serves the private database alone")
    }
    print("database: \(try Database.url())")
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
      for migration in Migrator.known { Swift.print(migration.sql) }
      return
    }
    // The private database is migrated whenever it is opened.
    let connection = try Connection(try Database.url(), name: "pra migrate")
    let migrator = Migrator(connection)
    switch action {
    case .apply:
      for migration in try migrator.migrate() { Swift.print("applied \(migration.name)") }
      try Contracts.write(JobKind.allCases.map(\.contract), to: connection)
    case .verify: try migrator.verify()
    case .status, .print: break
    }
    let state = try migrator.state()
    if json {
      let newest = Migrator.known.last?.version ?? 0
      let version = try migrator.applied().last?.version ?? 0
      var isCurrent = false
      if case .current = state { isCurrent = true }
      Swift.print("{\"version\":\(version),\"known\":\(newest),\"current\":\(isCurrent)}")
      return
    }
    switch state {
    case .current(let version): Swift.print("the schema is at \(version), as this program")
    case .behind(let version, let known):
      Swift.print("the schema is at \(version), this program at \(known): run `pra migrate`")
    case .newer(let version, let known):
      Swift.print("the schema is at \(version), this program at \(known): upgrade the program")
    case .altered(let name): Swift.print("migration \(name) differs from this program's")
    }
  }
}
