// The line that a session keeps after a slow look, and how places are shared out.

import JobQueue
import Postgres
import Testing

@Suite struct LineTests {
  @Test(
    "a session keeps the line only after two looks that took long, and looks again when it expires")
  func slowLook() throws {
    let world = try QueueWorld()
    let jobs = try (0..<3).map { _ in try world.job() }
    // Before the session's first look: that may take long as well, on a machine that is at work.
    try world.administrator.run(
      """
      do $do$
      begin
        execute regexp_replace(
          pg_get_functiondef('pra_store.open_lanes(pra_store.workers, integer[])'::regprocedure),
          'begin', 'begin perform pg_sleep(0.05);');
      end
      $do$
      """)
    let claimer = try Claimer(world.database)
    #expect(try claimer.claim().map(\.lease.job) == [jobs[0]])
    #expect(try claimer.line().isEmpty)
    #expect(try claimer.claim().map(\.lease.job) == [jobs[1]])
    #expect(try claimer.line().hasPrefix("(\(claimer.worker.worker),"))
    let urgent = try world.job { $0.priority = 1 }
    #expect(try claimer.claim().map(\.lease.job) == [jobs[2]])
    try claimer.expireLine()
    #expect(try claimer.claim().map(\.lease.job) == [urgent])
  }

  @Test("a session that keeps the line takes what comes later into its lanes")
  func laterJobs() throws {
    let world = try QueueWorld()
    let first = try world.job()
    let claimer = try Claimer(world.database)
    try claimer.keepLine(world.administrator)
    let second = try world.job()
    #expect(try claimer.claim(5).map(\.lease.job) == [first, second])
    // Nothing is left of it: what was kept is thrown away, and the next claim looks anew.
    #expect(try claimer.claim(5).isEmpty)
    #expect(try claimer.line().isEmpty)
    let later = try world.submit.createRun(name: "later")
    let third = try world.job { $0.run = later }
    #expect(try claimer.claim(5).map(\.lease.job) == [third])
  }

