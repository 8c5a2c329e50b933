// Jobs go to hosts with room for what they read, and rather to those that have it.

import JobQueue
import Postgres
import Testing

@Suite struct RoomTests {
  private let world: QueueWorld
  /// A finished job with an output of 252 GB, and one that reads it.
  private let parent: Int64
  private let job: Int64
  private let digest = String(repeating: "ab", count: 32)

  init() throws {
    world = try QueueWorld()
    try world.administrator.run(
      """
      select pra.set_kind('train', '{"type": "object", "properties": {
        "data": {"type": "integer", "reads": ["data.*"]},
        "weights": {"type": "string", "reads": ["artifact"]}}}');
      with u as (
        insert into pra_store.uploads (sha256, size, media_type, committed_at)
        values (decode('\(digest)', 'hex'), 252000000000, 'a/b', now()) returning *)
      insert into pra_store.artifacts (sha256, size, media_type, upload_id)
      select sha256, size, media_type, id from u;
      """)
    parent = try world.job("sample")
    let maker = try world.worker()
    let lease = try #require(try world.workers.claim(worker: maker).first).lease
    try world.workers.finish(
      lease,
      outputs: #"[{"name": "data.packed", "sha256": "\#(digest)", "media_type": "a/b"}]"#)
    try world.workers.deregister(worker: maker)
    job = try world.job { [parent] in
      $0.arguments = #"{"data": \#(parent)}"#
      $0.after = [parent]
    }
  }

  private func worker(
    _ host: String, room: Int64, has artifacts: [String] = [], stores: [String] = []
  ) throws -> Registration {
    let worker = try world.worker(labels: #"{"host": "\#(host)"}"#, slots: 1)
    try tell(worker, room, artifacts, stores)
    return worker
  }

  private func tell(
    _ worker: Registration, _ room: Int64, _ artifacts: [String] = [], _ stores: [String] = []
  ) throws {
    try world.workers.holds(
      worker: worker, room: room, cacheBytes: 31_000_000_000, cacheQuota: 500_000_000_000,
      artifacts: artifacts, stores: stores)
  }

  private func claimed(_ worker: Registration) throws -> [Int64] {
    try world.workers.claim(worker: worker).map(\.lease.job)
  }

  private func why() throws -> String? {
    try world.value("select reason || ': ' || detail from pra.why_pending(\(job))")
  }

  @Test("a job is not claimed by a host without room for what it reads, and why says so")
  func noRoom() throws {
    let small = try worker("a7", room: 210_000_000_000)
    #expect(try claimed(small) == [])
    #expect(try why() == "no-room: it needs 252 GB of scratch, and worker w (a7) has 210 GB")
    try tell(small, 260_000_000_000)
    #expect(try claimed(small) == [job])
  }

  @Test("what an attempt has found to need counts as well, whatever the kind")
  func needed() throws {
    let small = try worker("a7", room: 300_000_000_000)
    let lease = try #require(try world.workers.claim(worker: small).first).lease
    let error = #expect(throws: PostgresError.self) {
      try world.administrator.run(
        "select pra.needs_room(\(job), \(lease.epoch), -1, '\(lease.token)')")
    }
    #expect(error?.sqlState == "PR003")
    try world.administrator.run(
      "select pra.needs_room(\(job), \(lease.epoch), 409000000000, '\(lease.token)')")
    try world.workers.reportExit(lease, .fault, message: "no room", cause: .host)
    try world.administrator.run("update pra_store.jobs set due = true, run_after = now()")
    #expect(try claimed(small) == [])
    #expect(try why()?.contains("it needs 409 GB of scratch, and worker w (a7) has 300 GB") == true)
    let large = try worker("b", room: 500_000_000_000)
    #expect(try claimed(large) == [job])
  }

  @Test("what the host keeps, or has in a store of its own, needs no room")
  func here() throws {
    let keeping = try worker("a7", room: 1, has: [digest])
    #expect(try claimed(keeping) == [job])
    try world.administrator.run(
      """
      select pra.use_store('file:/srv/artifacts');
      update pra_store.artifacts set upload_id = null, copy = 0,
        store_id = (select id from pra_store.stores);
      update pra_store.jobs set state = 'ready', worker_id = null where id = \(job)
      """)
    let other = try worker("b", room: 1)
    #expect(try claimed(other) == [])
    try tell(other, 1, [], ["file:/srv//artifacts/"])
    #expect(try claimed(other) == [job])
  }

  @Test("a job is left to a host that has its bytes and a free place, for half a minute")
  func preference() throws {
    let holding = try worker("a7", room: 1_000_000_000_000, has: [digest])
    let other = try worker("b", room: 1_000_000_000_000)
    #expect(try claimed(other) == [])
    let said = try why()
    #expect(said?.hasPrefix("in-line, bytes-elsewhere: ") == true, "\(said ?? "")")
    #expect(
      said?.contains("252 GB of what it reads lie on a7 (worker w), to which it is left until")
        == true)
    #expect(try claimed(holding) == [job])
    // Its place is taken: the next does not wait for it.
    let next = try world.job { [parent] in $0.arguments = #"{"data": \#(parent)}"# }
    #expect(try claimed(other) == [next])
  }

  @Test(
    "nobody waits for a host that drains, lacks something, is avoided, or does not come",
    arguments: [
      "update pra_store.workers set drain_requested_at = now() where labels ->> 'host' = 'a7'",
      "update pra_store.workers set lack = 'x', lack_since = now() where labels ->> 'host' = 'a7'",
      "update pra_store.workers set queues = '{other}' where labels ->> 'host' = 'a7'",
      "update pra_store.workers set room = 0 where labels ->> 'host' = 'a7'; update pra_store.jobs set room_needed = 1",
      "update pra_store.jobs set avoided_host = 'a7', avoided_until = now() + interval '1 hour'",
      """
      update pra_store.jobs set finished_at = now() - interval '31 seconds' where state = 'succeeded';
      update pra_store.jobs set created_at = now() - interval '31 seconds',
        run_after = now() - interval '31 seconds'
      """,
    ])
  func withoutIt(_ change: String) throws {
    _ = try worker("a7", room: 1_000_000_000_000, has: [digest])
    let other = try worker("b", room: 1_000_000_000_000)
    try world.administrator.run(change)
    #expect(try claimed(other) == [job])
  }

  @Test("digests in arguments count, and so does the job's own checkpoint")
  func otherInputs() throws {
    let named = try world.job { [digest] in $0.arguments = #"{"weights": "\#(digest)"}"# }
    let small = try worker("a7", room: 210_000_000_000)
    #expect(try claimed(small) == [])
    let large = try worker("b", room: 300_000_000_000)
    try world.administrator.run("update pra_store.workers set slots = 2")
    #expect(try Set(world.workers.claim(worker: large, count: 2).map(\.lease.job)) == [job, named])
    let lease = try #require(
      try world.administrator.query(
        "select epoch, token from pra_store.jobs where id = \(job)"
      ).first)
    try world.administrator.run(
      """
      select pra.register_checkpoint(\(job), \(lease.integer("epoch")), 1,
        '[{"name": "w", "sha256": "\(digest)"}]', token => '\(lease.string("token"))');
      update pra_store.jobs set arguments = '{}', state = 'ready', worker_id = null where id = \(job)
      """)
    #expect(try claimed(small) == [])
    try tell(small, 210_000_000_000, [digest])
    #expect(try claimed(small) == [job])
  }

  @Test("jobs that do not suit a host do not keep it from those behind them")
  func behind() throws {
    for _ in 0..<40 {
      _ = try world.job { [parent] in $0.arguments = #"{"data": \#(parent)}"# }
    }
    let free = try world.job()
    let small = try worker("a7", room: 1)
    #expect(try claimed(small) == [free])
  }

  @Test("a worker that ends holds nothing, and one that says nothing gets any job")
  func ends() throws {
    let holding = try worker("a7", room: 1, has: [digest])
    #expect(
      try world.value(
        """
        select room || ' ' || cache_bytes || ' ' || cache_quota || ' ' || cached
        from pra.workers where stopped_at is null
        """) == "1 31000000000 500000000000 1")
    try world.workers.deregister(worker: holding)
    #expect(try world.value("select count(*) from pra_store.held_artifacts") == "0")
    let old = try world.worker()
    #expect(try claimed(old) == [job])
  }

  private func gang(_ members: Int64) throws -> Int64 {
    try world.administrator.run("select pra.cancel(\(job))")
    return try world.job { [parent] in
      $0.arguments = #"{"data": \#(parent)}"#
      $0.array = JobArray(0...members - 1)
      $0.array?.isGang = true
    }
  }

  @Test(
    "members of a gang are placed on hosts with room, whoever places them, and why says what is missing"
  )
  func gangsNeedRoom() throws {
    let small = try worker("a7", room: 210_000_000_000)
    let large = try worker("b", room: 260_000_000_000)
    let id = try gang(2)
    #expect(try claimed(small) == [] && claimed(large) == [])
    let why = try world.submit.whyPending(id)
    #expect(why.reasons == ["gang", "no-room"])
    #expect(
      why.detail.contains("it needs 252 GB of scratch, and worker w (a7) has 210 GB"),
      "\(why.detail)")
    // No two hosts can hold it: it is in nobody's way.
    let free = try world.job()
    #expect(try claimed(large) == [free])
    let other = try worker("c", room: 300_000_000_000)
    let next = try worker("d", room: 300_000_000_000)
    #expect(try claimed(small) == [])
    #expect(try claimed(other).count == 1)
    #expect(try claimed(next).count == 1)
    #expect(try world.submit.state(of: id) == .running)
  }

