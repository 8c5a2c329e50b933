import Foundation
import Postgres
import Testing

/// A home that several machines or containers see has one server.
@Suite struct SharedHomeTests {
  private let other = ServerHost(
    name: "node7", machine: "0f", boot: "another boot", namespace: "pid:[4026531836]")

  private func file(_ home: PrivateHome, _ name: String) -> String {
    "\(home.path)/postgres/\(name)"
  }

  @Test func anotherMachineIsRefusedAndTouchesNothing() throws {
    let home = try PrivateHome()
    let url = try home.cluster.up().url
    let session = try Connection(url)
    let elsewhere = home.cluster(at: other)
    let refusal = home.refusal { try elsewhere.up() }
    #expect(
      refusal.contains(
        "runs on host \(ServerHost.current.name): use it from here by PRA_DATABASE_URL"))
    #expect(refusal.contains("`pra down` there"))
    #expect(home.refusal { try elsewhere.down() } == refusal)
    // Its server lives, which the lock proves.
    #expect(home.refusal { try elsewhere.up(takingOver: true) }.contains("cannot be taken over"))
    #expect(FileManager.default.fileExists(atPath: file(home, "data/postmaster.pid")))
    #expect(try session.query("select 1 as x").single().integer("x") == 1)
    #expect(try home.cluster.up().change == .alreadyRunning)
  }

  @Test func aMachineThatIsGoneIsTakenOverWhenAPersonSaysSo() throws {
    let home = try PrivateHome()
    try Connection(try home.cluster.up().url).run("create table public.kept (x int)")
    home.kill()
    let elsewhere = home.cluster(at: other)
    #expect(home.refusal { try elsewhere.up() }.contains("`pra up --take-over` here"))
    #expect(FileManager.default.fileExists(atPath: file(home, "data/postmaster.pid")))
    let (url, change) = try elsewhere.up(takingOver: true)
    #expect(change == .started)
    #expect(try Connection(url).query("select from public.kept").isEmpty)
    #expect(home.refusal { try home.cluster.up() }.contains("runs on host node7"))
    #expect(try elsewhere.down())
  }

  @Test func aServerThatWasStoppedMayStartAnywhere() throws {
    let home = try PrivateHome()
    _ = try home.cluster.up()
    #expect(try home.cluster.down())
    let elsewhere = home.cluster(at: other)
    #expect(try elsewhere.up().change == .started)
    // Its machine was shut down: the server ended well, and nobody said `pra down`.
    try home.shell(#"kill -INT "$(head -n 1 "$0/postgres/data/postmaster.pid")""#)
    try home.shell(#"while test -e "$0/postgres/data/postmaster.pid"; do :; done"#)
    #expect(home.refusal { try home.cluster.up() }.contains("node7"), "it may be starting just now")
    try home.shell(#"touch -d '3 minutes ago' "$0/postgres/host""#)
    #expect(try home.cluster.up().change == .started)
  }

  @Test func theSameMachineStartsItAgainAfterARestart() throws {
    let home = try PrivateHome()
    _ = try home.cluster.up()
    home.kill()
    var restarted = ServerHost.current
    restarted.boot = "another boot"
    #expect(try home.cluster(at: restarted).up().change == .started)
    #expect(try home.cluster(at: restarted).down())
  }

  @Test func anotherContainerIsRefusedWhileTheServerLives() throws {
    let home = try PrivateHome()
    _ = try home.cluster.up()
    var container = ServerHost.current
    container.namespace = "pid:[1]"
    let elsewhere = home.cluster(at: container)
    #expect(home.refusal { try elsewhere.up() }.contains("in another container of this machine"))
    #expect(home.refusal { try elsewhere.up(takingOver: true) }.contains("cannot be taken over"))
    // The lock ends with the container, on which the other one can rely.
    home.kill()
    #expect(try elsewhere.up().change == .started)
    #expect(try elsewhere.down())
  }

  @Test("a server that an older version started is marked, or asked about")
  func unmarked() throws {
    let home = try PrivateHome()
    _ = try home.cluster.up()
    try FileManager.default.removeItem(atPath: file(home, "host"))
    #expect(try home.cluster.up().change == .alreadyRunning)
    var container = ServerHost.current
    container.namespace = "pid:[1]"
    #expect(home.refusal { try home.cluster(at: container).up() }.contains("another container"))
    home.kill()
    try FileManager.default.removeItem(atPath: file(home, "host"))
    #expect(home.refusal { try home.cluster.up() }.contains("started by an older version of pra"))
    #expect(try home.cluster.up(takingOver: true).change == .started)
  }
}
