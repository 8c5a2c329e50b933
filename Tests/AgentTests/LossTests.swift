import DatabaseTesting
import Foundation
import Postgres
import Testing

@testable import Agent

/// Agents, stages and the server are killed, stopped and restarted.
@Suite struct LossTests {
  private let training = #"{"act": "train", "count": 20, "every": 3, "hold": 7}"#

  @Test func aKilledStageIsRunAgainFromItsCheckpoint() throws {
    let world = try World()
    let job = try world.enqueue(#"{"act": "train", "count": 20, "every": 3, "die": 7}"#)
    #expect(try world.agent("a", "idle=true").end() == .code(0))
    #expect(try world.end(job) == "fault signal 9 the stage was ended by signal 9 (kill)")
    #expect(try world.state(job) == "succeeded")
    #expect(try world.series(job) == ["0...5 of 1", "6...19 of 2"])
  }

  /// The stage ends by itself, and another agent continues from the checkpoint (G3).
  @Test func aKilledAgentsJobGoesToAnother() throws {
    let world = try World()
    let job = try world.enqueue(training)
    let first = try world.agent("first")
    let stage = try world.process(job)
    try wait { try world.text("select max(step) from pra.checkpoints") == "6" }
    first.signal(SIGKILL)
    #expect(try first.end() == .signal(SIGKILL))
    try wait { !isAlive(stage) }
    #expect(world.scratch.count == 2)

    #expect(try world.agent("second", "idle=true").end() == .code(0))
    #expect(try world.end(job)?.hasPrefix("lost worker ") == true)
    #expect(try world.state(job) == "succeeded")
    #expect(try world.text("select worker_name from pra.attempts where epoch = 2") == "second")
    #expect(try world.series(job) == ["0...5 of 1", "6...19 of 2"])
    #expect(world.scratch.isEmpty, "the second agent removes what the first left behind")
  }

  /// Agent and stage are stopped past their lease; another agent does the work; then they go on
  /// (G2).
  @Test func aStoppedAgentWritesNothingAfterItsLease() throws {
    let world = try World()
    let job = try world.enqueue(
      #"{"act": "train", "count": 100000, "every": 50, "pace": 2000}"#)
    let first = try world.agent("first", "label.host=a")
    let stage = try world.process(job)
    try wait { try world.text("select max(step) >= 50 from pra.checkpoints") == "true" }
    kill(stage, SIGSTOP)
    first.signal(SIGSTOP)
    // The rest is quick: only the first attempt is slow.
    try world.admin.run(
      "update pra_store.jobs set arguments = arguments || '{\"count\": 300, \"every\": 50}'")
    let second = try world.agent("second", "idle=true")
    #expect(try second.end() == .code(0))
    #expect(try world.state(job) == "succeeded")
    let written = """
      select concat_ws(' ',
        (select count(*) from pra.metrics_raw where epoch = 1),
        (select count(*) from pra.checkpoints where epoch = 1),
        (select count(*) from pra_store.log_chunks where epoch = 1),
        (select epoch || '/' || done from pra_store.progress),
        (select count(*) from pra_store.metric_staging),
        (select count(*) from pra.artifacts),
        (select concat(outcome, metric_batch) from pra.attempts where epoch = 1))
      """
    let before = try world.text(written)

    // First only the stage continues, which nobody but the database can stop now; then its agent.
    kill(stage, SIGCONT)
    try wait { !isAlive(stage) }
    #expect(try world.text(written) == before)
    first.signal(SIGCONT)
    try wait { try world.text("select count(*) from pra.workers where name = 'first'") == "2" }
    first.signal(SIGTERM)
    #expect(try first.end() == .code(0))
    #expect(try world.text(written) == before)
    #expect(first.output.contains("lease lost"))
  }

  /// The token comes by the control channel, which no other process reads.
  @Test func theTokenIsInNeitherEnvironmentNorArguments() throws {
    let world = try World()
    let job = try world.enqueue(#"{"act": "deaf"}"#)
    let agent = try world.agent("a", "drain=0.1")
    let stage = try world.process(job)
    let token = try #require(try world.text("select token from pra_store.jobs"))
    let seen = try ["environ", "cmdline"].map {
      String(decoding: try Data(contentsOf: URL(filePath: "/proc/\(stage)/\($0)")), as: UTF8.self)
    }.joined()
    #expect(seen.contains("PRA_JOB=\(job)"))
    #expect(!seen.contains(token))
    agent.signal(SIGTERM)
    _ = try agent.end()
  }

  /// The server accepted a claim, but the session ended before the answer arrived.
  @Test func aClaimThatWasNotHeardIsGivenBack() throws {
    let world = try World()
    let agent = try world.agent("a", "lease=200", "beat=100")
    try wait { try world.text("select count(*) from pra.workers") == "1" }
    agent.signal(SIGSTOP)
    let job = try world.enqueue(#"{"act": "succeed"}"#)
    let claim =
      "select c.job from pra_store.workers as w cross join pra.claim(w.id, worker_token => w.token) as c"
    #expect(try world.text(claim) == "\(job)")
    _ = try world.text(
      """
      select pg_terminate_backend(pid) from pg_stat_activity
      where application_name like 'pra worker a %' and datname = current_database()
      """)
    agent.signal(SIGCONT)
    try wait { try world.state(job) == "succeeded" }
    #expect(try world.end(job) == "released the claim was not heard")
    #expect(try world.end(job, 2) == "succeeded 0")
    agent.signal(SIGTERM)
    #expect(try agent.end() == .code(0))
  }

  /// A stage that writes nothing learns nothing: its agent must kill it.
  @Test func anAgentThatLostItsLeaseKillsItsStage() throws {
    let world = try World()
    let job = try world.enqueue(#"{"act": "deaf"}"#)
    let agent = try world.agent("a")
    let stage = try world.process(job)
    agent.signal(SIGSTOP)
    try wait { try world.text("select pra.reap()") == "1" }
    #expect(isAlive(stage))
    _ = try world.text("select pra.cancel(\(job))")
    agent.signal(SIGCONT)
    try wait { !isAlive(stage) }
    #expect(try world.end(job)?.hasPrefix("lost worker ") == true)
    try wait { try world.text("select count(*) from pra.workers where state = 'live'") == "1" }
    agent.signal(SIGTERM)
    #expect(try agent.end() == .code(0))
  }

  /// Only the stage continues, after another attempt has started: its own agent kills it.
  @Test func aStageOfALostJobIsKilled() throws {
    let world = try World()
    let job = try world.enqueue(#"{"act": "deaf"}"#)
    let agent = try world.agent("a")
    let stage = try world.process(job)
    try world.admin.run(
      """
      update pra_store.jobs set state = 'cancelled', worker_id = null, finished_at = now();
      """)
    try wait { !isAlive(stage) }
    agent.signal(SIGTERM)
    #expect(try agent.end() == .code(0))
  }

  /// The programs of the server are replaced while it runs: new sessions cannot load PL/pgSQL.
  @Test func aServerThatLacksALibraryIsAnOutage() throws {
    let world = try World()
    let job = try world.enqueue(
      #"{"act": "train", "count": 400, "every": 50, "pace": 2000}"#)
    let agent = try world.agent("a", "idle=true", "lease=30", "beat=1")
    let stage = try world.process(job)
    let library = { (name: String) in
      try world.admin.run(
        """
        update pg_proc set probin = '$libdir/\(name)' where proname = 'plpgsql_call_handler';
        select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid()
        """)
    }
    try library("missing")
    try wait { agent.output.contains("trying on: could not access file") }
    #expect(isAlive(stage))
    try library("plpgsql")
    #expect(try agent.end() == .code(0))
    #expect(try world.end(job) == "succeeded 0")
    #expect(try world.text("select count(*) from pra.workers") == "1")
  }

  @Test(
    "what passes with a restart of the server is an outage",
    arguments: [
      ("58P01", "could not access file \"$libdir/plpgsql\": No such file or directory"),
      ("58030", "could not read block 0"),
      ("25006", "cannot execute INSERT in a read-only transaction"),
      ("XX000", "could not load library \"/usr/lib/plpgsql.so\": undefined symbol: f"),
      (
        "XX000", "Bibliothek »/usr/lib/plpgsql.so« konnte nicht geladen werden: undefined symbol: f"
      ),
      ("42883", "could not find function \"plpgsql_call_handler\" in file \"/usr/lib/plpgsql.so\""),
      ("42501", "could not load library \"/usr/lib/plpgsql.so\": Permission denied"),
      ("53200", "out of memory"), ("53300", "too many clients"),
    ])
  func outages(sqlState: String, message: String) {
    #expect(PostgresError(.refused, sqlState: sqlState, message: message).mayPass)
  }

  @Test(arguments: [
    ("42501", "permission denied for table jobs"),
    ("42883", "function pra.claim(text) does not exist"),
    ("XX000", "cache lookup failed for type 7"), ("PR003", "file.so: no such kind"),
  ])
  func refusals(sqlState: String, message: String) {
    #expect(!PostgresError(.refused, sqlState: sqlState, message: message).mayPass)
  }

  @Test func restartsOfTheServerDisturbNobody() throws {
    let server = try TestServer()
    try Connection(server.url).run("create database pra")
    let url = server.url.with("dbname", "pra")
    _ = try Migrator(Connection(url)).migrate()
    var world = try World(url)
    let job = try world.enqueue(
      #"{"act": "train", "count": 3000, "every": 500, "pace": 2000}"#)
    let agent = try world.agent("a", "idle=true", "lease=2", "beat=0.5")
    let stage = try world.process(job)
    for (step, seconds) in [(500, 0), (1500, 3)] {
      let reader = try Connection(url)
      try wait {
        try reader.query("select from pra.metrics where step >= $1 limit 1", [.integer(step)]).count
          == 1
      }
      try server.stop(mode: "immediate")
      sleep(UInt32(seconds))  // the second outage is longer than the lease
      #expect(isAlive(stage))
      try server.start()
    }
    #expect(try agent.end() == .code(0))
    world = try World(url)
    #expect(try world.end(job) == "succeeded 0")
    #expect(try world.series(job) == ["0...2999 of 1"])
    #expect(try world.text("select count(*) from pra.metrics_raw") == "6000")
    #expect(
      try world.log(job).split(separator: "\n").filter { $0.hasPrefix("step ") }
        .elementsEqual((0..<30).map { "step \($0 * 100)" }, by: ==))
  }
}
