// Enqueues jobs of every shape; cancels, preempts and retries some; waits until all have ended.

import Glibc
import JobQueue
import Postgres
import Threads

struct ChaosSubmitter {
  private let url: DatabaseURL
  private let log: Log
  private let seed: UInt64
  private let count: Int

  init(_ url: DatabaseURL, _ log: Log, _ seed: UInt64, _ count: Int) {
    (self.url, self.log, self.seed, self.count) = (url, log, seed, count)
  }

  func run() throws {
    var dice = Dice(seed)
    var server = RetryingConnection(url: url, role: .submit, name: "chaos submit", report: { _ in })
    let run = try server.run {
      let queue = SubmitQueue($0)
      try queue.setLimit("three", slots: 3)
      return try queue.createRun(name: "chaos", idempotencyKey: "chaos")
    }
    var known: [Int64] = []
    var elements = 0
    var number = 0
    // Work must last until the last fault, after which the driver removes this file.
    while elements < count || access("\(log.path).more", F_OK) == 0 {
      number += 1
      let shape = dice.percent()
      var more = ""
      var size = 1
      switch shape {
      case ..<30: break
      case ..<45: more = ", limits => '{three}'"
      case ..<55:
        size = 20
        more = ", array_first => 0, array_last => 19, pack => 4, array_limit => 2"
      case ..<65:
        size = 12
        more = ", array_first => 5, array_last => 16"
      case ..<72:
        size = Int.random(in: 2...3, using: &dice)
        more = ", array_first => 0, array_last => \(size - 1), gang => true"
      case ..<90:
        if let parent = known.randomElement(using: &dice) { more = ", after => '{\(parent)}'" }
      default: more = ", delay => '200 ms', priority => \(dice.percent() / 20)"
      }
      // Repeated with the same key until it is answered, and sometimes once more.
      for _ in 0..<(dice.percent() < 10 ? 2 : 1) {
        var asked = 0.0
        do {
          let id = try server.run {
            asked = monotonicSeconds()
            return try $0.query(
              """
              select pra.enqueue(kind => 'chaos', run => $1, arguments => '{}', lost_retries => 100000,
                fault_retries => 100000, idempotency_key => $2\(more)) as id
              """, [.integer(run), .text("key \(number)")]
            ).single().integer("id")
          }
          log.say("enqueued", asked: asked, [("key", "\(number)"), ("job", "\(id)")])
          known.append(id)
        } catch let error as PostgresError where ["PR002", "PR004"].contains(error.sqlState) {
          // The parent was lost when a backup was restored, or the key came back with another parent.
        }
      }
      elements += size
      if dice.percent() < 8 { try disturb(known.randomElement(using: &dice)!, &dice, &server) }
      usleep(useconds_t.random(in: 0..<4000, using: &dice))
      if dice.percent() < 10 { try letTheLineRunEmpty(&server) }
    }
    try seeThemEnd(&server)
    print("ended-all")
  }

  /// Waits until the line is empty, so that workers wait as well; a second at most.
  private func letTheLineRunEmpty(_ server: inout RetryingConnection) throws {
    for _ in 0..<20 {
      let ready = try server.run {
        try $0.query("select count(*) as n from pra.jobs where state = 'ready'").single().integer(
          "n")
      }
      if ready == 0 { return }
      usleep(50_000)
    }
  }

  private func disturb(_ job: Int64, _ dice: inout Dice, _ server: inout RetryingConnection) throws
  {
    let how = dice.percent()
    do {
      try server.run {
        let queue = SubmitQueue($0)
        switch how {
        case ..<25: try queue.cancel(job, withDependents: how < 10)
        case ..<70: try queue.preempt(job, grace: .milliseconds(300))
        default: try queue.retry(job)
        }
      }
    } catch let error as PostgresError where ["PR002", "PR004"].contains(error.sqlState) {
      // The job's state does not allow it.
    }
  }

  /// Waits until all jobs have ended; retries jobs that ended badly, so that their dependents can
  /// run.
  private func seeThemEnd(_ server: inout RetryingConnection) throws {
    while true {
      let open = try server.run {
        try SubmitQueue($0).reap()
        return try $0.query(
          """
          select count(*) as n from pra.jobs where state in ('blocked', 'ready', 'running')
          """
        ).single().integer("n")
      }
      if open == 0 { return }
      let stuck = try server.run {
        try $0.query(
          """
          select distinct p.id
          from pra.jobs as j cross join unnest(j.depends_on) as d join pra.jobs as p on p.id = d
          where j.state = 'blocked' and p.state in ('failed', 'cancelled', 'quarantined')
          order by p.id
          """
        ).map { try $0.integer("id") }
      }
      for job in stuck {
        do {
          try server.run { try SubmitQueue($0).retry(job) }
        } catch let error as PostgresError where ["PR002", "PR004"].contains(error.sqlState) {
          // A member of a gang, running again, or lost when a backup was restored.
        }
      }
      usleep(100_000)
    }
  }
}
