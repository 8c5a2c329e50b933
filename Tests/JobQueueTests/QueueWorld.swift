import DatabaseTesting
import Foundation
import JobQueue
import Postgres
import Synchronization

/// A database of its own with one run, a submitter and as many workers as a test asks for.
struct QueueWorld {
  let database: TestDatabase
  let administrator: Connection
  let submit: SubmitQueue
  let workers: WorkerQueue
  let run: Int64

  init() throws {
    database = try TestDatabase.create()
    administrator = try database.connect()
    submit = SubmitQueue(try database.connect(.submit))
    workers = WorkerQueue(try database.connect(.worker))
    run = try submit.createRun(name: "test")
  }

  func job(_ kind: String = "train", _ change: (inout NewJob) -> Void = { _ in }) throws -> Int64 {
    var job = NewJob(kind: kind, run: run)
    change(&job)
    return try submit.enqueue(job)
  }

  func worker(labels: String = "{}", queues: [String] = ["default"], slots: Int = 100) throws
    -> Registration
  {
    try workers.register(
      name: "w", labels: labels, queues: queues, kinds: ["train", "sample"], slots: slots)
  }

  /// Claims the only job.
  func claimOne(_ worker: Registration) throws -> Lease {
    let claimed = try workers.claim(worker: worker)
    guard let first = claimed.first else {
      throw PostgresError(.unexpected, sqlState: "02000", message: "nothing to claim")
    }
    return first.lease
  }

  /// Lets a worker's lease expire on the database's clock. A server younger than a lease does not
  /// enforce it yet, so the statement waits until the server is a second old.
  func expire(_ worker: Registration) throws {
    try administrator.query(
      """
      update pra_store.workers
      set lease = interval '1 second', lease_expires_at = clock_timestamp() - interval '1 hour'
      where id = $1
      """, [.integer(worker.worker)])
    try administrator.query(
      """
      select pg_sleep(greatest(0, extract(epoch from
        pg_postmaster_start_time() + interval '1.01 seconds' - clock_timestamp())))
      """)
  }

  /// The number of rows of every table, and the state of every job and worker.
  func contents() throws -> [String] {
    let tables = try administrator.query(
      """
      select format('%I.%I', schemaname, tablename) as name from pg_tables
      where schemaname = 'pra_store' order by 1
      """
    ).map { try $0.string("name") }
    return try tables.map { "\($0) \(try value("select count(*) from \($0)") ?? "")" }
      + [
        try value("select string_agg(j::text, ';' order by id) from pra_store.jobs j") ?? "",
        try value("select string_agg(w::text, ';' order by id) from pra_store.workers w") ?? "",
      ]
  }

  func value(_ sql: String) throws -> String? {
    try administrator.query(sql).single().text(at: 0)
  }
}

/// Runs bodies in parallel, each on its own thread, since they block and tasks share only as many
/// threads as there are CPUs. If one throws, the others are told.
func onThreads<Value: Sendable>(
  _ count: Int, _ body: @escaping @Sendable (Int, Team) throws -> Value
) throws -> [Value] {
  let team = Team()
  let results = Mutex<[Int: Result<Value, any Error>]>([:])
  let group = DispatchGroup()
  for i in 0..<count {
    group.enter()
    Thread.detachNewThread {
      let result = Result { try body(i, team) }
      if case .failure = result { team.hasFailed.store(true, ordering: .sequentiallyConsistent) }
      results.withLock { $0[i] = result }
      group.leave()
    }
  }
  group.wait()
  return try (0..<count).map { i in try results.withLock { $0[i]! }.get() }
}

/// The state that the threads of one test share.
final class Team: Sendable {
  let hasFailed = Atomic(false)
  let done = Atomic(0)

  var goesOn: Bool { !hasFailed.load(ordering: .sequentiallyConsistent) }
}
