import JobQueue
import Postgres
import Testing

/// Jobs of a worker that died while no other one lives: no agent reaps.
@Suite struct LostWorkerTests {
  let world: QueueWorld

  init() throws { world = try QueueWorld() }

  /// A running job whose worker is lost.
  private func lost(_ change: (inout NewJob) -> Void = { _ in }) throws -> (
    job: Int64, worker: Registration
  ) {
    let job = try world.job("train", change)
    let worker = try world.worker(labels: #"{"host": "a7"}"#)
    _ = try world.claimOne(worker)
    try world.expire(worker)
    return (job, worker)
  }

  @Test func aCancelledOneEnds() throws {
    let (job, _) = try lost()
    #expect(try world.submit.cancel(job) == 1)
    #expect(try world.submit.state(of: job) == .cancelled)
    #expect(
      try world.value("select outcome || ' ' || (ended_at is not null) from pra.attempts")
        == "lost true")
  }

  /// The time of the reaping says nothing about it.
  @Test func itsAttemptEndedWithTheLastBeat() throws {
    let (job, _) = try lost()
    _ = try world.submit.retry(job)
    #expect(
      try world.value(
        """
        select (a.ended_at = greatest(a.started_at, w.beat_at))::text from pra.attempts as a
        join pra.workers as w on w.id = a.worker_id
        """) == "true")
  }

  /// The agent was asked in vain: it died before its next beat.
  @Test func oneWhoseCancellationWasAskedForBeforeEnds() throws {
    let job = try world.job()
    let worker = try world.worker()
    _ = try world.claimOne(worker)
    #expect(try world.submit.cancel(job) == 1)
    #expect(try world.submit.state(of: job) == .running)
    try world.expire(worker)
    try world.submit.cancel(job)
    #expect(try world.submit.state(of: job) == .cancelled)
  }

  @Test func aCancelledRunAndArrayEnd() throws {
    let array = try world.job { $0.array = JobArray(0...3) }
    let worker = try world.worker()
    _ = try world.workers.claim(worker: worker, count: 2)
    try world.expire(worker)
    _ = try world.submit.cancelRun(world.run)
    #expect(try world.submit.state(of: array) == .cancelled)
    #expect(try world.value("select count(*) from pra.jobs where state <> 'cancelled'") == "0")
  }

  @Test func aRetriedOneIsReady() throws {
    let (job, _) = try lost()
    #expect(try world.submit.retry(job) == .ready)
    #expect(try world.value("select outcome from pra.attempts") == "lost")
  }

  @Test func aPreemptedOneIsGivenBack() throws {
    let (job, _) = try lost()
    try world.submit.preempt(job)
    #expect(try world.submit.state(of: job) == .ready)
  }

  @Test func onlyTheLostAreTakenBack() throws {
    let (_, dead) = try lost()
    let other = try world.job()
    let living = try world.worker()
    _ = try world.workers.claim(worker: living, count: 1)
    #expect(try world.submit.cancel(other) == 1)
    #expect(try world.submit.state(of: other) == .running)
    #expect(throws: PostgresError.self) { try world.submit.retry(other) }
    #expect(dead.worker != living.worker)
  }

  @Test func whyNamesTheWorkerAndTheTime() throws {
    let (job, worker) = try lost()
    func why() throws -> String {
      try world.value("select reason || ': ' || detail from pra.why_pending(\(job))")!
    }
    let time = /[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}\+00/
    let running = try why()
    #expect(
      running.hasPrefix("lost: its worker \(worker.worker) (w) was lost at ")
        && running.hasSuffix("; no worker is alive to put it back in line"), "\(running)")
    #expect(running.contains(time))
    #expect(
      try world.value("select state || ' ' || (worker_lost_at < now()) from pra.jobs")
        == "running true")

    _ = try world.submit.reap()
    let ready = try why()
    #expect(
      ready.hasPrefix("lost, no-worker: its worker \(worker.worker) (w) was lost at ")
        && ready.hasSuffix("; no live worker serves queue \"default\" and kind \"train\""),
      "\(ready)")
    #expect(ready.contains(time))
    #expect(try world.value("select worker_lost_at from pra.jobs") == nil)
  }
}
