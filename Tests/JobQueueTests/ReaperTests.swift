import JobQueue
import Postgres
import Testing

@Suite struct ReaperTests {
  /// Rows that a held snapshot keeps stay in the indexes, while the planner's statistics count only
  /// the few live ones: a plan that begins with such an index reads all rows since then, for each
  /// array.
  @Test("jobs that ended under a held snapshot are not read for each array")
  func heldSnapshot() throws {
    let world = try QueueWorld()
    let holder = try world.database.connect()
    try holder.run("begin isolation level repeatable read")
    try holder.query("select 1")
    let parts: Int64 = 100
    let worker = try world.worker(slots: 10_000)
    /// Arrays whose elements are all claimed, with this many parts still running.
    func work(arrays: Int, leaving rest: Int64) throws {
      for _ in 0..<arrays { _ = try world.job { $0.array = JobArray(0...parts - 1) } }
      while true {
        let claimed = try world.workers.claim(worker: worker, count: 500)
        if claimed.isEmpty { break }
        let done = claimed.filter { $0.elements!.range.upperBound <= parts - rest }
        _ = try world.workers.finishMany(worker: worker, done.map(\.lease))
      }
    }
    try work(arrays: 30, leaving: 0)
    let reaper = world.administrator
    try reaper.run("vacuum (analyze, index_cleanup on) pra_store.jobs")
    try work(arrays: 5, leaving: 1)
    func entriesRead() throws -> Int64 {
      try reaper.query("select pg_stat_force_next_flush()")
      return try reaper.query(
        """
        select sum(idx_tup_read)::bigint as read from pg_stat_user_indexes
        where indexrelname in ('jobs_cut_unfinished', 'jobs_running')
        """
      ).single().integer("read")
    }
    let before = try entriesRead()
    try reaper.query("select pra.reap()")
    let read = try entriesRead() - before
    // The parts of arrays that run, once.
    #expect(read <= 5 * parts)
    try holder.run("rollback")
  }
}
