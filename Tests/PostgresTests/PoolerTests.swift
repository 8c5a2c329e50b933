import DatabaseTesting
import Foundation
import Postgres
import Testing

@Suite(
  .enabled(
    if: access("/usr/sbin/pgbouncer", X_OK) == 0,
    "PgBouncer is not installed: apt-get install pgbouncer"))
struct PoolerTests {
  /// A pooler before the test's server, with a folder of its own.
  private final class Pooler {
    let url: DatabaseURL
    private let folder: String
    private let process = Process()

    /// - Parameter size: processes of the server
    init(_ server: DatabaseURL, mode: String, size: Int = 5) throws {
      let host = try #require(server["host"])
      folder = "/tmp/pra-pooler-\(UUID().uuidString)"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
      url = server.with("host", folder).with("port", "6432")
      var owner = stat()
      #expect(stat(host, &owner) == 0)
      try """
      [databases]
      * = host=\(host) port=5432 user=pra
      [pgbouncer]
      unix_socket_dir = \(folder)
      listen_port = 6432
      auth_type = any
      pool_mode = \(mode)
      default_pool_size = \(size)
      """.write(toFile: "\(folder)/pooler.ini", atomically: false, encoding: .utf8)
      chown(folder, owner.st_uid, owner.st_gid)
      process.executableURL = URL(filePath: "/usr/sbin/pgbouncer")
      // It does not run as root, nor may it be another than the server's account.
      process.arguments =
        (geteuid() == 0 ? ["-u", String(cString: getpwuid(owner.st_uid).pointee.pw_name)] : [])
        + ["\(folder)/pooler.ini"]
      (process.standardOutput, process.standardError) = (
        FileHandle.nullDevice, FileHandle.nullDevice
      )
      try process.run()
      try wait {
        FileManager.default.fileExists(atPath: "\(folder)/.s.PGSQL.6432") || !process.isRunning
      }
      #expect(process.isRunning, "the pooler does not start")
    }

    deinit {
      // It inherits a mask of signals that lets no other through.
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
      try? FileManager.default.removeItem(atPath: folder)
    }
  }

  /// The role, the search path and a time limit that a program of others finds, by psql.
  private func found(by url: DatabaseURL) throws -> String {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/psql")
    process.arguments = [
      "-X", "-A", "-t", url.conninfo, "-c",
      """
      select current_user = session_user, current_setting('search_path'),
        current_setting('idle_in_transaction_session_timeout'), current_setting('jit')
      """,
    ]
    let pipe = Pipe()
    (process.standardOutput, process.standardInput) = (pipe, FileHandle.nullDevice)
    try process.run()
    let text = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return String(decoding: text, as: UTF8.self).trimmingCharacters(in: .newlines)
  }

  @Test(
    "a pooler that shares processes is refused in words, and nothing of ours is left in it",
    arguments: [("transaction", 5), ("transaction", 1), ("statement", 5)])
  func sharing(mode: String, size: Int) throws {
    let database = try TestDatabase.create()
    let pooler = try Pooler(database.url, mode: mode, size: size)
    let before = try found(by: pooler.url)
    #expect(before.hasPrefix("t|"), "\(before)")
    for role in DatabaseRole.allCases {
      let error = #expect(throws: PostgresError.self) { try Connection(pooler.url, role: role) }
      #expect(
        error?.description.contains("pool_mode = session") == true, "\(String(describing: error))")
      #expect(error?.isUnreachable == false)
    }
    for _ in 0..<5 { #expect(try found(by: pooler.url) == before) }
  }

  @Test func aPoolerThatLendsSessionsServes() throws {
    let database = try TestDatabase.create()
    let pooler = try Pooler(database.url, mode: "session")
    for _ in 0..<3 {
      let connection = try Connection(pooler.url, role: .read)
      for _ in 0..<4 { #expect(try connection.query("select from pra.jobs").isEmpty) }
    }
    #expect(try found(by: pooler.url).hasPrefix("t|\"$user\", public|0|"))
  }
}
