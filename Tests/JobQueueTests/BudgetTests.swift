import JobQueue
import Postgres
import Testing

@Suite struct BudgetTests {
  private func worker(_ world: QueueWorld, host: String) throws -> Registration {
    try world.worker(labels: #"{"host": "\#(host)"}"#)
  }

  private func crash(_ world: QueueWorld, _ worker: Registration) throws -> (Int64, JobState) {
    try world.administrator.run("update pra_store.jobs set run_after = now() where not due")
    let lease = try world.claimOne(worker)
    let state = try world.workers.reportExit(
      lease, .fault, message: "segmentation fault", exitSignal: 11, cause: .signal)
    return (lease.job, state)
  }

  @Test("a job that crashes on two hosts is quarantined; twice on one host is not enough")
  func crashesOnTwoHosts() throws {
    let world = try QueueWorld()
    let job = try world.job()
    let first = try worker(world, host: "a")
    let second = try worker(world, host: "b")
    #expect(try crash(world, first).1 == .ready)
    #expect(try crash(world, first).1 == .ready)
    #expect(try crash(world, second).1 == .quarantined)
    #expect(
      try world.value("select message from pra.jobs")?.contains("on a, b") == true)
    #expect(try world.submit.retry(job) == .ready)
    #expect(try crash(world, second).1 == .ready)
  }

  @Test("a host on which three jobs crash in a row gets no more, while another is there")
  func blame() throws {
    let world = try QueueWorld()
    let bad = try worker(world, host: "bad")
    let good = try worker(world, host: "good")
    for _ in 0..<5 { _ = try world.job() }
    _ = try crash(world, bad)
    try world.workers.finish(try world.claimOne(good))
    for _ in 0..<2 {
      try world.administrator.run(
        "update pra_store.jobs set run_after = now() + interval '1 h' where not due")
      let lease = try world.claimOne(bad)
      try world.workers.reportExit(lease, .fault, exitSignal: 11)
    }
    #expect(try world.value("select host from pra.blamed_hosts") == "bad")
    #expect(try world.workers.claim(worker: bad).isEmpty)
    #expect(try world.value("select state from pra.workers where id = \(bad.worker)") == "blamed")
    #expect(try world.workers.claim(worker: good).count == 1)
    try world.submit.forgive(host: "bad")
    try world.administrator.run("update pra_store.jobs set run_after = now() where not due")
    #expect(try world.workers.claim(worker: bad).count == 1)
  }

  @Test("the only host is never blamed")
  func noOtherHost() throws {
    let world = try QueueWorld()
    let only = try worker(world, host: "only")
    for _ in 0..<4 { _ = try world.job() }
    for lease in try world.workers.claim(worker: only, count: 4).map(\.lease) {
      try world.workers.reportExit(lease, .fault, exitSignal: 11)
    }
    #expect(try world.value("select count(*) from pra.blamed_hosts") == "0")
  }

  @Test(
    "each end has a cause of its own",
    arguments: [
      (ExitClass.fault, ExitCause.exitCode, "fault exit-code"),
      (.fault, .signal, "fault signal"), (.fault, .outOfMemory, "fault out-of-memory"),
      (.timeout, .timeLimit, "timeout time-limit"), (.lost, .leaseLost, "lost lease-lost"),
      (.released, .asked, "released asked"), (.fault, .host, "fault host"),
    ])
  func causes(class: ExitClass, cause: ExitCause, seen: String) throws {
    let world = try QueueWorld()
    _ = try world.job()
    let lease = try world.claimOne(try world.worker())
    try world.workers.reportExit(lease, `class`, cause: cause)
    #expect(try world.value("select outcome || ' ' || cause from pra.attempts") == seen)
  }

