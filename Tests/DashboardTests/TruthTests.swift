// Pages beside the views that they show, after many events in any order.

import DatabaseTesting
import Foundation
import JobQueue
import Postgres
import Testing

@Suite struct TruthTests {
  let world: DashboardWorld
  let server: Server

  init() throws {
    world = try DashboardWorld()
    server = try Server(world.database.url)
  }

  private struct Dice {
    var state: UInt64

    mutating func roll(_ below: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int((state >> 33) % UInt64(below))
    }
  }

  /// Makes a random queue of a thousand events. What a state does not allow is refused, and changes nothing.
  private func live(_ seed: UInt64) throws -> [Int64] {
    var dice = Dice(state: seed)
    let runs = try (0..<6).map { try world.submit.createRun(name: "run \($0)") }
    let workers = try (0..<4).map { try world.worker("w\($0)", slots: 6) }
    var jobs: [Int64] = []
    var leases: [Lease] = []
    func some<Value>(_ values: [Value], _ dice: inout Dice) -> Value? {
      values.isEmpty ? nil : values[dice.roll(values.count)]
    }
    func tried(_ body: () throws -> Void) throws {
      do {
        try body()
      } catch let error as PostgresError where error.sqlState.hasPrefix("PR") {
        return
      } catch is LeaseLost {
        return
      }
    }
    for _ in 0..<1000 {
      let job = some(jobs, &dice)
      let lease = some(leases, &dice)
      switch dice.roll(12) {
      case 0, 1, 2:
        var new = NewJob(
          kind: ["train", "sample", "evaluate"][dice.roll(3)], run: runs[dice.roll(6)])
        if let job, dice.roll(3) == 0 { new.after = [job] }
        if dice.roll(12) == 0 { new.array = JobArray(0...4) }
        jobs.append(try world.submit.enqueue(new))
      case 3, 4:
        leases += try world.workers.claim(worker: workers[dice.roll(4)], count: 3).map(\.lease)
      case 5: if let lease { try tried { _ = try world.workers.finish(lease) } }
      case 6:
        if let lease {
          let exit: ExitClass = dice.roll(2) == 0 ? .fault : .permanent
          try tried {
            _ = try world.workers.reportExit(lease, exit, message: "broken", exitCode: 1)
          }
        }
      case 7: if let lease { try tried { _ = try world.workers.release(lease) } }
      case 8: if let job { try tried { _ = try world.submit.cancel(job) } }
      case 9: if let job { try tried { _ = try world.submit.retry(job) } }
      case 10: try world.submit.pause(run: runs[dice.roll(6)])
      default: try world.submit.resume(run: runs[dice.roll(6)])
      }
    }
    return runs
  }

  /// One worker has no beat any more, and nobody has taken its jobs back.
  private func loseAWorker() throws {
    try world.admin.run(
      """
      update pra_store.workers set lease = interval '1 second', lease_expires_at = clock_timestamp() - interval '1 hour'
      where name = 'w0';
      select pg_sleep(greatest(0, extract(epoch from
        pg_postmaster_start_time() + interval '1.01 seconds' - clock_timestamp())));
      """)
  }

  @Test(arguments: [1, 2] as [UInt64])
  func statesAreThoseOfTheViews(seed: UInt64) throws {
    let runs = try live(seed)
    try loseAWorker()
    let cookie = try server.cookie()
    func page(_ path: String) throws -> String {
      let reply = try server.get(path, headers: ["Cookie: \(cookie)"])
      #expect(reply.status == 200, "\(path)")
      return reply.body
    }
    let jobs = try world.admin.query(
      """
      select id, case when worker_lost_at is not null then 'lost' else state::text end as state from pra.jobs
      where array_id is null order by id
      """)
    #expect(jobs.count > 150)
    var seen: Set<String> = []
    for row in jobs {
      let (id, state) = (try row.integer("id"), try row.string("state"))
      seen.insert(state)
      let head = try page("/jobs/\(id)").firstMatch(of: /<h1>(?s:.*?)<\/h1>/)?.output
      #expect(head?.contains(">\(state)</span>") ?? false, "job \(id) is \(state): \(head ?? "")")
    }
    #expect(
      seen.isSuperset(of: [
        "ready", "blocked", "running", "succeeded", "failed", "cancelled", "lost",
      ]),
      "\(seen)")
    let list = try page("/runs")
    for run in runs {
      let row = try world.admin.query(
        "select case when lost_at is not null then 'lost' else state end as state from pra.runs where id = \(run)"
      ).single()
      let state = try row.string("state")
      let line = list.firstMatch(
        of: try Regex("<tr>(?:(?!<tr>)[\\s\\S])*href=\"runs/\(run)\"[\\s\\S]*?</tr>"))
      #expect(
        line.map { list[$0.range].contains(">\(state)</span>") } ?? false, "run \(run) is \(state)")
    }
    // A retry that falls due between the page and the view moves a job to another group.
    var (before, after) = (try groups(), [Group]())
    var queue = ""
    for _ in 0..<50 where before != after {
      (queue, after) = (try page("/queue"), try groups())
      if before != after { swap(&before, &after) }
    }
    #expect(before == after, "the views never stood still")
    try countsAreThoseOfTheViews(queue, before)
  }

  private struct Group: Equatable {
    let jobs: Int64
    let reason: String
    let example: Int64
  }

  /// The groups of waiting jobs as the view gives them.
  private func groups() throws -> [Group] {
    try world.admin.query("select jobs, reason, example_job from pra.waiting order by example_job")
      .map {
        Group(
          jobs: try $0.integer("jobs"), reason: try $0.string("reason"),
          example: try $0.integer("example_job"))
      }
  }

  private func countsAreThoseOfTheViews(_ queue: String, _ groups: [Group]) throws {
    let counts = try world.admin.query(
      """
      select
        (select count(*) from pra.jobs where state = 'running' and array_first is null) as running,
        (select count(*) from pra.jobs where state in ('failed', 'quarantined') and array_id is null) as failed
      """
    ).single()
    let head = try #require(queue.firstMatch(of: /data-live="counts">(?s:.*?)<\/section>/)?.output)
    #expect(head.contains("running</span> <b>\(try counts.integer("running"))</b>"), "\(head)")
    #expect(head.contains("waiting <b>\(groups.map(\.jobs).reduce(0, +))</b>"), "\(head)")
    #expect(head.contains("last 24 h <b>\(try counts.integer("failed"))</b>"), "\(head)")
    // Each group of waiting jobs is a row with its number.
    for group in groups {
      #expect(
        queue.contains("<td class=\"n\">\(group.jobs)</td><td><b>\(group.reason)</b>"), "\(group)")
    }
  }
}
