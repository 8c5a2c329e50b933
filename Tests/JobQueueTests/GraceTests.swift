import JobQueue
import Postgres
import Testing

/// Ways in which a job is taken from a worker whose lease is not over.
@Suite struct GraceTests {
  /// A job that runs on a worker of the longest lease there is.
  private struct Running {
    let world: QueueWorld
    let worker: Registration
    let lease: Lease

    init() throws {
      world = try QueueWorld()
      _ = try world.job()
      worker = try world.workers.register(
        name: "silent", kinds: ["train"], slots: 2, lease: .seconds(600))
      lease = try world.claimOne(worker)
    }

    func pass(_ column: String, of table: String, seconds: Int) throws {
      try world.administrator.run(
        "update pra_store.\(table) set \(column) = \(column) - interval '\(seconds) seconds'")
    }

    /// The worker may no longer write for the job, and is told so.
    func expectTaken(_ state: JobState) throws {
      #expect(try world.submit.state(of: lease.job) == state)
      #expect(try world.workers.heartbeat(worker: worker, running: [lease]).map(\.ask) == [.lost])
      #expect(throws: LeaseLost.self) { try world.workers.finish(lease) }
    }
  }

  @Test("a job that does not give way is taken away after the grace, whatever the lease")
  func preempted() throws {
    let here = try Running()
    try here.world.submit.preempt(here.lease.job, grace: .seconds(5))
    try here.pass("deadline", of: "preemptions", seconds: 14)
    try here.world.workers.reap()
    #expect(try here.world.submit.state(of: here.lease.job) == .running)
    try here.pass("deadline", of: "preemptions", seconds: 2)
    try here.world.workers.reap()
    try here.expectTaken(.ready)
    #expect(
      try here.world.value("select message from pra.attempts") == "it did not give way in time")
  }

  @Test("a drained worker loses what it does not give back in time, whatever the lease")
  func drained() throws {
    let here = try Running()
    #expect(try here.world.submit.drain(worker: here.worker.worker, grace: .zero) == 1)
    try here.pass("deadline", of: "preemptions", seconds: 11)
    try here.world.workers.reap()
    try here.expectTaken(.ready)
  }

  @Test(
    "a cancelled job that is not stopped is ended by the server, whatever the lease",
    arguments: [false, true])
  func cancelled(withOthers: Bool) throws {
    let here = try Running()
    if withOthers {
      _ = try here.world.submit.cancel(many: [here.lease.job])
    } else {
      try here.world.submit.cancel(here.lease.job)
    }
    try here.pass("deadline", of: "cancellations", seconds: 28)
    try here.world.workers.reap()
    #expect(try here.world.submit.state(of: here.lease.job) == .running)
    try here.pass("deadline", of: "cancellations", seconds: 3)
    try here.world.workers.reap()
    try here.expectTaken(.cancelled)
    #expect(try here.world.value("select count(*) from pra_store.cancellations") == "0")
  }

  @Test("a member of a gang that does not follow the others is taken away as well")
  func gang() throws {
    let world = try QueueWorld()
    _ = try world.job {
      $0.array = JobArray(0...1)
      $0.array?.isGang = true
    }
    let worker = try world.workers.register(
      name: "silent", kinds: ["train"], slots: 2, lease: .seconds(600))
    let members = try world.workers.claim(worker: worker, count: 2).map(\.lease)
    try world.workers.reportExit(members[0], .lost)
    let asked = try world.workers.heartbeat(worker: worker, running: [members[1]])
    #expect(asked.map(\.ask) == [.preempt])
    try world.administrator.run(
      "update pra_store.preemptions set deadline = deadline - interval '71 seconds'")
    try world.workers.reap()
    #expect(try world.submit.state(of: members[1].job) == .blocked)
  }

  @Test("a worker that an operator declares dead loses all it has at once")
  func dead() throws {
    let here = try Running()
    #expect(try here.world.submit.declareDead(worker: here.worker.worker) == 1)
    #expect(try here.world.submit.state(of: here.lease.job) == .ready)
    #expect(
      try here.world.value(
        "select outcome || ': ' || cause || ': ' || message from pra.attempts")
        == "lost: host-lost: worker 1 (silent) was declared dead by pra")
    #expect(throws: LeaseLost.self) {
      try here.world.workers.heartbeat(worker: here.worker, running: [here.lease])
    }
    #expect(throws: LeaseLost.self) { try here.world.workers.finish(here.lease) }
    let again = #expect(throws: PostgresError.self) {
      try here.world.submit.declareDead(worker: here.worker.worker)
    }
    #expect(again?.sqlState == "PR002")
  }

  @Test("only submitters declare a worker dead")
  func rights() throws {
    let here = try Running()
    for role in [DatabaseRole.worker, .read] {
      let session = try here.world.database.connect(role)
      let error = #expect(throws: PostgresError.self) {
        try session.query("select pra.declare_dead(1)")
      }
      #expect(error?.sqlState == "42501")
    }
  }

  @Test(
    "what a worker registers with is in bounds",
    arguments: [
      ("lease => '601 seconds'", "lease: 00:10:01, must be from 1 second to 10 minutes"),
      ("lease => '100 years'", "lease: 100 years, must be from 1 second to 10 minutes"),
      ("lease => 'infinity'::interval", nil),
      ("lease => '-1 second'", "lease: -00:00:01, must be from 1 second to 10 minutes"),
      ("slots => 2147483647", "slots: 2147483647, must be from 1 to 10000"),
      (
        "kinds => '{../train}'",
        "kinds: \"../train\" is not a name of lower-case letters, digits and -"
      ),
      (
        "kinds => '{train,NULL}'",
        "kinds: \"<NULL>\" is not a name of lower-case letters, digits and -"
      ),
    ])
  func bounds(argument: String, message: String?) throws {
    let session = try QueueWorld().database.connect(.worker)
    let kinds = argument.hasPrefix("kinds") ? "" : "kinds => '{train}', "
    let error = #expect(throws: PostgresError.self) {
      try session.query(
        "select pra.register_worker(name => 'w', labels => '{}', queues => '{default}', \(kinds)\(argument))"
      )
    }
    if let message { #expect(error?.message == message) }
  }
}
