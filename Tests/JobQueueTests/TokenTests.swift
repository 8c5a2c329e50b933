import DatabaseTesting
import Foundation
import JobQueue
import Postgres
import Testing

/// The functions of pra that a worker calls, with (worker $1, token $2).
private let workerCalls = [
  "select pra.claim($1, worker_token => $2)",
  "select pra.heartbeat($1, '{}', '{}', worker_token => $2)",
  "select pra.finish_many($1, '{}', '{}', worker_token => $2)",
  "select pra.release_unheard($1, '{}', worker_token => $2)",
  "select pra.deregister_worker($1, worker_token => $2)",
  "select pra.worker_lacks($1, null, worker_token => $2)",
  "select pra.worker_holds($1, 1, 0, 0, '{}', '{}', worker_token => $2)",
  "select pra.begin_upkeep($1, worker_token => $2)",
  "select pra.upkeep_object($1, 1, worker_token => $2)",
  "select pra.forget_upkeep_object($1, 1, '', 1, worker_token => $2)",
  "select pra.end_upkeep($1, worker_token => $2)",
]

/// Random tokens of registrations and attempts (G2, G11).
@Suite struct TokenTests {
  private static let another = "00000000-0000-4000-8000-000000000000"

  /// A database in which one job runs on one worker.
  private struct Running {
    let world: QueueWorld
    let worker: Registration
    let lease: Lease
    /// Another login's session, which knows all but the tokens.
    let stranger: Connection

    init() throws {
      world = try QueueWorld()
      _ = try world.job()
      worker = try world.worker()
      lease = try world.claimOne(worker)
      stranger = try world.database.connect(.worker)
    }
  }

  private func expectLost(_ body: () throws -> Void) throws {
    let error = #expect(throws: PostgresError.self) { try body() }
    #expect(error?.sqlState == "PR001")
  }

  @Test("an attempt's write with another token, or none, is refused", arguments: attemptWrites)
  func writesNeedTheToken(write: String) throws {
    let here = try Running()
    let before = try here.world.contents()
    for token in [Parameter.text(Self.another), .text(here.worker.token), .null] {
      try expectLost {
        try here.stranger.query(
          write, [.integer(here.lease.job), .integer(here.lease.epoch), token])
      }
    }
    #expect(try here.world.contents() == before)
  }

  @Test("a worker's call with another token, or none, is refused", arguments: workerCalls)
  func callsNeedTheToken(call: String) throws {
    let here = try Running()
    let before = try here.world.contents()
    for token in [Parameter.text(Self.another), .text(here.lease.token), .null] {
      try expectLost {
        try here.stranger.query(call, [.integer(here.worker.worker), token])
      }
    }
    #expect(try here.world.contents() == before)
  }