  @Test func aLostMachineIsToldFromALostLease() throws {
    let world = try QueueWorld()
    _ = try world.job()
    let worker = try world.worker()
    _ = try world.claimOne(worker)
    try world.expire(worker)
    _ = try world.workers.reap()
    #expect(
      try world.value("select outcome || ' ' || cause from pra.attempts") == "lost host-lost")
  }

  @Test("a job past its deadline fails, running or not, and is not tried again")
  func deadlines() throws {
    let world = try QueueWorld()
    let worker = try world.worker()
    let running = try world.job { $0.deadline = .seconds(3600) }
    let lease = try world.claimOne(worker)
    let waiting = try world.job { $0.deadline = .seconds(3600) }
    try world.administrator.run("update pra_store.jobs set deadline = now() - interval '1 second'")
    #expect(try world.workers.claim(worker: worker).isEmpty)
    _ = try world.workers.reap()
    #expect(try world.submit.state(of: waiting) == .failed)
    #expect(
      try world.workers.heartbeat(worker: worker, running: [lease]).map(\.ask) == [.timeout])
    #expect(try world.workers.reportExit(lease, .timeout) == .failed)
    #expect(try world.value("select cause from pra.attempts") == "deadline")
    #expect(try world.submit.state(of: running) == .failed)
  }

  @Test("a batch of finishes takes what is current and leaves out what is stale")
  func finishMany() throws {
    let world = try QueueWorld()
    let worker = try world.worker()
    for _ in 0..<3 { _ = try world.job() }
    let leases = try world.workers.claim(worker: worker, count: 3).map(\.lease)
    try world.workers.release(leases[1])
    let newer = try world.claimOne(worker)
    #expect(newer.job == leases[1].job && newer.epoch == 2)
    let child = try world.job("sample") { $0.after = [leases[0].job] }
    let accepted = try world.workers.finishMany(worker: worker, leases)
    #expect(accepted.sorted() == [leases[0].job, leases[2].job])
    #expect(try world.submit.state(of: newer.job) == .running)
    #expect(try world.submit.state(of: child) == .ready)
    #expect(try world.workers.finishMany(worker: worker, leases).isEmpty)
    try world.expire(worker)
    #expect(throws: LeaseLost.self) {
      try world.workers.finishMany(worker: worker, [newer])
    }
    let other = try world.worker()
    #expect(try world.workers.finishMany(worker: other, [newer]).isEmpty)
  }
}

@Suite struct PreemptionTests {
  @Test("a preemption is a row from request to release")
  func steps() throws {
    let world = try QueueWorld()
    let job = try world.job()
    let worker = try world.worker()
    let lease = try world.claimOne(worker)
    func state() throws -> String? { try world.value("select state from pra.preemptions") }
    try world.submit.preempt(job, grace: .seconds(40), reason: "maintenance")
    #expect(try state() == "requested")
    let asked = try world.workers.heartbeat(worker: worker, running: [lease])
    #expect(asked.map(\.ask) == [.preempt])
    let seconds = try #require(asked[0].seconds)
    #expect(seconds > 30 && seconds <= 40)
    #expect(try state() == "acknowledged")
    try world.administrator.query(
      "select pra.put_artifact($1, $2, encode(sha256('x'), 'hex'), 'text/plain', 'x', $3)",
      lease.parameters)
    try world.administrator.query(
      """
      select pra.register_checkpoint($1, $2, 7, jsonb_build_array(jsonb_build_object(
        'name', 'x', 'sha256', encode(sha256('x'), 'hex'))), $3)
      """, lease.parameters)
    #expect(try state() == "checkpointed")
    #expect(try world.workers.release(lease) == .ready)
    #expect(
      try world.value(
        "select state || ' ' || outcome || ' ' || checkpoint_step from pra.preemptions")
        == "released preempted 7")
    #expect(try world.value("select preemptions || ' ' || faults from pra.jobs") == "1 0")
  }

  @Test("a drained worker gives back what it has and gets no more")
  func drain() throws {
    let world = try QueueWorld()
    for _ in 0..<3 { _ = try world.job() }
    let worker = try world.worker()
    let leases = try world.workers.claim(worker: worker, count: 2).map(\.lease)
    #expect(try world.submit.drain(worker: worker.worker) == 2)
    #expect(try world.workers.claim(worker: worker).isEmpty)
    let asked = try world.workers.heartbeat(worker: worker, running: leases)
    #expect(asked.map(\.ask) == [.preempt, .preempt])
    for lease in leases { try world.workers.release(lease) }
    #expect(try world.value("select count(*) from pra.preemptions where state = 'released'") == "2")
    try world.submit.undrain(worker: worker.worker)
    #expect(try world.workers.claim(worker: worker, count: 5).count == 3)
  }
}
