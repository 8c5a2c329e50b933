import Postgres
import Synchronization

/// A migrated database for one test. It is deleted with the server at the end of the process, so
/// that connections may outlive this value.
///
/// The process starts one server and migrates one template; each database is a copy of that.
package final class TestDatabase: Sendable {
  /// Connects as superuser, who may assume every role.
  package let url: DatabaseURL

  private init(url: DatabaseURL) { self.url = url }

  /// - Parameter migrated: false for an empty database
  package static func create(migrated: Bool = true) throws -> TestDatabase {
    let server = try shared.get()
    let number = count.add(1, ordering: .relaxed).newValue
    let name = "test_\(number)"
    try server.administer { connection in
      try connection.run("create database \(name) template \(migrated ? "migrated" : "template0")")
    }
    return TestDatabase(url: server.server.url.with("dbname", name))
  }

  /// A database of a server that a test may restart.
  package static func create(on server: TestServer) throws -> TestDatabase {
    try Connection(server.url).run("create database own")
    let made = TestDatabase(url: server.url.with("dbname", "own"))
    try Migrator(made.connect()).migrate()
    return made
  }

  package func connect(_ role: DatabaseRole? = nil) throws -> Connection {
    try Connection(url, role: role)
  }

  private static let count = Atomic<Int>(0)

  private static let shared: Result<SharedServer, any Error> = Result { try SharedServer() }
}

/// The server of the process. Copies of the template are made one at a time, as the server refuses
/// to copy a database that another session uses.
private final class SharedServer: Sendable {
  let server: TestServer
  private let copying = Mutex(())

  init() throws {
    server = try TestServer()
    let url = server.url
    try Connection(url).run("create database migrated")
    try Migrator(Connection(url.with("dbname", "migrated"))).migrate()
  }

  func administer(_ body: (Connection) throws -> Void) throws {
    try copying.withLock { _ in try body(try Connection(server.url)) }
  }
}
