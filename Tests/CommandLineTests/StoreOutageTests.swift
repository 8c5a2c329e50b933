// A bucket that is away, and one that refuses a host: by the programs themselves.

import DatabaseTesting
import Foundation
import ObjectServer
import Postgres
import Testing

@Suite struct StoreOutageTests {
  private let world: World
  private let server: ObjectServer
  private let keys = ["AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"]

  init() throws {
    world = try World()
    server = try ObjectServer()
    let chosen = try world.pra(
      "store", "s3://bucket/test?endpoint=\(server.endpoint)", environment: keys)
    #expect(chosen.status == 0, "\(chosen.errors)")
  }

  private func enqueue() throws {
    let path = try world.write(
      "run.yaml",
      """
      name: outage
      data: {source: \(Repository.root)/ops/demo.d/emoji-32.tar}
      config:
        trunk: {width: 128, layers: 2, heads: 2}
        training: {batch: 4, total: 120, warmup: 5, checkpoint_every: 10}

      """)
    let outcome = try world.pra("run", path, environment: keys)
    #expect(outcome.status == 0, "\(outcome.errors)")
  }

  private func attempts(_ kind: String) throws -> [String] {
    try world.rows(
      "select coalesce(outcome::text, 'runs') from pra.attempts where kind = '\(kind)' order by epoch"
    )
  }

  @Test("training goes on while the bucket is away, keeps its checkpoint, and spends no try")
  func outage() throws {
    try enqueue()
    let worker = try WorkerProcess(world, environment: keys)
    defer { withExtendedLifetime(worker) {} }
    try wait { try world.rows("select step from pra.checkpoints").count == 1 }
    server.answer { _, _ in .error(503, "SlowDown") }
    func step() throws -> Int {
      try world.rows("select coalesce(progress_done, 0) from pra.jobs where kind = 'train'")
        .first.flatMap { Int($0) } ?? 0
    }
    let before = try step()
    // More tries than a person waits for; meanwhile more steps than lie between two checkpoints.
    try wait { try server.requests.count > 9 && step() > before + 20 }
    server.answer { _, _ in nil }
    try wait {
      try !world.rows("select 1 from pra.jobs where kind = 'train' and state = 'succeeded'").isEmpty
    }
    #expect(try attempts("train") == ["succeeded"])
    let log = try world.answer("logs", "--run", "outage")
    #expect(log.contains("the store does not answer, trying on: bucket bucket:"))
    #expect(log.contains(": the store is away"))
    #expect(log.contains("the store answers again"))
    #expect(
      try world.rows(
        "select max(step), count(*) > 1 from pra.checkpoints where job_id = (select id from pra.jobs where kind = 'train')"
      ) == ["120 t"])
  }

  @Test("a worker without the store's keys says so and takes no job; one that has them does")
  func keyless() throws {
    try enqueue()
    let keyless = try WorkerProcess(world)
    defer { withExtendedLifetime(keyless) {} }
    try wait { try !world.rows("select 1 from pra.workers where lack is not null").isEmpty }
    let told = try world.answer("workers")
    #expect(told.contains("paused"))
    #expect(told.contains("AWS_ACCESS_KEY_ID"), "\(told)")
    #expect(
      try world.rows(
        "select reason from pra.jobs as j, pra.why_pending(j.id) where j.kind = 'ingest'")
        == ["host-lacks"])
    #expect(try attempts("ingest").isEmpty)
    let worker = try WorkerProcess(world, environment: keys)
    defer { withExtendedLifetime(worker) {} }
    try wait { try attempts("ingest") == ["succeeded"] }
    #expect(
      try world.rows(
        "select distinct worker_name = (select name from pra.workers where lack is null) from pra.attempts"
      )
        == ["t"])
  }

  @Test("a worker sees that the bucket is away, and that it is back")
  func probing() throws {
    server.answer { _, _ in .error(403, "InvalidAccessKeyId") }
    let worker = try WorkerProcess(world, environment: keys)
    defer { withExtendedLifetime(worker) {} }
    func lacks(_ words: String) throws -> Bool {
      try world.rows("select lack from pra.workers").first?.contains(words) == true
    }
    try wait { try lacks("403: InvalidAccessKeyId") }
    let faults = try world.pra("doctor", "--json", environment: keys)
    #expect(faults.status == 1)
    #expect(
      faults.output.firstMatch(
        of: /"check": ?"store", ?"ok": ?false, ?"found": ?"bucket bucket: [A-Z]+ was answered 403/)
        != nil, "\(faults.output)")
    server.answer { _, _ in nil }
    try wait { try world.rows("select state, lack from pra.workers") == ["live -"] }
    // Nothing is left of the probes.
    #expect(Array(server.objects.keys) == ["pra-store.json"])
  }

  @Test("a host that nobody knows is told within a few tries")
  func unknownHost() throws {
    let begun = ContinuousClock.now
    let outcome = try world.pra(
      "store", "s3://bucket?endpoint=http://nowhere.invalid", environment: keys)
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("nowhere.invalid"), "\(outcome.errors)")
    #expect(ContinuousClock.now - begun < .seconds(30))
  }
}
