import JobQueue
import Postgres
import Testing

/// Every function of pra with which an attempt writes, called with (job $1, epoch $2, token $3).
let attemptWrites = [
  "select pra.progress($1, $2, 1, 2, 'x', token => $3)",
  "select pra.continue_from($1, $2, token => $3)",
  "select pra.absorb_metrics($1, $2, 1, token => $3)",
  "select pra.append_log($1, $2, 0, 'x', token => $3)",
  "select pra.put_artifact($1, $2, encode(sha256('x'), 'hex'), 'text/plain', 'x', token => $3)",
  "select pra.begin_artifact($1, $2, repeat('0', 64), 1, 'text/plain', token => $3)",
  "select pra.put_artifact_chunk($1, $2, 1, 0, 'x', token => $3)",
  "select pra.commit_artifact($1, $2, 1, token => $3)",
  "select pra.begin_object($1, $2, repeat('0', 64), 1, token => $3)",
  "select pra.commit_object($1, $2, 1, repeat('0', 64), 1, 'text/plain', token => $3)",
  "select pra.note_upload($1, $2, 1, repeat('0', 64), 0, 'x', token => $3)",
  "select pra.doubt_artifact($1, $2, repeat('0', 64), null, 1, 0, 'x', token => $3)",
  "select pra.confirm_artifact($1, $2, repeat('0', 64), null, 1, 0, token => $3)",
  "select pra.needs_room($1, $2, 1, token => $3)",
  "select pra.register_checkpoint($1, $2, 1, '[]', token => $3)",
  "select pra.next_dropped($1, $2, token => $3)",
  "select pra.forget_dropped($1, $2, 1, repeat('0', 64), 0, token => $3)",
  "select pra.keep_result($1, $2, repeat('0', 64), 'x', repeat('0', 64), token => $3)",
  "select pra.finish($1, $2, token => $3)",
  "select pra.report_exit($1, $2, 'fault', token => $3)",
  "select pra.release($1, $2, token => $3)",
  "select pra.join_gang($1, $2, token => $3)",
  "select pra.meet($1, $2, 'port', '7000', token => $3)",
  "select pra.met($1, $2, 'port', token => $3)",
]

@Suite struct LeaseTests {
  @Test("the list above is complete")
  func everyWriteIsListed() throws {
    let world = try QueueWorld()
    let named = try world.administrator.query(
      """
      select p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace
      where n.nspname = 'pra' and p.proargnames[1:2] = array['job', 'epoch']
        and p.proname not in ('read_log', 'read_log_part') and has_function_privilege('pra_worker', p.oid, 'execute')
      """
    ).map { try $0.string("proname") }
    let missing = named.filter { name in !attemptWrites.contains { $0.contains("pra.\(name)(") } }
    #expect(named.count == attemptWrites.count && missing.isEmpty, "\(missing)")
  }

  @Test("G2: a write of an attempt that was replaced is refused", arguments: attemptWrites)
  func staleEpoch(write: String) throws {
    let world = try QueueWorld()
    _ = try world.job()
    let first = try world.worker()
    let stale = try world.claimOne(first)
    try world.expire(first)
    #expect(try world.workers.reap() == 1)
    let current = try world.claimOne(try world.worker())
    #expect(current.epoch == stale.epoch + 1)
    try expectLost(world, write, stale)
  }

  @Test("G2: a write past the lease is refused before anybody reaped", arguments: attemptWrites)
  func expiredLease(write: String) throws {
    let world = try QueueWorld()
    _ = try world.job()
    let worker = try world.worker()
    let lease = try world.claimOne(worker)
    try world.expire(worker)
    try expectLost(world, write, lease)
  }

