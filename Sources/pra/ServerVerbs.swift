// The database itself: up, down, migrate, doctor.

import ArgumentParser
import Foundation
import Postgres

struct Up: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Make, start and migrate the private database.")

  func run() throws {
    guard Database.given == nil else {
      throw ValidationError("PRA_DATABASE_URL is set; `pra up` serves the private database alone")
    }
    print("database: \(try Database.url().conninfo)")
  }
}

struct Down: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Stop the private database.")

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

  func run() throws {
    if action == .print {
      for migration in Migrator.known { Swift.print(migration.sql) }
      return
    }
    // The private database is migrated whenever it is opened.
    let migrator = Migrator(try Connection(try Database.url(), name: "pra migrate"))
    switch action {
    case .apply:
      for migration in try migrator.migrate() { Swift.print("applied \(migration.name)") }
    case .verify: try migrator.verify()
    case .status, .print: break
    }
    switch try migrator.state() {
    case .current(let version): Swift.print("the schema is at \(version), as this program")
    case .behind(let version, let known):
      Swift.print("the schema is at \(version), this program at \(known): run `pra migrate`")
    case .newer(let version, let known):
      Swift.print("the schema is at \(version), this program at \(known): upgrade the program")
    case .altered(let name): Swift.print("migration \(name) differs from this program's")
    }
  }
}

struct Doctor: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Check programs, database, disk and processor; name the remedy of each fault.")

  func run() throws {
    var faults = 0
    func check(_ name: String, _ body: () throws -> String) {
      do {
        print("ok     \(name): \(try body())")
      } catch {
        faults += 1
        print("FAULT  \(name): \(error)")
      }
    }
    let folder = Executables.folder
    check("stages") {
      let missing = Executables.stages.filter {
        !FileManager.default.isExecutableFile(atPath: "\(folder)/\($0)")
      }
      guard missing.isEmpty else {
        throw Remedy(
          "\(missing.joined(separator: ", ")) not in \(folder); run swift build -c release")
      }
      return folder
    }
    if Database.given == nil {
      check("PostgreSQL programs") {
        do {
          return try ServerPrograms.folder(path: ProcessInfo.processInfo.environment["PATH"])
        } catch {
          throw Remedy("\(error); remedy: apt-get install postgresql, or set PRA_DATABASE_URL")
        }
      }
    }
    check("database") {
      let connection = try Connection(try Database.url(), name: "pra doctor")
      let version = try connection.query("show server_version").single().text(at: 0) ?? "?"
      let number = try connection.query("show server_version_num").single().text(at: 0) ?? "0"
      guard Int(number) ?? 0 >= 150_000 else {
        throw Remedy("PostgreSQL \(version); remedy: upgrade to 15 or newer")
      }
      try Migrator(connection).verify()
      return "PostgreSQL \(version), schema \(Migrator.known.last?.version ?? 0)"
    }
    check("disk") {
      let home = Database.home
      try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
      let values = try FileManager.default.attributesOfFileSystem(forPath: home)
      let free = (values[.systemFreeSize] as? Int ?? 0) >> 20
      guard free >= 1024 else {
        throw Remedy("\(free) MiB free under \(home); remedy: free space or set PRA_HOME elsewhere")
      }
      return "\(free >> 10) GiB free under \(home)"
    }
    check("processor") {
      let flags = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
      let sets = ["avx2", "avx512f", "avx512_bf16"].filter { flags.contains(" \($0)") }
      let count = ProcessInfo.processInfo.activeProcessorCount
      return "\(count) threads, \(sets.isEmpty ? "no AVX: slow" : sets.joined(separator: ", "))"
    }
    if faults > 0 { throw Failure(message: "\(faults) fault\(faults == 1 ? "" : "s") found") }
  }

  private struct Remedy: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
  }
}

/// Where this program and the stages lie.
enum Executables {
  static var folder: String {
    URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent().path()
      .trimmingCharacters(in: .whitespaces).droppingTrailingSlash
  }
  static let stages = JobKindName.all.map { "pra-\($0)" }
}

extension String {
  fileprivate var droppingTrailingSlash: String { hasSuffix("/") ? String(dropLast()) : self }
}
