// Garbage that workers collect by themselves, at the times that `pra gc --schedule` has set.

import DatabaseTesting
import Foundation
import Postgres
import Testing

@Suite struct UpkeepTests {
  private let world: World

  init() throws { world = try World() }

  @Test func aWorkerCollectsGarbageWhenItIsTime() throws {
    let store = "\(world.folder)/kept"
    try FileManager.default.createDirectory(atPath: store, withIntermediateDirectories: false)
    _ = try world.answer("store", "file:\(store)")
    _ = try world.answer("run", try world.runFile("evaluate: false"))
    _ = try world.answer("cancel", "emoji")
    _ = try world.answer("delete", "emoji")
    func objects() throws -> [String] {
      let all = FileManager.default.enumerator(atPath: store)?.compactMap { $0 as? String } ?? []
      return all.filter { $0.count > 60 }
    }
    #expect(try objects().count == 1)
    let first = try world.answer(
      "gc", "--schedule", "17 4 * * *", "--time-zone", "Europe/Berlin", "--grace", "0",
      "--keep-last", "0")
    #expect(
      first.contains(/^workers collect garbage, first at \d{4}-\d\d-\d\d 04:17 \(Europe\/Berlin\)$/)
    )
    #expect(try world.answer("schedules").contains(/\(pra gc\) +17 4 \* \* \* +Europe\/Berlin +gc/))
    #expect(try world.answer("schedules", "--json").contains(#/"name": ?"\(pra gc\)"/#))
    _ = try world.rows(
      "update pra_store.upkeep set next_at = clock_timestamp() - interval '1 hour'")
    #expect(
      try world.pra("doctor").output.contains("the garbage collection: due since"))
    let worker = try WorkerProcess(world)
    try wait { try world.rows("select last_ended_at is not null from pra.upkeep") == ["t"] }
    _ = worker
    #expect(try world.rows("select count(*) from pra.runs") == ["0"])
    #expect(try objects() == [])
    let told = try world.rows(
      """
      select (collected ->> 'runs')::integer, (collected ->> 'bytes')::bigint > 1000000, last_error, last_worker is null,
        next_at > now() and (next_at at time zone 'Europe/Berlin')::time = '04:17'
      from pra.upkeep
      """)
    #expect(told == ["1 t - f t"])
    _ = try world.answer("gc", "--unschedule")
    #expect(try world.rows("select count(*) from pra.upkeep") == ["0"])
    #expect(try world.pra("gc", "--unschedule").status == 3)
  }

  /// A rule that cannot be carried out is told, and comes again at its next time.
  @Test func theOwnerSaysWhatAndAWorkerCannotSayMore() throws {
    _ = try world.answer("gc", "--schedule", "@daily", "--grace", "0")
    _ = try world.rows("update pra_store.upkeep set next_at = clock_timestamp()")
    let session = try world.database.connect()
    try session.run("set role pra_worker")
    let own = try session.query(
      "select worker, token::text from pra.register_worker('w', '{}', '{default}', '{train}', 1, '10 minutes')"
    ).single()
    let parameters: [Parameter] = [
      .integer(try own.integer("worker")), .text(try own.string("token")),
    ]
    func refusal(_ sql: String, _ parameters: [Parameter]) -> String? {
      do {
        try session.query(sql, parameters)
        return nil
      } catch { return error.sqlState }
    }
    #expect(refusal("select pra.set_upkeep('@daily', keep_last => 0)", []) == "42501")
    #expect(refusal("select pra.collect_garbage('0')", []) == "42501")
    let object = "select from pra.upkeep_object(worker => $1, worker_token => $2, store => 1)"
    #expect(refusal(object, parameters) == "PR001")
    let begin = "select pra.begin_upkeep(worker => $1, worker_token => $2)::text as collected"
    #expect(refusal(begin, [parameters[0], .null]) == "PR001")
    // A table of the caller's in the place of one of ours would bring its triggers along.
    try session.run(
      "create temp table garbage (sha256 bytea, size bigint, upload_id bigint, store_id integer)")
    #expect(try session.query(begin, parameters).single().text("collected") == nil)
    #expect(
      try world.rows("select last_error, next_at > now() from pra.upkeep") == [
        "must be owner of table garbage t"
      ])
    try session.run("drop table garbage")
    _ = try world.rows("update pra_store.upkeep set next_at = clock_timestamp()")
    #expect(try session.query(begin, parameters).single().text("collected") != nil)
    #expect(try session.query(begin, parameters).single().text("collected") == nil)
    #expect(refusal(object, parameters) == nil)
    try session.query("select pra.end_upkeep(worker => $1, worker_token => $2)", parameters)
    #expect(refusal(object, parameters) == "PR001")
  }

  @Test(arguments: [
    (["gc", "--schedule", "every night"], "cron:"), (["gc", "--time-zone", "UTC"], "--schedule"),
    (["gc", "--schedule", "@daily", "--time-zone", "Mars"], "time_zone: \"Mars\" is unknown"),
    (["gc", "--schedule", "@daily", "--dry-run"], "--dry-run has no effect"),
    (["gc", "emoji", "--schedule", "@daily", "--keep-last", "1"], "a run has no effect"),
    (["gc", "--schedule", "@daily", "--unschedule"], "one of the two"),
    (["gc", "--unschedule", "--keep-last", "1"], "no effect with --unschedule"),
  ])
  func aRuleThatMeansNothingIsRefused(_ words: [String], _ said: String) throws {
    let outcome = try Outcome(
      words, environment: ["PRA_DATABASE_URL": world.database.url.conninfo], in: world.folder)
    #expect(outcome.status == 2 && outcome.errors.contains(said), "\(outcome)")
  }
}
