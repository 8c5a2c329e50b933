// Gangs whose members work as one: starts, ranks, meetings, and the series that is the gang's own.

import JobQueue
import Postgres
import Testing

@Suite struct GangStartTests {
  private let world: QueueWorld

  init() throws { world = try QueueWorld() }

  private func gang(_ size: Int64, sizes: [Int] = []) throws -> Int64 {
    let id = try world.job {
      $0.array = JobArray(0...size - 1)
      $0.array?.isGang = true
    }
    if !sizes.isEmpty { try world.submit.setGangSizes(sizes, of: id) }
    return id
  }

  private func join(_ lease: Lease) throws -> String? {
    let rows = try world.administrator.query(
      "select concat_ws(' ', gang, start, rank, size) as place from pra.join_gang($1, $2, $3)",
      lease.parameters)
    return try rows.first?.string("place")
  }

  private func meet(_ lease: Lease, _ key: String, _ value: String) throws {
    try world.administrator.query(
      "select pra.meet($1, $2, $4, convert_to($5, 'UTF8'), $3)",
      lease.parameters + [.text(key), .text(value)])
  }

  private func met(_ lease: Lease, _ key: String) throws -> [String] {
    try world.administrator.query(
      """
      select rank || ': ' || convert_from(value, 'UTF8') as line from pra.met($1, $2, $4, $3)
      """, lease.parameters + [.text(key)]
    ).map { try $0.string("line") }
  }

  @Test("members of one start share its number, whatever their epochs are, and have ranks")
  func ranks() throws {
    let (first, second) = (try world.worker(slots: 1), try world.worker(slots: 1))
    let id = try gang(2)
    let (one, two) = (try world.claimOne(first), try world.claimOne(second))
    #expect([try join(one), try join(two)] == ["\(id) 1 0 2", "\(id) 1 1 2"])
    try world.workers.reportExit(two, .lost)
    try world.workers.release(one)
    let (again, other) = (try world.claimOne(second), try world.claimOne(first))
    #expect(Set([try join(again), try join(other)]) == ["\(id) 2 0 2", "\(id) 2 1 2"])
    _ = try world.job()
    #expect(try join(try world.claimOne(try world.worker())) == nil)
  }