  @Test("a session that keeps the line obeys a pause at once, and goes on with arrays where it was")
  func pause() throws {
    let world = try QueueWorld()
    for _ in 0..<2 { _ = try world.job { $0.array = JobArray(0...9) } }
    let claimer = try Claimer(world.database)
    try claimer.keepLine(world.administrator)
    try world.submit.pause(run: world.run)
    #expect(try claimer.claim(5).isEmpty)
    try world.submit.resume(run: world.run)
    try claimer.keepLine(world.administrator)
    var elements: [Int64] = []
    while let job = try claimer.claim().first {
      elements.append(try #require(job.elements).range.lowerBound)
      #expect(try claimer.queue.finishMany(worker: claimer.worker, [job.lease]).count == 1)
    }
    #expect(elements == Array(0...9) + Array(0...9))
  }

  @Test("a claim looks past jobs that other claims hold, and past those whose deadline has passed")
  func heldByOthers() throws {
    let world = try QueueWorld()
    for _ in 0..<60 { _ = try world.job() }
    try world.administrator.run("update pra_store.jobs set deadline = now() - interval '1 second'")
    let jobs = try (0..<120).map { _ in try world.job() }
    let other = try Claimer(world.database)
    let claimer = try Claimer(world.database)
    try other.session.run("begin")
    #expect(try other.claim(100).map(\.lease.job) == Array(jobs[0..<100]))
    #expect(try claimer.claim(1).map(\.lease.job) == [jobs[100]])
    #expect(try claimer.claim(50).map(\.lease.job) == Array(jobs[101...]))
    try other.session.run("rollback")
    #expect(try claimer.claim(80).map(\.lease.job) == Array(jobs[0..<80]))
  }

  @Test("a claim that finds nothing writes nothing")
  func emptyClaim() throws {
    let world = try QueueWorld()
    let claimer = try Claimer(world.database)
    try claimer.session.run("begin")
    #expect(try claimer.claim().isEmpty)
    let written = try claimer.session.query("select pg_current_xact_id_if_assigned() as number")
    #expect(try written.single().text("number") == nil)
    try claimer.session.run("commit")
  }

  @Test("a priority that is changed counts at once, for the elements of an array as well")
  func priority() throws {
    let world = try QueueWorld()
    let first = try world.job()
    let array = try world.job { $0.array = JobArray(0...3) }
    let last = try world.job { $0.priority = 1 }
    try world.submit.setPriority(array, 7)
    try world.submit.setPriority(first, -2)
    #expect(
      try world.value("select string_agg(priority::text, ' ' order by id) from pra.jobs")
        == "-2 7 1")
    let worker = try world.worker(slots: 2)
    let claimed = try world.workers.claim(worker: worker, count: 2)
    #expect(
      try world.value(
        "select count(*) from pra.jobs where array_id = \(array) and priority = 7") == "2")
    // Elements that run come back with the priority that was set meanwhile.
    try world.submit.setPriority(array, 0)
    for one in claimed { _ = try world.workers.release(one.lease) }
    #expect(try world.workers.claim(worker: worker).first?.lease.job == last)
    #expect(
      try world.value("select count(*) from pra.events where kind = 'job.priority_set'") == "3")
    for (job, priority, state) in [(last, 1_000_001, "PR003"), (99, 1, "PR002")] {
      let error = #expect(throws: PostgresError.self) {
        try world.submit.setPriority(job, priority)
      }
      #expect(error?.sqlState == state)
    }
    _ = try world.submit.cancel(first)
    let error = #expect(throws: PostgresError.self) { try world.submit.setPriority(first, 1) }
    #expect(error?.sqlState == "PR004")
  }

  @Test("places of one claim are shared between arrays by the weights of their runs")
  func weights() throws {
    let world = try QueueWorld()
    let other = try world.submit.createRun(name: "other")
    try world.submit.setWeight(run: other, 3)
    let worker = try world.worker()
    _ = try world.job { $0.array = JobArray(0...999) }
    var job = NewJob(kind: "train", run: other)
    job.array = JobArray(0...999)
    _ = try world.submit.enqueue(job)
    let claimed = try world.workers.claim(worker: worker, count: 20)
    #expect(claimed.filter { $0.run == other }.count == 15)
    #expect(claimed.count == 20)
    // Running attempts count: the next four keep the shares.
    let more = try world.workers.claim(worker: worker, count: 4)
    #expect(more.filter { $0.run == other }.count == 3)
  }

  @Test("what an array leaves of its part goes to the others")
  func leftOver() throws {
    let world = try QueueWorld()
    let other = try world.submit.createRun(name: "other")
    let worker = try world.worker()
    _ = try world.job { $0.array = JobArray(0...1) }
    var job = NewJob(kind: "train", run: other)
    job.array = JobArray(0...99)
    _ = try world.submit.enqueue(job)
    let claimed = try world.workers.claim(worker: worker, count: 20)
    #expect(claimed.filter { $0.run == other }.count == 18)
    #expect(claimed.filter { $0.run == world.run }.count == 2)
  }

  @Test(
    "workers that share arrays of several runs take each element once, and wait for nobody long")
  func sharing() throws {
    let world = try QueueWorld()
    let runs = try (0..<3).map { try world.submit.createRun(name: "run \($0)") }
    try world.submit.setLimit("licence", slots: 7)
    for run in runs {
      var job = NewJob(kind: "train", run: run)
      job.array = JobArray(0...299)
      job.limits = run == runs[0] ? ["licence"] : []
      _ = try world.submit.enqueue(job)
    }
    let database = world.database
    let done = try onThreads(4) { _, team in
      try Claimer(database).drain(with: team)
    }.reduce(0, +)
    #expect(done == 900)
    // Elements that end at the same moment may leave the end of their array to the reaper.
    try world.workers.reap()
    #expect(
      try world.value("select string_agg(distinct state::text, ' ') from pra.jobs") == "succeeded")
    #expect(
      try world.value(
        """
        select count(*) from (select distinct run_id, element_first from pra.jobs
        where element_first is not null) as e
        """) == "900")
    #expect(try world.value("select taken from pra.limits") == "0")
  }

  @Test("a finish of many gives all their slots back, those of a lowered limit too")
  func slots() throws {
    let world = try QueueWorld()
    try world.submit.setLimit("a", slots: 8)
    try world.submit.setLimit("b", slots: 6)
    let worker = try world.worker()
    _ = try world.job {
      $0.array = JobArray(0...19)
      $0.limits = ["a", "b"]
    }
    let first = try world.workers.claim(worker: worker, count: 10).map(\.lease)
    #expect(first.count == 6)
    #expect(
      try world.value("select string_agg(taken::text, ' ' order by name) from pra.limits") == "6 6")
    try world.submit.setLimit("a", slots: 2)
    #expect(try world.workers.finishMany(worker: worker, first).count == 6)
    #expect(
      try world.value("select string_agg(taken::text, ' ' order by name) from pra.limits") == "0 0")
    #expect(
      try world.value("select count(*) from pra_store.limit_slots where limit_name = 'a'") == "2")
    #expect(try world.workers.claim(worker: worker, count: 10).count == 2)
  }
}
