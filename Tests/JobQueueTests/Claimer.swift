import DatabaseTesting
import JobQueue
import Postgres
import Testing

/// A worker with a session of its own, which can be asked what it keeps of its last look at the line.
struct Claimer {
  let session: Connection
  let queue: WorkerQueue
  let worker: Registration

  init(_ database: TestDatabase) throws {
    session = try database.connect(.worker)
    queue = WorkerQueue(session)
    worker = try queue.register(name: "w", kinds: ["train"], slots: 100)
  }

  func claim(_ count: Int = 1) throws -> [ClaimedJob] {
    try queue.claim(worker: worker, count: count)
  }

  /// Claims and finishes five jobs at a time until three claims find nothing; returns their number.
  func drain(with team: Team) throws -> Int {
    var done = 0
    var misses = 0
    while misses < 3 && team.goesOn {
      let claimed = try claim(5).map(\.lease)
      done += try queue.finishMany(worker: worker, claimed).count
      misses = claimed.isEmpty ? misses + 1 : 0
    }
    return done
  }

  /// Lets the session keep the line as it is now, as after a look that took long.
  func keepLine(_ administrator: Connection) throws {
    let line = try administrator.query(
      """
      select row(
          $1::bigint, clock_timestamp() + interval '1 hour', array_agg(l.lane_id), array_agg(l.place),
          null::bigint[], null::bigint[])::pra_store.line_view::text as line
      from (
        select lane_id, min(place) as place from pra_store.jobs
        where state = 'ready' and due group by lane_id
      ) as l
      """, [.integer(worker.worker)]
    ).single().string("line")
    try session.query("select set_config('pra.line_view', $1, false)", [.text(line)])
  }

  /// The line that the session keeps; empty where it keeps none.
  func line() throws -> String {
    try session.query("select current_setting('pra.line_view', true)").single().text(at: 0) ?? ""
  }

  /// Lets what the session keeps expire.
  func expireLine() throws { try session.query("select set_config('pra.line_view', '', false)") }
}
