import Foundation
import Postgres
import Testing

/// The verbs that look and act, while the only worker is dead and no agent puts its jobs back.
@Suite struct LostWorkerVerbTests {
  let world: World
  private let job: String

  init() throws {
    world = try World()
    job = try world.answer(
      "enqueue", "ingest", "--set", "source=" + String(repeating: "c", count: 64))
    try world.admin.run(
      """
      select pra.register_worker('solo', '{"host": "a7"}', '{default}', '{ingest}');
      select c.job from pra_store.workers as w
      cross join pra.claim(w.id, worker_token => w.token) as c;
      update pra_store.workers
      set lease = '1 second', lease_expires_at = clock_timestamp() - interval '1 hour';
      select pg_sleep(greatest(0, extract(epoch from
        pg_postmaster_start_time() + interval '1.01 seconds' - clock_timestamp())))
      """)
  }

  private func state() throws -> [String] { try world.rows("select state from pra.jobs") }

  @Test func cancelEndsItAndWatchEnds() throws {
    #expect(try world.answer("cancel", job).contains("cancelled 1 job"))
    #expect(try state() == ["cancelled"])
    let watch = try world.pra("watch", "ingest")
    #expect(watch.status == 1 && watch.errors.contains("job \(job) (ingest) cancelled"))
  }

  @Test(
    "every look puts it back and says so",
    arguments: [["jobs"], ["job", "1"], ["runs"], ["workers"], ["why", "1"]])
  func looks(verb: [String]) throws {
    let said = try world.answer(verb)
    #expect(try state() == ["ready"])
    switch verb[0] {
    case "workers": #expect(said.contains("lost"))
    case "why":
      #expect(said.contains("its worker 1 (solo) was lost at ") && said.contains("no-worker"))
    case "runs": #expect(said.contains("running") || said.contains("pending"))
    default: #expect(said.contains("ready"))
    }
  }

  @Test func retryRunsItAgain() throws {
    #expect(try world.answer("retry", job) == "job \(job) is ready")
  }

  /// Its worker was lost more often than its budget allows.
  @Test func watchEndsWithTheJob() throws {
    try world.admin.run("update pra_store.jobs set lost = lost_retries")
    let watch = try world.pra("watch", "ingest")
    #expect(watch.status == 1 && watch.errors.contains("quarantined"))
  }

  /// A login that may read alone: it changes nothing and sees the truth.
  @Test func aReaderSeesIt() throws {
    let login = "reader_" + UUID().uuidString.prefix(8).lowercased()
    try world.admin.run("create role \(login) login in role pra_read")
    let url = world.database.url.with("user", login).conninfo
    func read(_ arguments: String...) throws -> String {
      let outcome = try Outcome(arguments, environment: ["PRA_DATABASE_URL": url], in: world.folder)
      #expect(outcome.status == 0, "\(outcome.errors)")
      return outcome.output
    }
    #expect(try read("jobs").contains(" lost "))
    #expect(try read("runs").contains(" lost "))
    #expect(try read("workers").contains(" lost "))
    #expect(try read("why", job).contains("no worker is alive to put it back in line"))
    #expect(try read("job", job).contains("worker_lost_at"))
    #expect(try state() == ["running"])
    try world.admin.run("drop role \(login)")
  }

  @Test func aJobPastItsDeadlineEndsWithoutAWorker() throws {
    let late = try world.answer(
      "enqueue", "ingest", "--set", "source=" + String(repeating: "d", count: 64), "--deadline",
      "60")
    try world.admin.run("update pra_store.jobs set deadline = now() where id = \(late)")
    #expect(try world.answer("jobs", "--state", "failed").contains("deadline"))
  }
}

@Suite struct ForgiveTests {
  @Test func aBlamedHostIsShownAndForgiven() throws {
    let world = try World()
    try world.admin.run(
      """
      select pra.register_worker('one', '{"host": "a7"}', '{default}', '{ingest}', lease => '10 min');
      insert into pra_store.blamed_hosts (host, until, reason)
      values ('a7', now() + interval '1 h', '3 jobs crashed there one after the other')
      """)
    let workers = try world.answer("workers")
    #expect(workers.contains("blamed until ") && workers.contains("pra forgive a7"))
    #expect(try world.answer("forgive", "a7") == "host a7 gets work again")
    #expect(try !world.answer("workers").contains("blamed"))
    let again = try world.pra("forgive", "a7")
    #expect(again.status == 3 && again.errors.contains("a7"))
  }
}
