// The lack of a host is charged to the host: no try of a job, no job for the host.

import JobQueue
import Postgres
import Testing

@Suite struct HostLackTests {
  private func worker(_ world: QueueWorld, host: String) throws -> Registration {
    try world.worker(labels: #"{"host": "\#(host)"}"#)
  }

  private func due(_ world: QueueWorld) throws {
    try world.administrator.run("update pra_store.jobs set run_after = now() where not due")
  }

  @Test(
    "an attempt that ended for want of something spends no try, and another host is preferred",
    arguments: [ExitCause.host, .notStarted])
  func noTry(cause: ExitCause) throws {
    let world = try QueueWorld()
    let job = try world.job { $0.queue = "default" }
    try world.administrator.run("update pra_store.jobs set fault_retries = 0")
    let full = try worker(world, host: "full")
    let beside = try worker(world, host: "full")
    let other = try worker(world, host: "other")
    let lease = try world.claimOne(full)
    let next = try world.workers.reportExit(
      lease, .fault, message: "No space left on device", exitCode: 71, cause: cause)
    #expect(next == .ready)
    #expect(try world.value("select faults || ' ' || due from pra_store.jobs") == "0 true")
    #expect(
      try world.value("select outcome || ' ' || cause from pra.attempts")
        == "fault \(cause.rawValue)")
    #expect(try world.workers.claim(worker: full).isEmpty)
    #expect(try world.workers.claim(worker: beside).isEmpty)
    #expect(try world.workers.claim(worker: other).map(\.lease.job) == [job])
  }

  @Test("a host is avoided for a while, not for ever, and not where it is the only one")
  func preference() throws {
    let world = try QueueWorld()
    _ = try world.job()
    let only = try worker(world, host: "only")
    func lack() throws {
      let lease = try world.claimOne(only)
      try world.workers.reportExit(lease, .fault, message: "no room", cause: .host)
    }
    try lack()
    #expect(try world.value("select avoided_host from pra_store.jobs") == nil)
    #expect(try world.value("select due from pra_store.jobs") == "f")
    try due(world)
    let other = try worker(world, host: "other")
    try lack()
    #expect(try world.workers.claim(worker: only).isEmpty)
    try world.administrator.run("update pra_store.jobs set avoided_until = now()")
    #expect(try world.workers.claim(worker: only).count == 1)
    // One that lacks something itself is no other host.
    try world.administrator.run("update pra_store.jobs set state = 'ready', worker_id = null")
    try world.workers.lacks(worker: other, "no keys")
    try lack()
    #expect(try world.value("select avoided_host from pra_store.jobs") == nil)
  }

  @Test("a job that fills every disk fails after twenty attempts")
  func bound() throws {
    let world = try QueueWorld()
    let job = try world.job()
    let workers = [try worker(world, host: "a"), try worker(world, host: "b")]
    for attempt in 1...20 {
      try world.administrator.run(
        "update pra_store.jobs set avoided_until = now() where avoided_host is not null")
      try due(world)
      let lease = try world.claimOne(workers[attempt % 2])
      let state = try world.workers.reportExit(lease, .fault, message: "disk full", cause: .host)
      #expect(state == (attempt < 20 ? .ready : .failed))
    }
    #expect(
      try world.value("select message from pra.jobs")
        == "20 attempts ended for want of something on their hosts, the last: disk full")
    #expect(try world.submit.retry(job) == .ready)
    let lease = try world.claimOne(workers[0])
    #expect(try world.workers.reportExit(lease, .fault, cause: .host) == .ready)
  }

  @Test("a worker whose host lacks something gets no jobs and says why")
  func paused() throws {
    let world = try QueueWorld()
    let job = try world.job()
    let worker = try worker(world, host: "a")
    try world.workers.lacks(worker: worker, "/scratch is full")
    #expect(try world.workers.claim(worker: worker).isEmpty)
    #expect(
      try world.value("select state || ': ' || lack from pra.workers") == "paused: /scratch is full"
    )
    #expect(try world.value("select reason from pra.why_pending(\(job))") == "host-lacks")
    #expect(
      try world.value("select pra.why(\(job))") == "worker w takes no jobs: /scratch is full")
    // Others are not told of it.
    let able = try self.worker(world, host: "b")
    #expect(try world.value("select reason from pra.why_pending(\(job))") == "in-line")
    #expect(try world.workers.claim(worker: able).count == 1)
    try world.workers.lacks(worker: worker, nil)
    #expect(try world.value("select state from pra.workers where id = \(worker.worker)") == "live")
    _ = try world.job()
    #expect(try world.workers.claim(worker: worker).count == 1)
    #expect(
      try world.value(
        "select string_agg(kind, ' ' order by id) from pra.events where kind in ('worker.lacks', 'worker.able')"
      ) == "worker.lacks worker.able")
  }

  @Test("no member of a gang is placed on a host that lacks something")
  func gangs() throws {
    let world = try QueueWorld()
    let full = try world.worker(labels: #"{"host": "full"}"#, slots: 1)
    let able = try world.worker(labels: #"{"host": "able"}"#, slots: 1)
    _ = try world.job {
      $0.array = JobArray(0...1)
      $0.array!.isGang = true
    }
    try world.workers.lacks(worker: full, "no room")
    #expect(try world.workers.claim(worker: able).isEmpty)
    try world.workers.lacks(worker: full, nil)
    #expect(try world.workers.claim(worker: able).count == 1)
    #expect(try world.workers.claim(worker: full).count == 1)
  }
}