  private func expectLost(_ world: QueueWorld, _ write: String, _ lease: Lease) throws {
    let before = try world.contents()
    let session = try world.database.connect(.worker)
    let error = #expect(throws: PostgresError.self) {
      try session.query(write, lease.parameters)
    }
    #expect(error?.sqlState == "PR001")
    #expect(try world.contents() == before)
  }

  @Test("G3: the job of a dead worker is ready again, and its worker stays dead")
  func reaping() throws {
    let world = try QueueWorld()
    let job = try world.job()
    let worker = try world.worker()
    let lease = try world.claimOne(worker)
    #expect(try world.workers.reap() == 0)
    try world.expire(worker)
    #expect(try world.workers.reap() == 1)
    #expect(try world.submit.state(of: job) == .ready)
    #expect(try world.value("select outcome from pra.attempts") == "lost")
    #expect(throws: LeaseLost.self) {
      try world.workers.heartbeat(worker: worker, running: [lease])
    }
    #expect(throws: LeaseLost.self) { try world.workers.claim(worker: worker) }
  }

  @Test func anExpiredLeaseIsNotRenewed() throws {
    let world = try QueueWorld()
    let worker = try world.worker()
    try world.expire(worker)
    #expect(throws: LeaseLost.self) { try world.workers.heartbeat(worker: worker, running: []) }
  }

  @Test func aBeatNamesTheJobsThatAreNoLongerOurs() throws {
    let world = try QueueWorld()
    _ = try world.job()
    let worker = try world.worker()
    let old = try world.claimOne(worker)
    try world.workers.release(old)
    let new = try world.claimOne(worker)
    let asked = try world.workers.heartbeat(worker: worker, running: [old, new])
    #expect(asked.map(\.lease) == [old])
    #expect(asked.map(\.ask) == [.lost])
  }

  @Test func aLeavingWorkerReleasesItsJobs() throws {
    let world = try QueueWorld()
    let job = try world.job()
    let worker = try world.worker()
    _ = try world.claimOne(worker)
    try world.workers.deregister(worker: worker)
    #expect(try world.submit.state(of: job) == .ready)
    #expect(try world.value("select outcome from pra.attempts") == "released")
  }

  @Test("metrics show one clean series after a resume, and a batch sent twice counts once")
  func lineage() throws {
    let world = try QueueWorld()
    _ = try world.job()
    let worker = try world.worker()
    let session = try world.database.connect(.worker)
    func send(_ lease: Lease, batch: Int64, steps: Range<Int64>) throws {
      var copy = BinaryCopy()
      copy.row(columns: 7)
      copy.append(lease.job)
      copy.append(lease.epoch)
      copy.append(uuid: lease.token)
      copy.append(batch)
      copy.append("loss")
      copy.append(Array(steps))
      copy.append(steps.map { _ in Double(lease.epoch) })
      try session.transaction {
        try session.copy(
          """
          copy pra_store.metric_staging (job_id, epoch, token, batch, name, steps, "values")
          from stdin (format binary)
          """, copy)
        try session.query(
          "select pra.absorb_metrics($1, $2, $4, $3)", lease.parameters + [.integer(batch)])
      }
    }
    func resume(_ lease: Lease, from epoch: Int64?, at step: Int64) throws {
      try session.query(
        "select pra.continue_from($1, $2, $4, $5, $3)",
        lease.parameters + [.optional(epoch, Parameter.integer), .integer(step)])
    }
    let first = try world.claimOne(worker)
    try send(first, batch: 1, steps: 0..<10)
    try send(first, batch: 1, steps: 0..<10)
    try world.workers.release(first)
    let second = try world.claimOne(worker)
    try resume(second, from: 1, at: 6)
    try send(second, batch: 1, steps: 6..<8)
    try world.workers.release(second)
    let third = try world.claimOne(worker)
    try resume(third, from: 1, at: 4)
    try send(third, batch: 1, steps: 4..<12)

    let series = "select string_agg(step || ':' || value, ' ' order by step) from pra.metrics"
    #expect(
      try world.value(series) == "0:1 1:1 2:1 3:1 4:3 5:3 6:3 7:3 8:3 9:3 10:3 11:3")
    #expect(try world.value("select count(*) from pra.metrics_raw") == "20")
    #expect(try world.value("select count(*) from pra_store.metric_staging") == "0")
    let error = #expect(throws: PostgresError.self) {
      _ = try world.workers.finish(third, metricBatch: 2)
    }
    #expect(error?.sqlState == "PR004")
    #expect(try world.workers.finish(third, metricBatch: 1))
  }
}

@Suite struct SchemaTests {
  @Test func publicMayExecuteNothing() throws {
    let open = try QueueWorld().administrator.query(
      """
      select p.oid::regprocedure::text as name
      from pg_proc p join pg_namespace n on n.oid = p.pronamespace
      where n.nspname in ('pra', 'pra_store') and has_function_privilege('public', p.oid, 'execute')
      """
    ).map { try $0.string("name") }
    #expect(open.isEmpty)
  }

  /// Public functions run as the owner, with a search path that their caller cannot change. They call the
  /// private ones, which run as the owner for that reason alone, and which nobody else may call.
  @Test func publicFunctionsPinTheirSearchPathAndPrivateOnesAreTheOwners() throws {
    let loose = try QueueWorld().administrator.query(
      """
      select p.oid::regprocedure::text as name
      from pg_proc p join pg_namespace n on n.oid = p.pronamespace
      where n.nspname in ('pra', 'pra_store')
        and ((n.nspname = 'pra' or p.prosecdef)
            and not coalesce(p.prosecdef and 'search_path=pg_catalog, pg_temp' = any(p.proconfig), false)
          or n.nspname = 'pra_store' and exists (
            select from aclexplode(p.proacl) as a where a.grantee <> p.proowner))
      """
    ).map { try $0.string("name") }
    #expect(loose.isEmpty)
  }

  @Test func everyColumnOfAViewHasAComment() throws {
    let silent = try QueueWorld().administrator.query(
      """
      select c.relname || '.' || a.attname as name
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
      join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
      where n.nspname = 'pra' and c.relkind = 'v'
        and (col_description(c.oid, a.attnum) is null or obj_description(c.oid) is null)
      """
    ).map { try $0.string("name") }
    #expect(silent.isEmpty)
  }

  @Test func workersHaveNoTableButTheStagingOne() throws {
    let rights = try QueueWorld().administrator.query(
      """
      select grantee || ' ' || privilege_type || ' ' || table_name as right
      from information_schema.role_table_grants
      where table_schema = 'pra_store' and grantee <> 'pra_owner'
      """
    ).map { try $0.string("right") }
    #expect(rights == ["pra_worker INSERT metric_staging"])
  }
}
