// Submitters act on their own work, operators on all; the journal and the rows have the person.

import Foundation
import JobQueue
import Postgres
import Testing

@Suite struct OwnershipTests {
  /// A world with logins of its own: two submitters, an operator, and programs that act for others.
  private struct Lab {
    let world: QueueWorld
    let name = "login_\(UInt32.random(in: 0...UInt32.max))"
    /// Run and job of `ada`.
    let run: Int64
    let job: Int64

    init() throws {
      world = try QueueWorld()
      try world.administrator.run(
        """
        create role \(name)_ada login in role pra_submit; create role \(name)_bob login in role pra_submit;
        create role \(name)_olga login in role pra_operator;
        create role \(name)_web login in role pra_submit, pra_proxy;
        create role \(name)_board login in role pra_operator, pra_proxy
        """)
      let session = try Connection(world.database.url.with("user", "\(name)_ada"), role: .submit)
      run = try SubmitQueue(session).createRun(name: "of ada")
      job = try SubmitQueue(session).enqueue(NewJob(kind: "train", run: run))
      try session.query("select pra.schedule('nightly', '0 3 * * *', \(run), 'train', '{}')")
    }

    func session(_ person: String, actingFor actor: String? = nil, operates: Bool = false) throws
      -> Connection
    {
      let session = try Connection(
        world.database.url.with("user", "\(name)_\(person)"), role: .submit)
      if let actor { try session.query("select set_config('pra.actor', '\(actor)', false)") }
      if operates { try session.query("select set_config('pra.operates', 'yes', false)") }
      return session
    }

    /// The SQLSTATE of each of some statements, without their effects.
    func states(_ session: Connection, _ statements: [String]) throws -> [String: String] {
      var states: [String: String] = [:]
      for sql in statements {
        try session.run("begin")
        do {
          try session.query("select \(sql)")
          states[sql] = "done"
        } catch {
          states[sql] = error.sqlState
        }
        try session.run("rollback")
      }
      return states
    }

    /// The SQLSTATE of a pause of the run of `ada`.
    func pausing(_ session: Connection) throws -> String? {
      let found = try states(session, ["pra.pause_run(\(run))"])
      return found.values.first
    }

    var ofRuns: [String] {
      [
        "pra.cancel(\(job))", "pra.cancel(\(job), true)", "pra.cancel_run(\(run))",
        "pra.cancel_many('{\(job)}')", "pra.pause_run(\(run))", "pra.resume_run(\(run))",
        "pra.set_run_weight(\(run), 3)", "pra.rename_run(\(run), 'other')",
        "pra.tag_run(\(run), '{a}')", "pra.note_run(\(run), 'a')", "pra.archive_run(\(run))",
        "pra.unschedule('nightly')", "pra.pause_schedule('nightly')",
        "pra.schedule('nightly', '0 4 * * *', \(run), 'train', '{}')",
      ]
    }

    var ofOperators: [String] {
      [
        "pra.set_limit('licence', 4)", "pra.set_user_weight('ada', 9)",
        "pra.pause_queue('default')",
        "pra.resume_queue('default')",
      ]
    }
  }

  @Test func aSubmitterActsOnHisOwnRuns() throws {
    let lab = try Lab()
    let own = try lab.states(try lab.session("ada"), lab.ofRuns)
    #expect(own.allSatisfy { $0.value == "done" }, "\(own)")
    let others = try lab.states(try lab.session("bob"), lab.ofRuns + lab.ofOperators)
    #expect(others.allSatisfy { $0.value == "42501" }, "\(others)")
    // A job that does not exist is said to be none.
    #expect(try lab.states(lab.session("bob"), ["pra.cancel(99)"]).values.first == "PR002")
  }

  @Test func anOperatorActsOnAll() throws {
    let lab = try Lab()
    let done = try lab.states(try lab.session("olga"), lab.ofRuns + lab.ofOperators)
    #expect(done.allSatisfy { $0.value == "done" }, "\(done)")
    let worker = try lab.world.worker()
    let lease = try lab.world.claimOne(worker)
    let olga = try lab.session("olga")
    let deeds = [
      "pra.drain(\(worker.worker))", "pra.declare_dead(\(worker.worker))",
      "pra.preempt(\(lease.job))",
    ]
    #expect(try lab.states(try lab.session("bob"), deeds).allSatisfy { $0.value == "42501" })
    #expect(try lab.states(olga, deeds).allSatisfy { $0.value == "done" })
    try lab.world.workers.reportExit(lease, .permanent)
    #expect(
      try lab.states(lab.session("bob"), ["pra.retry(\(lease.job))"]).values.first == "42501")
    #expect(try lab.states(olga, ["pra.retry(\(lease.job))"]).values.first == "done")
  }

  @Test func ownJobsInRunsOfOthersAreOnesOwn() throws {
    let lab = try Lab()
    let bob = SubmitQueue(try lab.session("bob"))
    let mine = try bob.enqueue(NewJob(kind: "sample", run: lab.run))
    #expect(try bob.cancel(mine) == 1)
    let array = try bob.enqueue(
      {
        var job = NewJob(kind: "sample", run: try bob.createRun(name: "of bob"))
        job.array = JobArray(0...9)
        job.array?.limit = 2
        return job
      }())
    #expect(try bob.cancel(array) == 1)
    // A run's owner may stop what others have added to it.
    _ = try bob.enqueue(NewJob(kind: "sample", run: lab.run))
    #expect(try SubmitQueue(try lab.session("ada")).cancelRun(lab.run) == 2)
  }

  @Test func onlyAProxySaysForWhomItActs() throws {
    let lab = try Lab()
    for (person, actor) in [("bob", "\(lab.name)_bob"), ("web", "ann")] {
      let session = try lab.session(person, actingFor: "ann")
      let run = try SubmitQueue(session).createRun(name: "of ann")
      _ = try SubmitQueue(session).enqueue(NewJob(kind: "train", run: run))
      try SubmitQueue(session).setWeight(run: run, 2)
      #expect(
        try lab.world.value(
          """
          select concat_ws(' ', r.created_by, j.created_by, e.actor)
          from pra.runs as r join pra.jobs as j on j.run_id = r.id
          join pra.events as e on e.run_id = r.id and e.kind = 'run.weighed' where r.id = \(run)
          """) == "\(actor) \(actor) \(actor)")
    }
    // The person whom it names has the rights of that person, and not those of the program.
    #expect(try lab.pausing(lab.session("web", actingFor: "\(lab.name)_ada")) == "done")
    #expect(try lab.pausing(lab.session("web", actingFor: "\(lab.name)_olga")) == "done")
    #expect(try lab.pausing(lab.session("web", actingFor: "ann", operates: true)) == "42501")
    #expect(try lab.pausing(lab.session("board", actingFor: "ann")) == "42501")
    #expect(try lab.pausing(lab.session("board", actingFor: "ann", operates: true)) == "done")
    #expect(
      try lab.pausing(lab.session("bob", actingFor: "\(lab.name)_ada", operates: true)) == "42501")
  }
}