  @Test("what members tell one another is heard by that start alone, and gone with it")
  func meeting() throws {
    let worker = try world.worker(slots: 2)
    let id = try gang(2)
    let members = try world.workers.claim(worker: worker, count: 2).map(\.lease)
    try meet(members[1], "port", "7001")
    #expect(try met(members[0], "port") == ["1: 7001"])
    try meet(members[0], "port", "7000")
    try meet(members[1], "port", "7002")
    #expect(try met(members[0], "port") == ["0: 7000", "1: 7002"])
    #expect(try met(members[0], "other") == [])
    try world.workers.reportExit(members[1], .released, cause: .peerLost)
    #expect(throws: LeaseLost.self) {
      do { try meet(members[1], "port", "7003") } catch let error as PostgresError
        where error.sqlState == LeaseLost.sqlState
      {
        throw LeaseLost(description: error.message)
      }
    }
    try world.workers.release(members[0])
    #expect(try world.value("select count(*) from pra_store.gang_meetings") == "0")
    #expect(try world.submit.state(of: id) == .ready)
    let again = try world.workers.claim(worker: worker, count: 2).map(\.lease)
    #expect(try met(again[0], "port") == [])
  }

  @Test("rank 0 writes for the gang, by its own token and while it holds its attempt")
  func writesForTheGang() throws {
    let worker = try world.worker(slots: 2)
    let id = try gang(2)
    let members = try world.workers.claim(worker: worker, count: 2).map(\.lease)
    for member in members { _ = try join(member) }
    let whole = Lease(job: id, epoch: 1, token: members[0].token)
    try world.workers.progress(whole, done: 3, total: 9, unit: "steps")
    #expect(try world.value("select progress from pra.jobs where id = \(id)") == "3 of 9 steps")
    #expect(throws: LeaseLost.self) {
      try world.workers.progress(
        Lease(job: id, epoch: 1, token: members[1].token), done: 4, total: 9, unit: "steps")
    }
    try world.workers.reportExit(members[0], .fault, message: "no such luck", exitCode: 70)
    #expect(throws: LeaseLost.self) {
      try world.workers.progress(whole, done: 4, total: 9, unit: "steps")
    }
    try world.workers.reportExit(members[1], .released, message: "gone", cause: .peerLost)
    // The gang's attempt ended as the first of its members did, for its own reason.
    #expect(
      try world.value(
        "select outcome || ' ' || message from pra.attempts where job_id = \(id)")
        == "fault rank 0: no such luck")
    #expect(
      try world.value(
        "select string_agg(faults::text, ' ' order by id) from pra.jobs where array_id = \(id)")
        == "1 0")
  }

  /// A peer that is lost is nobody's fault: no try, no preemption, no blame.
  @Test("a member that ends since another was lost spends nothing")
  func spendsNothing() throws {
    let worker = try world.worker(slots: 2)
    let id = try gang(2)
    let members = try world.workers.claim(worker: worker, count: 2).map(\.lease)
    for member in members { _ = try join(member) }
    try world.workers.reportExit(members[0], .lost)
    let asked = try world.workers.heartbeat(worker: worker, running: [members[1]])
    #expect(asked.map(\.ask) == [.preempt])
    // Without its peer it can save nothing: it has no minute.
    #expect(asked[0].seconds! <= 5)
    try world.workers.reportExit(members[1], .released, cause: .peerLost)
    #expect(
      try world.value(
        """
        select concat_ws(' ', faults, lost, preemptions, cardinality(crash_hosts)) from pra.jobs where id = \(members[1].job)
        """) == "0 0 0 0")
    #expect(
      try world.value(
        "select outcome || ' ' || cause from pra.attempts where job_id = \(members[1].job)")
        == "released peer-lost")
    #expect(try world.submit.state(of: id) == .ready)
  }

  @Test("the result of a gang that works as one is that of its members")
  func succeeds() throws {
    let worker = try world.worker(slots: 2)
    let id = try gang(2)
    let members = try world.workers.claim(worker: worker, count: 2).map(\.lease)
    for member in members { _ = try join(member) }
    for member in members { try world.workers.finish(member, result: #"{"steps": 9}"#) }
    #expect(
      try world.value(
        """
        select j.state || ' ' || j.result || ' ' || a.outcome
        from pra.jobs as j join pra.attempts as a on a.job_id = j.id where j.id = \(id)
        """) == #"succeeded {"steps": 9} succeeded"#)
  }

  @Test(
    "a gang of several sizes starts with the most for which there are places, and again with fewer")
  func sizes() throws {
    let (first, second) = (try world.worker(slots: 3), try world.worker(slots: 2))
    let id = try gang(8, sizes: [2, 4, 8])
    let one = try world.workers.claim(worker: first, count: 3).map(\.lease)
    let two = try world.workers.claim(worker: second, count: 2).map(\.lease)
    #expect([one.count, two.count].sorted() == [1, 3])
    for member in one + two { _ = try join(member) }
    #expect(try join(one[0])?.hasSuffix(" 4") == true)
    try world.submit.declareDead(worker: second.worker)
    for member in one { try world.workers.reportExit(member, .released, cause: .peerLost) }
    let again = try world.workers.claim(worker: first, count: 3).map(\.lease)
    #expect(again.count == 2)
    #expect(try again.map { try join($0) } == ["\(id) 2 0 2", "\(id) 2 1 2"])
    for member in again { try world.workers.finish(member) }
    #expect(try world.submit.state(of: id) == .succeeded)
    #expect(
      try world.value(
        "select string_agg(distinct state::text, ' ') from pra.jobs where array_id = \(id)")
        == "cancelled succeeded")
  }

  @Test("a gang of several sizes waits for the least, and sizes are checked")
  func leastSize() throws {
    let worker = try world.worker(slots: 1)
    let id = try gang(4, sizes: [4, 2])
    #expect(try world.workers.claim(worker: worker).isEmpty)
    #expect(try world.submit.whyPending(id).reasons == ["gang"])
    _ = try world.worker(slots: 1)
    #expect(try world.workers.claim(worker: worker).count == 1)
    #expect(try refusal { try world.submit.setGangSizes([1], of: id) } == "PR004")
    #expect(try refusal { try world.submit.setGangSizes([], of: try gang(2)) } == "PR003")
    #expect(try refusal { try world.submit.setGangSizes([3], of: try gang(2)) } == "PR004")
  }

  private func refusal(_ body: () throws -> Void) throws -> String? {
    do {
      try body()
      return nil
    } catch let error as PostgresError {
      return error.sqlState
    }
  }
}
