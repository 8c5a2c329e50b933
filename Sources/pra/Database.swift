// The choice of the database, and sessions in it.

import ArgumentParser
import Foundation
import JobKinds
import JobQueue
import Postgres
import RunStore

/// The queue's database: the one named in the environment, or the private one under PRA_HOME.
enum Database {
  private static var environment: [String: String] { ProcessInfo.processInfo.environment }

  /// $PRA_HOME, by default $XDG_DATA_HOME/pra.
  static var home: String {
    if let home = environment["PRA_HOME"], !home.isEmpty {
      return folder(home)
    }
    if let data = environment["XDG_DATA_HOME"], !data.isEmpty { return folder("\(data)/pra") }
    let user = FileManager.default.homeDirectoryForCurrentUser.path(percentEncoded: false)
    return folder("\(user)/.local/share/pra")
  }

  /// Absolute, without a slash at the end.
  private static func folder(_ path: String) -> String {
    let path = URL(filePath: path).standardizedFileURL.path(percentEncoded: false)
    return path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
  }

  static var given: String? {
    environment["PRA_DATABASE_URL"].flatMap { $0.isEmpty ? nil : $0 }
  }

  static var cluster: EmbeddedCluster {
    EmbeddedCluster(
      home: home, path: environment["PATH"], runtimeFolder: environment["XDG_RUNTIME_DIR"])
  }

  /// The database's address. The private one is created, started and migrated if needed; a line on
  /// standard error then says so.
  static func url() throws -> DatabaseURL {
    if let given {
      do {
        return try DatabaseURL(given)
      } catch {
        throw ValidationError("PRA_DATABASE_URL: \(error.message)")
      }
    }
    let (url, change) = try cluster.up()
    let connection = try Connection(url, name: "pra migrate")
    let migrated = try Migrator(connection).migrate()
    try Contracts.write(JobKind.allCases.map(\.contract), to: connection)
    switch change {
    case .created: complain("pra: created a private database under \(home)")
    case .started: complain("pra: started the private database under \(home)")
    case .alreadyRunning:
      if !migrated.isEmpty { complain("pra: migrated the private database under \(home)") }
    }
    return url
  }

  /// Opens a session in a role; the schema must be one that this program knows. What is overdue is
  /// settled first (`settleOverdue`).
  static func connect(_ role: DatabaseRole) throws -> Connection {
    let connection = try Connection(try url(), role: role, name: "pra")
    try Migrator(connection).verify()
    try connection.settleOverdue(as: role)
    return connection
  }

  /// The store, for uploads and downloads.
  /// - Parameter patience: how long it waits for a store that is away
  static func store(_ role: DatabaseRole, patience: StorePatience = .person()) throws
    -> ArtifactStore
  {
    let url = try url()
    func session(_ role: DatabaseRole) -> RetryingConnection {
      RetryingConnection(url: url, role: role, name: "pra", giveUp: { true }, report: { _ in })
    }
    // Readers may write nothing; one who may submit tells what is damaged.
    return ArtifactStore(
      session(role), environment: environment, patience: patience,
      reader: role == .owner ? .administrator : .submitter,
      doubting: role == .read ? session(.submit) : nil)
  }

  /// A worker's question to the current store whether this host can use it.
  static func storeWatch(_ url: DatabaseURL) -> StoreWatch {
    StoreWatch(url: url, environment: environment)
  }
}

extension Connection {
  /// Puts jobs of lost workers back in line, and ends what is past its deadline, as each beat of an
  /// agent does: where no agent is alive, nobody else would. A reader who may not sees such a job as
  /// lost.
  /// - Parameter role: the session's
  func settleOverdue(as role: DatabaseRole) throws {
    guard try query(Queries.isOverdue).single().boolean("overdue") else { return }
    do {
      try run("set role \(DatabaseRole.submit.rawValue)")
      try SubmitQueue(self).reap()
    } catch {
      // One who is no submitter leaves it to others.
      guard error.sqlState == "42501" else { throw error }
    }
    try run("set role \(role.rawValue)")
  }

  /// Finds a run by number or name; of several with one name the latest.
  func run(named word: String) throws -> (id: Int64, name: String) {
    let numbered = try Int64(word).flatMap { try query(Queries.runByID, [.integer($0)]).first }
    guard let row = try numbered ?? query(Queries.runByName, [.text(word)]).first else {
      throw NotFound(message: "there is no run '\(word)'")
    }
    return (try row.integer("id"), try row.string("name"))
  }

  /// Throws `NotFound` if there is no such job.
  func requireJob(_ id: Int64) throws {
    guard try !query(Queries.jobExists, [.integer(id)]).isEmpty else {
      throw NotFound(message: "there is no job \(id)")
    }
  }
}
