import Foundation
import JobQueue
import Postgres
import Testing

/// Jobs that go to a waiting worker without a claim (decision 0064).
@Suite struct HandOverTests {
  /// A worker with a session of its own, which it can leave.
  private final class Waiter {
    let session: Connection
    let queue: WorkerQueue
    let worker: Int64
    let channel = WorkerQueue.newChannel()

    init(_ world: QueueWorld, labels: String = "{}", slots: Int = 1) throws {
      session = try world.database.connect(.worker)
      queue = WorkerQueue(session)
      worker = try world.worker(labels: labels, slots: slots)
      try session.listen("pra_ready")
      try session.listen(channel)
    }

    func wait(oldest: Int64 = 0) throws {
      #expect(try queue.claim(worker: worker, count: 100, oldest: oldest, waitsOn: channel).isEmpty)
    }

    /// Notifications received so far, after a round trip to the server.
    func heard() throws -> [Connection.Notification] {
      try session.run("select 1")
      return try session.wait(.zero)
    }

    func handed() throws -> [ClaimedJob] {
      try WorkerQueue.jobs(handedOn: channel, by: try heard())
    }
  }

  /// A lane that others may use while a transaction that adds to it is open.
  private func makeLane(_ world: QueueWorld) throws {
    _ = try world.job()
    let worker = try world.worker()
    #expect(try world.workers.finishMany(worker: worker, [try world.claimOne(worker)]).count == 1)
    try world.workers.deregister(worker: worker)
  }

  private static let enqueue = """
    select pra.enqueue('train', (select max(id) from pra.runs), '{}')
    """
  /// A transaction that hands a job over and stays open, however busy the machine is.
  private static let open = "begin; set idle_in_transaction_session_timeout = 0; \(enqueue)"

  @Test func aWaitingWorkerIsHandedWhatAClaimWouldReturn() throws {
    let world = try QueueWorld()
    let (first, second) = (try Waiter(world), try Waiter(world))
    try first.wait()
    try second.wait()
    let arguments = #"{"text": "a\nline \"é\"", "number": [1, 2.5]}"#
    let job = try world.job { $0.arguments = arguments }
    #expect(
      try world.value("select state || ' ' || epoch from pra.jobs where id = \(job)") == "running 1"
    )
    let heard = [(first, try first.heard()), (second, try second.heard())]
    let told = try #require(heard.first { !$0.1.isEmpty })
    #expect(heard.map(\.1.count).sorted() == [0, 1])
    let handed = try #require(try WorkerQueue.jobs(handedOn: told.0.channel, by: told.1).first)
    #expect(handed.lease == Lease(job: job, epoch: 1))
    let place = "worker_id || ' ' || epoch || ' ' || (ended_at is null) from pra.attempts"
    #expect(try world.value("select \(place)") == "\(told.0.worker) 1 true")

