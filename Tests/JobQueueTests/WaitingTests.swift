// Waiting jobs by their reasons, beside what is said of each.

import JobQueue
import Postgres
import Testing

@Suite struct WaitingTests {
  let world: QueueWorld

  init() throws { world = try QueueWorld() }

  /// The groups as "reasons: jobs".
  private func groups() throws -> [String] {
    try world.administrator.query(
      "select reason || ': ' || jobs as line from pra.waiting order by 1"
    )
    .map { try $0.string("line") }
  }

  @Test func everyReasonIsOneGroupWithItsRemedy() throws {
    let worker = try world.worker()
    let parent = try world.job()
    _ = try world.claimOne(worker)
    for _ in 0..<3 { _ = try world.job { $0.after = [parent] } }
    for _ in 0..<2 { _ = try world.job("probe") }
    for _ in 0..<4 { _ = try world.job { $0.requirements = ["vram_gib>=40"] } }
    try world.submit.setLimit("licence", slots: 0)
    _ = try world.job { $0.limits = ["licence"] }
    _ = try world.job()
    _ = try world.job { $0.delay = .seconds(3600) }
    let other = try world.submit.createRun(name: "paused")
    for _ in 0..<5 { _ = try world.submit.enqueue(NewJob(kind: "train", run: other)) }
    try world.submit.pause(run: other)
    #expect(
      try groups() == [
        "delayed, in-line: 1", "dependency: 3", "in-line: 1", "limit, in-line: 1",
        "no-matching-worker: 4",
        "no-worker: 2", "run-paused, in-line: 5",
      ])
    let remedies = try world.administrator.query(
      "select reason, remedy from pra.waiting order by 1"
    )
    .map { "\(try $0.string("reason")): \(try $0.string("remedy"))" }
    #expect(remedies.contains("run-paused, in-line: `pra resume \(other)`"))
    #expect(remedies.contains("no-matching-worker: `pra worker` with --label vram_gib=..."))
    #expect(remedies.contains("dependency: the end of those jobs"))
    #expect(remedies.contains("limit, in-line: `pra limits --set licence=N`"))
  }

  @Test func aJobThatHoldsOthersBackIsNamedWithItsEnd() throws {
    let worker = try world.worker()
    let parent = try world.job()
    let lease = try world.claimOne(worker)
    _ = try world.job { $0.after = [parent] }
    try world.administrator.query(
      """
      insert into pra_store.progress (job_id, epoch, done, total, unit, rate) values ($1, $2, 100, 640, 'steps', 1)
      """, [.integer(lease.job), .integer(lease.epoch)])
    let remedy = try world.value("select remedy from pra.waiting where reason = 'dependency'")
    #expect(remedy == "job \(parent) ends in about 9 min")
  }

  /// Work that ends soon would let nothing of a paused run begin.
  @Test func aPauseIsWhatWouldChangeIt() throws {
    let worker = try world.worker()
    _ = try world.job()
    let lease = try world.claimOne(worker)
    _ = try world.job { $0.after = [lease.job] }
    try world.administrator.query(
      """
      insert into pra_store.progress (job_id, epoch, done, total, unit, rate) values ($1, $2, 100, 640, 'steps', 1)
      """, [.integer(lease.job), .integer(lease.epoch)])
    let other = try world.submit.createRun(name: "paused")
    let first = try world.submit.enqueue(NewJob(kind: "train", run: other))
    var second = NewJob(kind: "train", run: other)
    second.after = [first]
    _ = try world.submit.enqueue(second)
    try world.submit.pause(run: other)
    let remedies = try world.administrator.query(
      "select reason, remedy from pra.waiting order by 1"
    )
    .map { "\(try $0.string("reason")): \(try $0.string("remedy"))" }
    #expect(
      remedies == [
        "dependency: job \(lease.job) ends in about 9 min",
        "dependency, run-paused: `pra resume \(other)`",
        "run-paused, in-line: `pra resume \(other)`",
      ])
  }

  /// Groups are looked at through one job; what is said of each other job must be the same.
  @Test func groupsAgreeWithWhatIsSaidOfEachJob() throws {
    _ = try world.worker(labels: #"{"gpu": "a"}"#, slots: 2)
    var state: UInt64 = 7
    func random(_ below: UInt64) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1
      return Int((state >> 33) % below)
    }
    var runs = [world.run]
    for n in 0..<6 { runs.append(try world.submit.createRun(name: "run \(n)")) }
    var jobs: [Int64] = []
    try world.submit.setLimit("few", slots: 1)
    for _ in 0..<150 {
      var job = NewJob(kind: ["train", "sample", "probe"][random(3)], run: runs[random(7)])
      if random(4) == 0 { job.requirements = [["gpu=a", "gpu=b", "vram>=4"][random(3)]] }
      if random(5) == 0 { job.limits = ["few"] }
      if random(6) == 0 { job.delay = .seconds(3600) }
      if random(3) == 0, !jobs.isEmpty { job.after = [jobs[random(UInt64(jobs.count))]] }
      jobs.append(try world.submit.enqueue(job))
    }
    try world.submit.pause(run: runs[2])
    try world.submit.pause(run: runs[5])
    let said = try world.administrator.query(
      """
      select w.reason || ': ' || count(*) as line
      from pra_store.jobs as j cross join lateral pra.why_pending(j.id) as w
      where j.state in ('ready', 'blocked') group by w.reason order by 1
      """
    ).map { try $0.string("line") }
    let grouped = try world.administrator.query(
      "select reason || ': ' || sum(jobs) as line from pra.waiting group by reason order by 1"
    ).map { try $0.string("line") }
    #expect(said == grouped)
    #expect(said.count > 5)
  }
}