  /// A function that `pra_worker` may call takes a token, unless it is no call of a worker or an attempt.
  @Test func everyCallOfAWorkerIsListed() throws {
    let free = try QueueWorld().administrator.query(
      """
      select p.proname from pg_proc as p
      where p.pronamespace = 'pra'::regnamespace and has_function_privilege('pra_worker', p.oid, 'execute')
        and not coalesce(p.proargnames, '{}') && array['token', 'worker_token'] order by 1
      """
    ).map { try $0.string("proname") }
    #expect(
      free == [
        "active_runs", "artifact_chunk", "artifact_copies", "artifact_range", "artifact_uses",
        "better",
        "check_artifact_size", "current_store", "figure_names", "folder_stores", "metric_bands",
        "metric_end",
        "metric_points", "read_log", "read_log_part", "reap", "run_figure", "run_figures",
        "satisfies", "secret_use", "size_text",
        "store_folder", "waiting_jobs", "wanted_places", "why", "why_pending",
        "work_is_coming",
      ])
    let named = try QueueWorld().administrator.query(
      """
      select p.proname from pg_proc as p
      where p.pronamespace = 'pra'::regnamespace and 'worker_token' = any(p.proargnames) order by 1
      """
    ).map { try $0.string("proname") }
    #expect(named.count == workerCalls.count)
    #expect(named.allSatisfy { name in workerCalls.contains { $0.contains("pra.\(name)(") } })
  }

  @Test("a beat and a finish of many see an attempt of the same job and epoch as another")
  func sameEpochAnotherAttempt() throws {
    let here = try Running()
    let workers = here.world.workers
    let stale = Lease(job: here.lease.job, epoch: here.lease.epoch, token: Self.another)
    let asked = try workers.heartbeat(worker: here.worker, running: [stale, here.lease])
    #expect(asked.map(\.lease) == [stale])
    #expect(asked.map(\.ask) == [.lost])
    #expect(try workers.finishMany(worker: here.worker, [stale]).isEmpty)
    #expect(try workers.releaseUnheard(worker: here.worker, known: [here.lease]).isEmpty)
    #expect(try workers.finishMany(worker: here.worker, [here.lease]) == [here.lease.job])
  }

  /// The server goes on with a claim whose session was cut off, and nobody would know of its jobs.
  @Test("after a session has said what is unheard, no claim of an earlier one takes a job")
  func lateClaim() throws {
    let here = try Running()
    let (workers, lost) = (
      WorkerQueue(try here.world.database.connect(.worker)), here.world.workers
    )
    _ = try here.world.job()
    #expect(try workers.releaseUnheard(worker: here.worker, known: [here.lease]).isEmpty)
    #expect(throws: LeaseLost.self) { try lost.claim(worker: here.worker, count: 1) }
    #expect(try here.world.value("select count(*) from pra.jobs where state = 'ready'") == "1")
    #expect(try workers.claim(worker: here.worker, count: 1).count == 1)
  }

  @Test("a finished attempt is confirmed to its own stage alone")
  func confirmation() throws {
    let here = try Running()
    #expect(try here.world.workers.finish(here.lease))
    #expect(try !here.world.workers.finish(here.lease))
    try expectLost {
      try here.stranger.query(
        "select pra.finish($1, $2)", [.integer(here.lease.job), .integer(here.lease.epoch)])
    }
  }

  @Test("a row of metrics is staged by its attempt alone, and none outlives it")
  func staging() throws {
    let here = try Running()
    let insert = """
      insert into pra_store.metric_staging (job_id, epoch, token, batch, name, steps, "values")
      values ($1, $2, $3, 1, 'loss', '{0}', '{666}')
      """
    for (job, token) in [
      (here.lease.job, Parameter.text(Self.another)), (here.lease.job, .null), (4711, .null),
    ] {
      try expectLost {
        try here.stranger.query(insert, [.integer(job), .integer(here.lease.epoch), token])
      }
    }
    try here.stranger.query(insert, here.lease.parameters)
    let staged = "select count(*) from pra_store.metric_staging"
    #expect(try here.world.value(staged) == "1")
    try here.world.workers.reap()
    #expect(try here.world.value(staged) == "1")
    try here.world.workers.release(here.lease)
    try here.world.workers.reap()
    #expect(try here.world.value(staged) == "0")
  }

  /// A token is seen by the owner of the tables alone: in no view, and in no text of a statement.
  @Test func nobodySeesATokenOfOthers() throws {
    let here = try Running()
    // From the third run on statements are prepared.
    for _ in 0..<4 {
      _ = try here.world.workers.heartbeat(worker: here.worker, running: [here.lease])
      try here.world.workers.progress(here.lease, done: 1, total: 2, unit: "x")
    }
    let views = try here.world.administrator.query(
      "select viewname as name from pg_views where schemaname = 'pra'"
    ).map { try $0.string("name") }
    #expect(views.count > 20)
    let reader = try here.world.database.connect(.read)
    var seen = try views.flatMap { name in
      try reader.query("select v::text as row from pra.\(name) as v").map { try $0.string("row") }
    }
    seen += try here.world.administrator.query(
      "select query from pg_stat_activity where query like '%pra.%'"
    ).map { try $0.string("query") }
    #expect(seen.contains { $0.contains("pra.progress(") })
    for token in [here.worker.token, here.lease.token] {
      #expect(!seen.contains { $0.contains(token) })
    }
  }

  /// A backup is restored while its workers live: numbers and epochs go back, tokens do not.
  @Test func aRestoreFromABackupMakesNoTwoWorkersOne() throws {
    let world = try QueueWorld()
    let job = try world.job()
    let elder = try world.worker()
    let restored = try TestDatabase.create(migrated: false)
    try restore(world.database, into: restored)
    // All this is younger than the backup.
    let held = try world.claimOne(elder)
    let younger = try world.worker()

    let queue = WorkerQueue(try restored.connect(.worker))
    let newcomer = try queue.register(name: "new", kinds: ["train"])
    #expect(newcomer.worker == younger.worker)
    let claimed = try queue.claim(worker: newcomer)[0].lease
    #expect(claimed.job == job && claimed.epoch == held.epoch && claimed.token != held.token)
    let before = try Self.contents(restored)

    // One whose number is another's by now is told so at its next beat, and its leaving ends nothing.
    #expect(throws: LeaseLost.self) { try queue.heartbeat(worker: younger, running: []) }
    #expect(throws: LeaseLost.self) { try queue.deregister(worker: younger) }
    #expect(throws: LeaseLost.self) { try queue.claim(worker: younger) }
    // One that the backup knows goes on; what it claimed since is lost.
    #expect(throws: LeaseLost.self) { try queue.release(held) }
    #expect(throws: LeaseLost.self) { try queue.finish(held) }
    #expect(throws: LeaseLost.self) { try queue.progress(held, done: 1, total: 2, unit: "x") }
    #expect(try queue.finishMany(worker: elder, [held]).isEmpty)
    #expect(try Self.contents(restored) == before)
    #expect(try queue.heartbeat(worker: elder, running: [held]).map(\.ask) == [.lost])
    #expect(try queue.heartbeat(worker: newcomer, running: [claimed]).isEmpty)
    #expect(try queue.finish(claimed))
  }

  private static func contents(_ database: TestDatabase) throws -> [String] {
    try database.connect().query(
      """
      select j::text as row from pra_store.jobs as j
      union all select a::text from pra_store.attempts as a
      union all select w::text from pra_store.workers as w order by 1
      """
    ).map { try $0.string("row") }
  }

  private func restore(_ source: TestDatabase, into target: TestDatabase) throws {
    let folder = try ServerPrograms.folder(path: ProcessInfo.processInfo.environment["PATH"])
    let process = Process()
    process.executableURL = URL(filePath: "/bin/sh")
    process.arguments = [
      "-c", "\"$0/pg_dump\" -d \"$1\" | \"$0/psql\" -qX -v ON_ERROR_STOP=1 -d \"$2\" >/dev/null",
      folder, source.url.conninfo, target.url.conninfo,
    ]
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0)
  }
}
