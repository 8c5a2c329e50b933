import Glibc
import Postgres
import Testing

/// One private server under a folder of its own, stopped and removed at the end.
private final class Home {
  let path: String
  let cluster: EmbeddedCluster

  init() throws {
    var template = Array("/tmp/pra-home-XXXXXX".utf8CString)
    path = String(cString: try #require(mkdtemp(&template)))
    // The account postgres must be able to pass through the folder.
    chmod(path, 0o755)
    cluster = EmbeddedCluster(
      home: path, path: getenv("PATH").map { String(cString: $0) }, runtimeFolder: nil)
  }

  func shell(_ script: String) throws {
    let words: [UnsafeMutablePointer<CChar>?] =
      (["sh", "-c", script, path] as [String]).map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    var process = pid_t()
    #expect(posix_spawnp(&process, "sh", nil, nil, words, environ) == 0)
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0 && errno == EINTR {}
    #expect(status == 0, "\(script)")
  }

  deinit {
    _ = try? cluster.down()
    try? shell("rm -rf \"$0\"")
  }
}

@Suite struct EmbeddedClusterTests {
  @Test func upIsSafeToRepeatAndDownStops() throws {
    let home = try Home()
    #expect(try home.cluster.up().change == .created)
    let (url, change) = try home.cluster.up()
    #expect(change == .alreadyRunning)
    #expect(try url == home.cluster.url())
    #expect(try Connection(url).query("select 1 as x").single().integer("x") == 1)
    #expect(try home.cluster.down())
    #expect(access(try #require(try home.cluster.url()["host"]), F_OK) != 0)
    #expect(throws: PostgresError.self) { try Connection(url) }
    #expect(try !home.cluster.down())
    #expect(try home.cluster.up().change == .started)
  }

  @Test("a killed server is started again though another process has its number now")
  func staleNumber() throws {
    let home = try Home()
    let url = try home.cluster.up().url
    try Connection(url).run("create table public.kept (x int)")
    try home.shell(
      """
      pid=$(head -n 1 "$0/postgres/data/postmaster.pid")
      kill -9 "$pid"
      while kill -0 "$pid" 2>/dev/null && ! grep -q '^State:.Z' "/proc/$pid/status"; do :; done
      sed -i "1s/.*/$$/;1s/.*/1/" "$0/postgres/data/postmaster.pid"
      """)
    #expect(try home.cluster.up().change == .started)
    #expect(try Connection(url).query("select from public.kept").isEmpty)
  }

  @Test func aHalfMadeClusterIsMadeAnew() throws {
    let home = try Home()
    try home.shell(
      """
      mkdir -p "$0/postgres/data.unfinished/base" "$0/postgres/data"
      touch "$0/postgres/data/postgresql.conf"
      """)
    #expect(try home.cluster.up().change == .created)
  }

  @Test func theSocketIsClosedToOthers() throws {
    let home = try Home()
    let url = try home.cluster.up().url
    var status = stat()
    #expect(stat(try #require(url["host"]), &status) == 0)
    #expect(status.st_mode & 0o777 == 0o700)
    #expect(try Connection(url).query("show listen_addresses").single().text(at: 0) == "")
  }
}
