// The choice of the database, and sessions in it.

import ArgumentParser
import Configuration
import Foundation
import JobKinds
import JobQueue
import Postgres
import RunStore

/// The queue's database: the one named in the environment, or the private one under PRA_HOME.
enum Database {
  private static var environment: [String: String] { ProcessInfo.processInfo.environment }

  /// $PRA_HOME, by default $XDG_DATA_HOME/pra, by default $HOME/.local/share/pra.
  static var home: String {
    if let home = environment["PRA_HOME"], !home.isEmpty {
      return folder(home)
    }
    // XDG Base Directory Specification: a relative path is no path.
    if let data = environment["XDG_DATA_HOME"], data.hasPrefix("/") { return folder("\(data)/pra") }
    if let user = environment["HOME"], user.hasPrefix("/") {
      return folder("\(user)/.local/share/pra")
    }
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

  static var cluster: EmbeddedCluster { EmbeddedCluster(home: home, path: environment["PATH"]) }

  /// The address that PRA_DATABASE_URL gives.
  static func address(_ given: String) throws -> DatabaseURL {
    do {
      return try DatabaseURL(given)
    } catch {
      throw ValidationError("PRA_DATABASE_URL: \(error.message)")
    }
  }

  /// The database's address. The private one is created, started and migrated if needed; a line on
  /// standard error then says so.
  /// - Parameter role: of the session, as which the private server has a login
  static func url(_ role: DatabaseRole = .owner, takingOver: Bool = false) throws -> DatabaseURL {
    if let given { return try address(given) }
    let (url, change) = try cluster.up(takingOver: takingOver)
    if case .restarted(let reason) = change {
      complain("pra: restarted the private database under \(home): \(reason)")
    }
    let connection = try Connection(url, name: "pra migrate")
    let migrated = try Migrator(connection).migrate()
    try PrivateLogin.make(connection)
    try Contracts.write(JobKind.allCases.map(\.contract), to: connection)
    switch change {
    case .created: complain("pra: created a private database under \(home)")
    case .started: complain("pra: started the private database under \(home)")
    case .alreadyRunning, .restarted:
      if !migrated.isEmpty { complain("pra: migrated the private database under \(home)") }
    }
    return url.with("user", PrivateLogin.name(for: role))
  }

  /// Opens a session in a role; the schema must be one that this program knows. What is overdue is
  /// settled first (`settleOverdue`).
  static func connect(_ role: DatabaseRole) throws -> Connection {
    let connection = try session(try url(role), role)
    // A newer schema may let this program read that may do nothing else.
    if try Migrator(connection).verify(for: role == .read ? .read : .work) {
      try connection.settleOverdue()
    }
    return connection
  }

  /// A session. Where the server has none left for a moment, as when a fleet begins to work, it tries on for a while.
  private static func session(_ url: DatabaseURL, _ role: DatabaseRole) throws -> Connection {
    let end = ContinuousClock.now + .seconds(10)
    while true {
      do {
        return try Connection(url, role: role, name: "pra")
      } catch {
        guard error.sqlState == "53300", ContinuousClock.now < end else { throw error }
        usleep(250_000)
      }
    }
  }

  /// The store, for uploads and downloads.
  /// - Parameter patience: how long it waits for a store that is away
  static func store(_ role: DatabaseRole, patience: StorePatience = .person()) throws
    -> ArtifactStore
  {
    func session(_ role: DatabaseRole) throws -> RetryingConnection {
      RetryingConnection(
        url: try url(role), role: role, name: "pra", giveUp: { true }, report: { _ in })
    }
    // Readers may write nothing; one who may submit tells what is damaged.
    return ArtifactStore(
      try session(role), environment: environment, patience: patience,
      reader: role == .owner ? .administrator : .submitter,
      doubting: role == .read ? try session(.submit) : nil, watch: CopyLine().watch)
  }

  /// The garbage collection of a worker, by the rule that `pra gc --schedule` has set.
  static func upkeep(_ url: DatabaseURL) -> @Sendable (Registration) throws -> String? {
    { [environment] worker in
      var store = ArtifactStore(
        RetryingConnection(
          url: url, role: .worker, name: "pra worker upkeep", giveUp: { true }, report: { _ in }),
        environment: environment, patience: .probe())
      return try store.keepUp(by: worker)
    }
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
  func settleOverdue() throws {
    guard try query(Queries.isOverdue).single().boolean("overdue") else { return }
    do {
      // A session of its own, since this one may be of a login that may only read.
      let submitter = try Connection(try Database.url(.submit), role: .submit, name: "pra")
      try SubmitQueue(submitter).reap()
    } catch let error as PostgresError where error.sqlState == "42501" {
      // Not a submitter.
    }
  }

  /// Finds a worker by number or name; of several with one name the one that has not ended.
  /// - Throws: `NotFound` that names the nearest; `ValidationError` for a name that several have at once
  func worker(named word: String) throws -> Int64 {
    let found = try query(TrainedQueries.workersNamed, [.text(word)])
    let live = try found.filter { try $0.boolean("is_live") }
    if let number = Int64(word), try found.contains(where: { try $0.integer("id") == number }) {
      // Workers of earlier versions could have names of digits alone.
      if let other = try live.map({ try $0.integer("id") }).first(where: { $0 != number }) {
        throw ValidationError(
          "'\(word)' is worker \(word) and the name of worker \(other); name that one by its number"
        )
      }
      return number
    }
    guard live.count <= 1 else {
      let numbers = try live.map { try $0.string("id") }.joined(separator: ", ")
      throw ValidationError("'\(word)' is the name of workers \(numbers); name one by its number")
    }
    if let row = live.first ?? found.first { return try row.integer("id") }
    let names = try query(TrainedQueries.workerNames).map { try $0.string("name") }
    let near = nearest(to: word, among: names).map { "; did you mean '\($0)'?" }
    throw NotFound(message: "there is no worker '\(word)'\(near ?? "; pra workers lists them")")
  }

  /// Throws `NotFound` if there is no such job.
  /// - Parameter verb: what does the same for a run, with the option before its number; the error names it where the
  ///   number is a run's
  func requireJob(_ id: Int64, orRunBy verb: String? = nil) throws {
    guard try query(Queries.jobExists, [.integer(id)]).isEmpty else { return }
    let run = try query(RunQueries.byNumber, [.integer(id)]).first
    guard let verb, let run, try !run.boolean("deleted") else {
      throw NotFound(message: "there is no job \(id)")
    }
    throw NotFound(
      message:
        "there is no job \(id); run \(id) (\(try run.string("name"))) is meant by pra \(verb) \(id)"
    )
  }

  /// Acts on a job; of a number that is a run's alone the error says how the run is named.
  func onJob<Value>(_ id: Int64, orRunBy verb: String, _ act: () throws -> Value) throws -> Value {
    do {
      return try act()
    } catch {
      try requireJob(id, orRunBy: verb)
      throw error
    }
  }

  /// Throws `NotFound` if a job is an array, whose parts have what is asked for.
  func refuseArray(_ id: Int64, has what: String) throws {
    guard try query(Queries.isArray, [.integer(id)]).single().boolean("is_array") else { return }
    throw NotFound(
      message:
        "job \(id) is an array, and its parts have \(what); pra jobs --array \(id) lists them")
  }
}
