import JobQueue
import Postgres
import Testing

/// Hosts on which jobs crash, and jobs that crash on every host.
@Suite struct BlameTests {
  let world: QueueWorld

  init() throws { world = try QueueWorld() }

  private func worker(_ host: String, labels: String = "", queues: [String] = ["default"]) throws
    -> Registration
  {
    try world.worker(labels: #"{"host": "\#(host)"\#(labels)}"#, queues: queues)
  }

  /// Claims one of the jobs on a worker and reports its end.
  private func end(
    _ job: Int64, on worker: Registration, signal: Int32 = 11, cause: ExitCause = .signal
  ) throws -> JobState {
    try world.administrator.run(
      """
      update pra_store.jobs set run_after = now() + interval '1 h', due = false where state = 'ready';
      update pra_store.jobs set run_after = now() where id = \(job)
      """)
    let lease = try world.claimOne(worker)
    #expect(lease.job == job)
    return try world.workers.reportExit(
      lease, .fault, message: "gone", exitSignal: signal, cause: cause)
  }

  private var blamed: String? {
    get throws {
      try world.value("select string_agg(host, ' ' order by host) from pra.blamed_hosts")
    }
  }

  @Test(
    "crashes of jobs that crash on two hosts are taken off both", arguments: [11, 9] as [Int32])
  func guiltyJobs(signal: Int32) throws {
    let (a, b) = (try worker("a"), try worker("b"))
    let jobs = try (0..<3).map { _ in try world.job() }
    let cause = signal == 9 ? ExitCause.outOfMemory : .signal
    for job in jobs { #expect(try end(job, on: a, signal: signal, cause: cause) == .ready) }
    #expect(try blamed == "a")
    // The evidence against host a is withdrawn with the first of them.
    #expect(try end(jobs[0], on: b, signal: signal, cause: cause) == .quarantined)
    #expect(try blamed == nil)
    for job in jobs.dropFirst() {
      #expect(try end(job, on: b, signal: signal, cause: cause) == .quarantined)
    }
    #expect(try blamed == nil)
    #expect(try world.value("select count(*) from pra_store.crashes") == "0")
    let honest = try world.job()
    #expect(try world.claimOne(a).job == honest)
  }

  @Test("a host that alone serves a queue is not blamed")
  func lastOfAQueue() throws {
    let only = try worker("a", queues: ["default", "special"])
    _ = try worker("b")
    for _ in 0..<4 {
      let job = try world.job()
      #expect(try end(job, on: only) == .ready)
    }
    #expect(try blamed == nil)
  }

  @Test("the last host that is not blamed is not blamed either")
  func lastUnblamed() throws {
    let (a, b) = (try worker("a"), try worker("b"))
    for _ in 0..<3 { _ = try end(try world.job(), on: a) }
    #expect(try blamed == "a")
    for _ in 0..<4 { _ = try end(try world.job(), on: b) }
    #expect(try blamed == "a")
  }

  @Test("a blamed host gets what no other can take: by label, and when the others are gone")
  func othersCannot() throws {
    let bad = try worker("bad", labels: #", "gpu": "1""#)
    let good = try worker("good")
    for _ in 0..<3 { _ = try end(try world.job(), on: bad) }
    #expect(try blamed == "bad")
    try world.administrator.run(
      "update pra_store.jobs set state = 'cancelled', finished_at = now()")
    let plain = try world.job()
    #expect(try world.workers.claim(worker: bad).isEmpty)
    #expect(
      try world.value("select reason from pra.why_pending(\(plain))") == "in-line, host-blamed")
    #expect(
      try world.value("select detail from pra.why_pending(\(plain))")?
        .contains("host bad gets no work until ") == true)
    let special = try world.job { $0.requirements = ["gpu>=1"] }
    #expect(try world.claimOne(bad).job == special)
    #expect(try world.workers.claim(worker: bad).isEmpty)
    try world.expire(good)
    #expect(try world.claimOne(bad).job == plain)
  }

  @Test("why names live hosts alone")
  func liveHosts() throws {
    let dead = try worker("dead")
    let job = try world.job()
    try world.administrator.run(
      """
      insert into pra_store.blamed_hosts (host, until, reason)
      values ('dead', now() + interval '1 h', 'x'), ('gone', now() + interval '1 h', 'x')
      """)
    try world.expire(dead)
    _ = try worker("b")
    let detail = try #require(try world.value("select detail from pra.why_pending(\(job))"))
    #expect(!detail.contains("dead") && !detail.contains("gone"))
  }

  /// A worker of the version before reports a stop by a signal as a fault.
  @Test(
    "a signal that is not of the program's own fault is no crash",
    arguments: [1, 2, 3, 10, 12, 14, 15, 24, 25, 30] as [Int32])
  func stops(signal: Int32) throws {
    let (a, b) = (try worker("a"), try worker("b"))
    let job = try world.job()
    #expect(try end(job, on: a, signal: signal) == .ready)
    #expect(try end(job, on: b, signal: signal) == .ready)
    for _ in 0..<3 { #expect(try end(try world.job(), on: a, signal: signal) == .ready) }
    #expect(try blamed == nil)
    #expect(
      try world.value("select count(*) from pra.jobs where crash_hosts <> '{}'") == "0")
  }

  @Test("workers say until when their host is blamed, and why")
  func shown() throws {
    let (a, b) = (try worker("a"), try worker("b"))
    for _ in 0..<3 { _ = try end(try world.job(), on: a) }
    #expect(
      try world.value(
        """
        select concat_ws(' ', state, blamed_until > now() + interval '59 min', blame_reason)
        from pra.workers where id = \(a.worker)
        """) == "blamed t 3 jobs crashed there one after the other")
    #expect(
      try world.value(
        "select concat(state, blamed_until, blame_reason) from pra.workers where id = \(b.worker)")
        == "live")
  }
}
