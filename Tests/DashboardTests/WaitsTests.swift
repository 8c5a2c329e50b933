// Words of pages about work that does not go on: why, since when, and what would change it.

import JobQueue
import Postgres
import Testing

@Suite struct WaitsTests {
  let world: DashboardWorld
  let server: Server

  init() throws {
    world = try DashboardWorld()
    server = try Server(world.database.url)
  }

  @Test func aRunOfWhichNothingIsAtWorkSaysWhy() throws {
    let run = try world.submit.createRun(name: "large")
    var job = NewJob(kind: "train", run: run)
    job.requirements = ["vram_gib>=40"]
    let first = try world.submit.enqueue(job)
    var next = NewJob(kind: "sample", run: run)
    next.after = [first]
    let second = try world.submit.enqueue(next)
    _ = try world.worker()
    let page = try server.page("/runs/\(run)").body
    #expect(
      page.contains(
        "<a href=\"../jobs/\(first)\">job \(first)</a> (train) waits. <b>no-matching-worker</b>: none of 1 live"
      ))
    let waits = try server.page("/jobs/\(second)").body
    #expect(waits.contains("waits for <a href=\"../jobs/\(first)\">job \(first)</a> (train)"))
    #expect(waits.contains("<td><a href=\"../jobs/\(first)\">\(first)</a></td>"))
    let needs = try server.page("/jobs/\(first)").body
    #expect(needs.contains("<td>vram_gib &gt;= 40</td>"))
    // While something of it is at work that is what the page shows.
    let (busy, _) = try world.training("busy")
    _ = try world.submit.enqueue(NewJob(kind: "probe", run: busy))
    #expect(try !server.page("/runs/\(busy)").body.contains(" waits. "))
  }

  /// A missing beat is marked before the lease ends and the job is given back.
  @Test func aMissingBeatIsSeenWithTheTimeThatIsLeft() throws {
    let worker = try world.worker()
    let (run, _) = try world.training("silent", worker: worker)
    #expect(try !server.page("/queue").body.contains("no beat"))
    try world.admin.run(
      "update pra_store.workers set beat_at = clock_timestamp() - interval '400 s' where id = \(worker.worker)"
    )
    for path in ["/runs/\(run)", "/workers"] {
      let page = try server.page(path).body
      let found = try #require(
        page.firstMatch(of: /no beat for 6 min 4\d s: given back in 3 min (20|1\d) s/), "\(path)")
      #expect(!found.output.0.isEmpty)
    }
  }

  @Test func momentsOfReasonsAreTheReaders() throws {
    let run = try world.submit.createRun(name: "paused")
    _ = try world.submit.enqueue(NewJob(kind: "train", run: run))
    try world.submit.pause(run: run)
    let page = try server.page("/queue").body
    #expect(
      page.contains(
        "<a href=\"runs/\(run)\">run \(run)</a> &quot;paused&quot; is paused since <time datetime=")
    )
  }

  /// Trainings that have come to different places have means of different numbers of steps, and no best.
  @Test func endsOfDifferentLengthsAreShownAndNotStarred() throws {
    let (one, first) = try world.training("one")
    let (two, second) = try world.training("two")
    try world.series("loss", of: first.job, steps: 120)
    try world.series("loss", of: second.job, steps: 90)
    let apart = try server.page("/compare?runs=\(one),\(two)").body
    #expect(apart.contains("<th scope=\"row\">loss at its end</th>"))
    #expect(apart.contains("mean of 12 steps") && apart.contains("mean of 9 steps"))
    #expect(!apart.contains("★") && apart.contains("None is called the best"))
    let (three, third) = try world.training("three")
    try world.series("loss", of: third.job, steps: 120, value: "2 / (1 + step / 1000.0)")
    let beside = try server.page("/compare?runs=\(one),\(three)").body
    #expect(beside.contains("★") && beside.contains("Best by loss at its end"))
  }

  /// Jobs that wait for one that failed do not make the run longer.
  @Test func theTimeOfAFailedRunStandsStill() throws {
    let (run, lease) = try world.training("failed")
    var next = NewJob(kind: "sample", run: run)
    next.after = [lease.job]
    _ = try world.submit.enqueue(next)
    _ = try world.workers.reportExit(lease, .permanent, message: "loss is not finite")
    try world.admin.run(
      """
      update pra_store.jobs set started_at = clock_timestamp() - interval '3 hours',
        finished_at = clock_timestamp() - interval '2 hours' where id = \(lease.job)
      """)
    #expect(try server.page("/runs").body.contains("<td class=\"n\">1 h</td>"))
  }
}