  @Test("of the hosts with free places a gang takes those that have its bytes")
  func gangsGoWhereTheirBytesAre() throws {
    let other = try worker("a7", room: 1_000_000_000_000)
    let holding = try ["b", "c"].map { try worker($0, room: 1_000_000_000_000, has: [digest]) }
    _ = try gang(2)
    #expect(try claimed(other) == [])
    for worker in holding { #expect(try claimed(worker).count == 1) }
  }

  @Test("what members of a gang have found to need counts for all of them")
  func gangsRemember() throws {
    let large = try worker("a7", room: 300_000_000_000, has: [digest])
    let second = try worker("b", room: 500_000_000_000, has: [digest])
    let id = try gang(2)
    let lease = try #require(try world.workers.claim(worker: large).first).lease
    let other = try #require(try world.workers.claim(worker: second).first).lease
    try world.administrator.run(
      "select pra.needs_room(\(lease.job), \(lease.epoch), 409000000000, '\(lease.token)')")
    for lease in [lease, other] { try world.workers.release(lease) }
    #expect(try claimed(large) == [] && claimed(second) == [])
    let third = try worker("c", room: 500_000_000_000)
    #expect(try claimed(third).count == 1)
    #expect(try claimed(second).count == 1 && claimed(large) == [])
    #expect(try world.submit.state(of: id) == .running)
  }

  /// At first no more entries are looked at than it takes; others may hold all of these.
  @Test func jobsThatOthersHoldHideNothing() throws {
    let jobs = try (0..<12).map { _ in
      try world.job { [parent] in $0.arguments = #"{"data": \#(parent)}"# }
    }
    let large = try worker("a7", room: 300_000_000_000)
    let held = ([job] + jobs.dropLast()).map(String.init).joined(separator: ",")
    let holder = try world.database.connect()
    try holder.run("begin")
    try holder.run("select from pra_store.jobs where id in (\(held)) for update")
    #expect(try claimed(large) == [jobs.last!])
    try holder.run("rollback")
    #expect(try claimed(large) == [])
  }

  /// An integer of the contract may be larger than any job's number.
  @Test func aNumberThatIsNoJobsStopsNoClaim() throws {
    let other = try world.job { $0.arguments = #"{"data": 1e30}"# }
    #expect(try claimed(try worker("a7", room: 10)) == [other])
  }
}
