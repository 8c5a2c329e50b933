// Acting: the right person, from the right page, and nobody else.

import DatabaseTesting
import Foundation
import JobQueue
import Postgres
import Testing

@Suite struct ActingTests {
  let world: DashboardWorld
  let server: Server
  let run: Int64

  init() throws {
    world = try DashboardWorld()
    run = try world.submit.createRun(name: "acted on")
    let actors = FileManager.default.temporaryDirectory.appending(
      path: "actors-\(UUID().uuidString)")
    try "ann = operate # the operator\nbob = submit\neve = read\n".write(
      to: actors, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(at: actors) }
    server = try Server(
      world.database.url, "--listen", "127.0.0.1:0", "--user-header", "X-Remote-User",
      "--trusted-proxy", "127.0.0.1",
      "--actions", "yes", "--actors", actors.path(percentEncoded: false))
  }

  private func page(_ path: String, as user: String) throws -> RawReply {
    try server.get(path, headers: ["X-Remote-User: \(user)"])
  }

  private func act(
    _ verb: String, _ target: some CustomStringConvertible, as user: String, token: String? = nil,
    origin: String? = nil
  ) throws
    -> RawReply
  {
    let asked = try page("/act?verb=\(verb)&target=\(target)", as: user).body
    let own =
      asked.firstMatch(of: /name="token" value="([0-9a-f]*)"/).map { String($0.output.1) } ?? ""
    let body = "verb=\(verb)&target=\(target)&token=\(token ?? own)"
    return try server.send(
      "POST /act HTTP/1.1\r\nHost: 127.0.0.1:\(server.port)\r\nX-Remote-User: \(user)\r\n"
        + "Origin: \(origin ?? "http://127.0.0.1:\(server.port)")\r\n"
        + "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
    )
  }

  private func isPaused() throws -> Bool {
    try world.admin.query("select paused_at is not null as paused from pra.runs where id = \(run)")
      .single()
      .boolean("paused")
  }

  @Test func aRunIsPausedAndTheJournalHasThePerson() throws {
    #expect(
      try page("/act?verb=pause-run&target=\(run)", as: "ann").body.contains("pra pause \(run)"))
    let done = try act("pause-run", run, as: "ann")
    #expect(done.status == 200 && done.body.contains("run \(run) is paused"), "\(done.body)")
    #expect(try isPaused())
    let actor = try world.admin.query(
      "select actor from pra.events where kind = 'run.paused' and run_id = \(run)"
    ).single().string("actor")
    #expect(actor == "ann")
  }

  @Test func othersAreRefused() throws {
    #expect(try act("pause-run", run, as: "ann", token: "no").status == 403)
    #expect(try act("pause-run", run, as: "ann", origin: "https://evil.example").status == 403)
    #expect(try act("pause-run", run, as: "eve").status == 403)
    #expect(try act("drain-worker", 1, as: "bob").status == 403)
    #expect(try page("/act?verb=explode&target=1", as: "ann").status == 400)
    // A token of one person is none of another's.
    let asked = try page("/act?verb=pause-run&target=\(run)", as: "ann").body
    let token = try #require(asked.firstMatch(of: /name="token" value="([0-9a-f]+)"/)).output.1
    #expect(try act("pause-run", run, as: "bob", token: String(token)).status == 403)
    #expect(try !isPaused())
    #expect(try server.get("/runs", headers: []).status == 401, "the proxy named nobody")
  }

  @Test func aFilterOfManyJobsIsCancelledAtOnce() throws {
    for _ in 0..<300 { _ = try world.submit.enqueue(NewJob(kind: "sample", run: run)) }
    _ = try world.submit.enqueue(NewJob(kind: "train", run: run))
    let filter = "run%3D\(run)+kind%3Dsample"
    let asked = try page("/act?verb=cancel-jobs&target=\(filter)", as: "bob").body
    #expect(asked.contains("<b>300 jobs</b>") && asked.contains("pra cancel 1 2 3"))
    // They are somebody else's, for whom bob may not act.
    let refused = try act("cancel-jobs", filter, as: "bob")
    #expect(
      refused.status == 403 && refused.body.contains("was enqueued by pra"), "\(refused.body)")
    try world.admin.run("update pra_store.runs set created_by = 'bob' where id = \(run)")
    let done = try act("cancel-jobs", filter, as: "bob")
    #expect(done.body.contains("300 of 300 jobs were cancelled"), "\(done.body)")
    let left = try world.admin.query("select kind from pra.jobs where finished_at is null")
    #expect(try left.map { try $0.string("kind") } == ["train"])
    #expect(try page("/act?verb=cancel-jobs&target=colour%3Dred", as: "bob").status == 400)
  }

  /// Each deed that a page offers, with the command that does the same and the person in the journal.
  @Test func deedsOnJobsRunsAndWorkers() throws {
    let worker = try world.worker()
    let job = try world.submit.enqueue(NewJob(kind: "train", run: run))
    #expect(try act("set-priority", "\(job)+7", as: "bob").status == 403, "it is of another's run")
    try world.admin.run("update pra_store.runs set created_by = 'bob' where id = \(run)")
    #expect(try page("/jobs/\(job)", as: "bob").body.contains("value=\"set-priority\""))
    let asked = try page("/act?verb=set-priority&target=\(job)&to=7", as: "bob").body
    #expect(asked.contains("pra priority \(job) --to 7"))
    #expect(try act("set-priority", "\(job)+7", as: "bob").body.contains("has priority 7"))
    #expect(try act("set-priority", "\(job)+x", as: "bob").status == 400)
    #expect(try act("set-priority", "\(job)", as: "eve").status == 403)
    let claimed = try #require(try world.workers.claim(worker: worker).first)
    #expect(try act("preempt-job", job, as: "bob").status == 403, "it needs operate")
    #expect(try act("preempt-job", job, as: "ann").body.contains("asked to give way"))
    #expect(
      try page("/act?verb=drain-worker&target=\(worker.worker)", as: "ann").body.contains(
        "<b>1 job</b>"))
    #expect(
      try act("drain-worker", worker.worker, as: "ann").body.contains("1 job was asked to stop"))
    #expect(try act("undrain-worker", worker.worker, as: "ann").body.contains("gets jobs again"))
    _ = try world.workers.reportExit(claimed.lease, .permanent, message: "broken", exitCode: 1)
    #expect(try act("retry-job", job, as: "bob").body.contains("job \(job) is ready"))
    #expect(try act("cancel-job", job, as: "bob").body.contains("1 job was cancelled"))
    #expect(try act("pause-queue", "default", as: "ann").body.contains("queue default is paused"))
    #expect(try act("resume-queue", "default", as: "ann").body.contains("queue default goes on"))
    let people = try world.admin.query(
      "select kind, actor from pra.events where actor in ('ann', 'bob') order by id"
    ).map { "\(try $0.string("actor")) \(try $0.string("kind"))" }
    for line in [
      "bob job.priority_set", "ann job.preempt_requested", "bob job.retried", "bob job.cancelled",
      "ann queue.paused", "ann queue.resumed",
    ] { #expect(people.contains(line), "\(line) of \(people)") }
  }

  @Test func buttonsAreShownToThoseWhoMay() throws {
    _ = try world.submit.enqueue(NewJob(kind: "train", run: run))
    try world.submit.pause(run: run)
    #expect(try page("/queue", as: "bob").body.contains("<button>resume run \(run)</button>"))
    #expect(try !page("/queue", as: "eve").body.contains("<button>resume"))
  }
}
