import Glibc
import Postgres

/// A server in a temporary folder, for tests. It is removed with its folder when the owner releases
/// it or when the process ends, however it ends.
///
/// A small shell script watches a socket of which this process holds the other end. When the
/// process dies that end is closed, and the script kills the server and removes the folder.
package final class TestServer: Sendable {
  /// The database `postgres`, as superuser `pra`.
  package let url: DatabaseURL
  private let folder: String
  private let programs: ServerPrograms
  private let leash: Int32
  private let watcher: pid_t

  private let connections: Int

  /// - Parameters:
  ///   - folder: of the server's programs, by default of those that the product would use
  ///   - connections: max_connections
  package init(programs folderOfPrograms: String? = nil, connections: Int = 200) throws {
    self.connections = connections
    if let folderOfPrograms, access("\(folderOfPrograms)/initdb", X_OK) != 0 {
      throw ClusterError("\(folderOfPrograms) holds no server; ./ops/setup tests installs it")
    }
    var template = Array("/tmp/pra-test-XXXXXX".utf8CString)
    guard let made = mkdtemp(&template) else {
      throw ClusterError("/tmp: no temporary folder: \(String(cString: strerror(errno)))")
    }
    folder = String(cString: made)
    let path = getenv("PATH").map { String(cString: $0) }
    programs = try ServerPrograms(for: folder, path: path, folder: folderOfPrograms)
    try programs.adopt(folder)
    url = DatabaseURL(socketDirectory: folder, user: "pra", database: "postgres")

    (leash, watcher) = try Self.watch(folder: folder)
    try programs.run(
      "initdb",
      [
        "-D", "\(folder)/data", "-A", "trust", "-U", "pra", "--no-locale", "-E", "UTF8",
        "--no-instructions", "--no-sync",
      ])
    try start()
  }

  deinit {
    // The script stops the server; waiting for it ensures that nothing remains.
    close(leash)
    var status: Int32 = 0
    while waitpid(watcher, &status, 0) < 0 && errno == EINTR {}
  }

  package func start() throws {
    try programs.run(
      "pg_ctl",
      [
        "-D", "\(folder)/data", "-l", "\(folder)/log", "-w", "-s", "-o",
        "-c listen_addresses='' -c port=5432 -c unix_socket_directories='\(folder)' -c fsync=off "
          + "-c full_page_writes=off -c max_connections=\(connections) -c shared_buffers=32MB "
          + "-c max_wal_size=256MB", "start",
      ])
  }

  /// - Parameter mode: mode of pg_ctl: `fast`, or `immediate`, which is like a crash
  package func stop(mode: String = "fast") throws {
    try programs.run("pg_ctl", ["-D", "\(folder)/data", "-m", mode, "-w", "-s", "stop"])
  }

  private static func watch(folder: String) throws -> (leash: Int32, watcher: pid_t) {
    // The shell's `read` returns when the other end of its standard input is closed.
    let script = """
      trap '' INT TERM HUP
      read -r _
      test -f "$0/data/postmaster.pid" && kill -QUIT "$(head -n 1 "$0/data/postmaster.pid")"
      rm -rf "$0"
      while test -e "$0"; do rm -rf "$0"; done
      """
    var ends: [Int32] = [0, 0]
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
    guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else {
      throw ClusterError("socketpair: \(String(cString: strerror(errno)))")
    }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, ends[1], 0)
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
    // Its own process group, so that a Ctrl-C reaches only the tests.
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
    posix_spawnattr_setpgroup(&attributes, 0)

    let words: [UnsafeMutablePointer<CChar>?] =
      (["sh", "-c", script, folder] as [String]).map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    var process = pid_t()
    let failure = posix_spawnp(&process, "sh", &actions, &attributes, words, environ)
    close(ends[1])
    guard failure == 0 else {
      throw ClusterError("sh does not start: \(String(cString: strerror(failure)))")
    }
    return (ends[0], process)
  }
}
