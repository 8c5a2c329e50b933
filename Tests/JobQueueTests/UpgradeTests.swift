import DatabaseTesting
import Foundation
import JobQueue
import Postgres
import Synchronization
import Testing

/// The statements of the workers of version 0.1.0 (schema 9), unchanged.
private enum Old {
  static let register = """
    select pra.register_worker(
      name => $1, labels => $2::jsonb, queues => $3, kinds => $4, slots => $5, lease => $6,
      version => $7) as id
    """
  static let heartbeat = "select job, epoch, ask from pra.heartbeat($1, $2, $3, $4)"
  static let claim = """
    select job, epoch, run, run_name, kind, queue, arguments from pra.claim($1, $2)
    """
  static let reportExit = """
    select pra.report_exit(
      job => $1, epoch => $2, class => $3, message => $4, exit_code => $5, exit_signal => $6
    ) as state
    """
  static let finish = """
    select pra.finish(
      job => $1, epoch => $2, outputs => $3::jsonb, images => $4::jsonb,
      evaluations => $5::jsonb, result => $6::jsonb, metric_batch => $7) as committed
    """
  static let enqueue = """
    select pra.enqueue(
      kind => $1, run => $2, arguments => $3::jsonb, queue => $4, priority => $5, delay => $6,
      after => $7, requirements => $8, idempotency_key => $9, time_limit => $10) as id
    """
}

@Suite struct UpgradeTests {
  private static func retrying<Value>(_ body: () throws -> Value) throws -> Value {
    while true {
      do {
        return try body()
        // Transient errors, after which a worker retries.
      } catch let error as PostgresError where ["40P01", "55P03", "57014"].contains(error.sqlState)
      {
        continue
      }
    }
  }

  /// Claims and ends jobs with the old statements until all are done; returns how many it finished.
  private static func work(_ url: DatabaseURL, _ team: Team) throws -> Int {
    let session = try Connection(url, role: .worker)
    let worker = try retrying {
      try session.query(
        Old.register,
        [
          "w", "{}", .texts(["default"]), .texts(["train"]), 4, .interval(.seconds(30)), .null,
        ]
      ).single().integer("id")
    }
    var mine = 0
    var ends = 0
    while team.done.load(ordering: .sequentiallyConsistent) < jobs && team.goesOn {
      let claimed = try retrying { try session.query(Old.claim, [.integer(worker), 2]) }
      let leases = try claimed.map {
        (job: try $0.integer("job"), epoch: try $0.integer("epoch"))
      }
      _ = try retrying {
        try session.query(
          Old.heartbeat,
          [
            .integer(worker), .integers(leases.map(\.job)), .integers(leases.map(\.epoch)),
            .boolean(false),
          ])
      }
      for lease in leases {
        ends += 1
        if ends % 7 == 0 {
          _ = try retrying {
            try session.query(
              Old.reportExit,
              [.integer(lease.job), .integer(lease.epoch), "released", .null, .null, .null])
          }
        } else {
          let isNew = try retrying {
            try session.query(
              Old.finish,
              [.integer(lease.job), .integer(lease.epoch), "[]", "[]", "[]", "{}", 0]
            ).single().boolean("committed")
          }
          guard isNew else { continue }
          mine += 1
          team.done.add(1, ordering: .sequentiallyConsistent)
        }
      }
    }
    return mine
  }

  private static let jobs = 600

  private static func enqueue(_ session: Connection) throws {
    _ = try retrying {
      try session.query(
        Old.enqueue,
        [
          "train", 1, "{}", "default", 0, .interval(.zero), .integers([Int64]()),
          .texts([]), .null, .null,
        ])
    }
  }

  @Test("workers of the version before go on while the schema is migrated under them")
  func underLiveWorkers() throws {
    let database = try TestDatabase.create(migrated: false)
    let admin = try database.connect()
    try Migrator(admin).migrate(upTo: 9)
    let submit = try database.connect(.submit)
    try submit.query("select pra.create_run('old')")
    for _ in 0..<Self.jobs / 2 { try Self.enqueue(submit) }
    let url = database.url
    let finished = try onThreads(5) { i, team in
      switch i {
      case 0:
        // A worker of the version before that registers later is refused, and ends.
        let looker = try Connection(url)
        while try team.goesOn
          && (team.done.load(ordering: .sequentiallyConsistent) < 50
            || looker.query("select from pra.workers").count < 3)
        { usleep(1000) }
        try Migrator(try Connection(url)).migrate()
        return 0
      case 1:
        let session = try Connection(url, role: .submit)
        for _ in 0..<Self.jobs / 2 { try Self.enqueue(session) }
        return 0
      default: return try Self.work(url, team)
      }
    }.reduce(0, +)
    #expect(finished == Self.jobs)
    try Migrator(admin).verify()
    let states = try admin.query(
      "select state || ' ' || count(*) as n from pra.jobs group by state")
    #expect(try states.map { try $0.string("n") } == ["succeeded \(Self.jobs)"])
    let wrong = try admin.query(
      """
      select from pra.attempts where outcome = 'succeeded' group by job_id having count(*) > 1
      """)
    #expect(wrong.isEmpty)
  }
}