    // The attempt is fenced like any other, and claimed like any other once given back.
    #expect(throws: LeaseLost.self) { try world.workers.release(Lease(job: job, epoch: 2)) }
    #expect(try world.workers.release(handed.lease) == .ready)
    let other = told.0 === first ? second : first
    let claimed = try #require(try other.queue.claim(worker: other.worker).first)
    #expect(claimed.lease == Lease(job: job, epoch: 2))
    #expect(
      [handed.runName, handed.kind, handed.queue, handed.arguments]
        == [claimed.runName, claimed.kind, claimed.queue, claimed.arguments])
    #expect(handed.run == claimed.run && handed.elements == nil)
    #expect(try world.submit.enqueue(NewJob(kind: "sample", run: world.run)) > job)
  }

  @Test func theFirstJobOfALaneAndOneWithAKeyAreHandedOnce() throws {
    let world = try QueueWorld()
    let waiter = try Waiter(world, slots: 9)
    try waiter.wait()
    let job = try world.job { $0.idempotencyKey = "one" }
    #expect(try waiter.handed().map(\.lease) == [Lease(job: job, epoch: 1)])
    try waiter.wait()
    #expect(try world.job { $0.idempotencyKey = "one" } == job)
    #expect(try waiter.heard().isEmpty)
    #expect(try world.value("select count(*) from pra.attempts") == "1")
    let next = try world.job()
    #expect(try waiter.handed().map(\.lease.job) == [next])
    try waiter.wait()
    let run = try world.submit.createRun(name: "other")
    let first = try world.submit.enqueue(NewJob(kind: "train", run: run))
    #expect(try waiter.handed().map(\.lease) == [Lease(job: first, epoch: 1)])
  }

  @Test func jobsSpreadOverTheWorkersByTheirFreePlaces() throws {
    let world = try QueueWorld()
    let (small, large) = (try Waiter(world, slots: 2), try Waiter(world, slots: 4))
    var held: [Int64: [Int64]] = [:]
    for _ in 0..<6 {
      for waiter in [small, large] {
        try waiter.wait(oldest: held[waiter.worker]?.min() ?? 0)
      }
      let job = try world.job()
      for waiter in [small, large] {
        held[waiter.worker, default: []] += try waiter.handed().map(\.lease.job)
      }
      #expect(held.values.joined().contains(job))
      if held.values.joined().count == 3 { #expect(Set(held.values.map(\.count)) == [1, 2]) }
    }
    #expect(held[small.worker]?.count == 2 && held[large.worker]?.count == 4)
  }

  @Test func requirementsAreThoseOfTheWorker() throws {
    let world = try QueueWorld()
    let (small, large) = (
      try Waiter(world, labels: #"{"gpu": "1"}"#), try Waiter(world, labels: #"{"gpu": "8"}"#)
    )
    try small.wait()
    try large.wait()
    let job = try world.job { $0.requirements = ["gpu>=4"] }
    #expect(try small.heard().isEmpty)
    #expect(try large.handed().map(\.lease.job) == [job])
  }

  @Test(arguments: [
    "a job before it", "a limit", "a parent", "a delay", "an array", "a long argument",
    "another kind",
    "another queue", "a paused run", "a paused queue", "a drained worker", "a worker that leaves",
    "a silent worker", "a blamed host", "a lost session", "a transaction that has written",
    "a claim meanwhile", "a worker that waits no more",
  ])
  func notHandedOver(because reason: String) throws {
    let world = try QueueWorld()
    let parent = try world.job()
    _ = try world.claimOne(try world.worker())
    let waiter = try Waiter(world)
    try waiter.wait()
    var job = NewJob(kind: "train", run: world.run)
    switch reason {
    case "a job before it": _ = try world.job("other")
    case "a limit":
      try world.submit.setLimit("few", slots: 1)
      job.limits = ["few"]
    case "a parent": job.after = [parent]
    case "a delay": job.delay = .seconds(1000)
    case "an array": job.array = JobArray(0...1)
    case "a long argument": job.arguments = #"{"a": "\#(String(repeating: "a", count: 8000))"}"#
    case "another kind": job.kind = "evaluate"
    case "another queue": job.queue = "night"
    case "a paused run": try world.submit.pause(run: world.run)
    case "a paused queue": try world.submit.pause(queue: "default")
    case "a drained worker": try world.submit.drain(worker: waiter.worker)
    case "a worker that leaves":
      _ = try world.workers.heartbeat(worker: waiter.worker, running: [], draining: true)
    case "a silent worker":
      try world.administrator.run(
        "update pra_store.workers set beat_at = beat_at - interval '16 s' where id = \(waiter.worker)"
      )
    case "a blamed host":
      try world.administrator.run(
        "insert into pra_store.blamed_hosts (host, until, reason) values ('w', now() + interval '1 hour', 'test')"
      )
    case "a lost session":
      let process = try waiter.session.query("select pg_backend_pid() as id").single().integer("id")
      #expect(try world.value("select pg_terminate_backend(\(process), 60000)") == "t")
    case "a claim meanwhile":
      #expect(try waiter.queue.claim(worker: waiter.worker).isEmpty)
    case "a worker that waits no more": try waiter.queue.stopWaiting(worker: waiter.worker)
    default: break
    }
    let id: Int64
    if reason == "a transaction that has written" {
      try world.administrator.run(
        "begin; select pra.create_run('more'); \(Self.enqueue); commit")
      id = parent + 1
    } else {
      id = try world.submit.enqueue(job)
    }
    let state = try world.value("select state from pra.jobs where id = \(id)")
    #expect(state == (reason == "a parent" ? "blocked" : "ready"))
    if reason != "a lost session" { #expect(try waiter.handed().isEmpty) }
  }

  @Test func whileAJobIsHandedOverItsPlaceIsKept() throws {
    let world = try QueueWorld()
    try makeLane(world)
    let waiter = try Waiter(world, slots: 2)
    try waiter.wait()
    let giver = try world.database.connect()
    try giver.run(Self.open)
    for _ in 0..<3 { _ = try world.job() }
    // Nothing waits for the transaction.
    let claimed = try waiter.queue.claim(worker: waiter.worker, count: 9).map(\.lease)
    #expect(claimed.count == 1)
    #expect(
      try waiter.queue.claim(worker: waiter.worker, count: 9, waitsOn: waiter.channel).isEmpty)
    try giver.run("commit")
    let handed = try #require(try waiter.handed().first)
    #expect(try waiter.queue.claim(worker: waiter.worker, count: 9).isEmpty)
    #expect(try waiter.queue.finishMany(worker: waiter.worker, [handed.lease]).count == 1)
    #expect(try waiter.queue.claim(worker: waiter.worker, count: 9).count == 1)
  }

  @Test func whatIsTakenBackBeforeTheCommitLeavesTheWorkerWaiting() throws {
    let world = try QueueWorld()
    let waiter = try Waiter(world)
    try waiter.wait()
    try world.administrator.run("begin; \(Self.enqueue); rollback")
    let job = try world.job()
    #expect(try waiter.handed().map(\.lease.job) == [job])
  }

  @Test func aGangKeepsThePlaceFree() throws {
    let world = try QueueWorld()
    try makeLane(world)
    let (first, second) = (try world.worker(slots: 1), try Waiter(world, slots: 1))
    try second.wait()
    let giver = try world.database.connect()
    try giver.run(Self.open)
    _ = try world.job {
      $0.array = JobArray(0...1)
      $0.array?.isGang = true
    }
    #expect(try world.workers.claim(worker: first).isEmpty)
    try giver.run("rollback")
    #expect(try world.workers.claim(worker: first).count == 1)
    #expect(try second.queue.claim(worker: second.worker).count == 1)
  }

  @Test(arguments: [true, false])
  func whoLeavesOrIsDrainedWaitsForTheTransaction(leaves: Bool) throws {
    let world = try QueueWorld()
    let waiter = try Waiter(world)
    try waiter.wait()
    let (database, worker) = (world.database, waiter.worker)
    _ = try onThreads(2) { i, team in
      // Steps: nothing, handed over, left.
      func isAt(_ step: Int) -> Bool { team.done.load(ordering: .sequentiallyConsistent) >= step }
      if i == 0 {
        let (giver, witness) = (try database.connect(), try database.connect())
        try giver.run(Self.open)
        team.done.store(1, ordering: .sequentiallyConsistent)
        let blocked = """
          select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
          """
        while try team.goesOn && !isAt(2) && witness.query(blocked).isEmpty {}
        #expect(!isAt(2))
        try giver.run("commit")
      } else {
        while team.goesOn && !isAt(1) { usleep(1000) }
        if leaves {
          try WorkerQueue(try database.connect(.worker)).deregister(worker: worker)
        } else {
          #expect(try SubmitQueue(try database.connect(.submit)).drain(worker: worker) == 1)
        }
        team.done.store(2, ordering: .sequentiallyConsistent)
      }
    }
    let job = try #require(try waiter.handed().first).lease.job
    let now = "select state, preempt_requested_at is not null from pra_store.jobs where id = \(job)"
    #expect(
      try world.value("select (q) from (\(now)) as q") == (leaves ? "(ready,f)" : "(running,t)"))
  }

  @Test func aDeadWorkerIsReapedAfterTheTransaction() throws {
    let world = try QueueWorld()
    let waiter = try Waiter(world)
    try waiter.wait()
    let giver = try world.database.connect()
    try giver.run(Self.open)
    try world.expire(waiter.worker)
    #expect(try world.workers.reap() == 0)
    try giver.run("commit")
    #expect(try world.workers.reap() == 1)
    #expect(try world.value("select state || ' ' || lost from pra.jobs") == "ready 1")
  }

  /// The job's number was drawn before the worker, which has claimed a higher one, began to wait:
  /// the server, told to count from there, would not see the job.
  @Test func aJobWithALowerNumberIsNotHanded() throws {
    let world = try QueueWorld()
    let waiter = try Waiter(world)
    let drawn = try world.value("select nextval('pra_store.jobs_id_seq')")!
    try waiter.wait()
    let asked = "pra_store.waiting_worker('train', 'default', \(world.run), '[]'"
    #expect(try world.value("select worker from \(asked), \(drawn))") == nil)
    #expect(try world.value("select worker from \(asked), \(drawn) + 1)") == "\(waiter.worker)")
  }

  @Test func aChannelIsOneThatNobodyGuesses() throws {
    let world = try QueueWorld()
    let worker = try world.worker()
    #expect(WorkerQueue.newChannel() != WorkerQueue.newChannel())
    for channel in ["pra_ready", "pra_handed_1", WorkerQueue.newChannel() + "0"] {
      let error = #expect(throws: PostgresError.self) {
        try world.workers.claim(worker: worker, waitsOn: channel)
      }
      #expect(error?.message.contains("channel: \"\(channel)\" is not pra_handed_ and 32") == true)
    }
    for role in [DatabaseRole.read, .submit, .worker] {
      let error = #expect(throws: PostgresError.self) {
        try world.database.connect(role).query("select channel from pra_store.waiting_workers")
      }
      #expect(error?.sqlState == "42501")
    }
  }
}
