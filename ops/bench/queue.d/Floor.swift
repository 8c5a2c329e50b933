// The least that a queue can do, which shows how much of a latency is due to the machine and the
// server: one table, an insert that notifies, an update of the first row that nobody has locked. No
// runs, no epochs, no attempts.

import Glibc
import Postgres

struct Floor {
  private let connection: Connection

  init(_ url: DatabaseURL) throws {
    connection = try Connection(url, name: "bench floor")
  }

  /// Prints `ready`, waits for a line, then works for ever; prints `lat MICROSECONDS` at the start
  /// of each job.
  func work() throws {
    try connection.run(
      """
      create table public.floor (
        id bigint generated always as identity primary key, state text not null default 'ready',
        enqueued bigint not null);
      create index on public.floor (id) where state = 'ready'
      """)
    try connection.listen("floor")
    print("ready")
    fflush(nil)
    guard readLine() != nil else { return }
    while true {
      guard let job = try connection.query(Self.claim).first else {
        _ = try connection.wait(.seconds(1))
        continue
      }
      let enqueued = Int64(job.text(at: 0) ?? "") ?? 0
      print("lat \(Contender.microseconds() - enqueued)")
      fflush(nil)
    }
  }

  /// Enqueues `count` jobs that carry their time, 50 ms apart.
  func enqueue(_ count: Int) throws {
    for _ in 0..<count {
      usleep(50_000)
      _ = try connection.query(Self.insert, [.text(String(Contender.microseconds()))])
    }
  }

  private static let insert = """
    with added as (insert into public.floor (enqueued) values ($1) returning id)
    select pg_notify('floor', '') from added
    """
  private static let claim = """
    update public.floor set state = 'running'
    where id = (
      select id from public.floor where state = 'ready' order by id limit 1 for update skip locked)
    returning enqueued
    """
}
