import Postgres

/// The queue as seen by submitters; its session acts as `pra_submit`.
package struct SubmitQueue {
  private let connection: Connection

  package init(_ connection: Connection) { self.connection = connection }

  /// - Parameter configuration: JSON
  /// - Returns: the run's number; the same for the same key
  package func createRun(
    name: String, configuration: String = "{}", codeVersion: String? = nil,
    dataFingerprint: String? = nil, idempotencyKey: String? = nil
  ) throws(PostgresError) -> Int64 {
    try connection.query(
      Queries.createRun,
      [
        .text(name), .text(configuration), .optional(codeVersion, Parameter.text),
        .optional(dataFingerprint, Parameter.text), .optional(idempotencyKey, Parameter.text),
      ]
    ).single().integer("id")
  }

  /// - Returns: the job's number; the same for the same key
  package func enqueue(_ job: NewJob) throws(PostgresError) -> Int64 {
    if job.isPlain {
      return try connection.query(
        Queries.enqueuePlain,
        [
          .text(job.kind), .integer(job.run), .text(job.arguments), .text(job.queue),
          .integer(job.priority),
        ]
      ).single().integer("id")
    }
    return try connection.query(
      Queries.enqueue,
      [
        .text(job.kind), .integer(job.run), .text(job.arguments), .text(job.queue),
        .integer(job.priority), .interval(job.delay), .integers(job.after),
        .texts(job.requirements), .optional(job.idempotencyKey, Parameter.text),
        .optional(job.timeLimit, Parameter.interval), .texts(job.limits),
        .optional(job.deadline, Parameter.interval),
        .optional(job.array?.elements.lowerBound, Parameter.integer),
        .optional(job.array?.elements.upperBound, Parameter.integer),
        .optional(job.array?.limit, Parameter.integer),
        .optional(job.array?.pack, Parameter.integer),
        .optional(job.array?.firstPath, Parameter.texts),
        .optional(job.array?.endPath, Parameter.texts),
        .boolean(job.array?.isElementwise ?? false), .boolean(job.array?.isGang ?? false),
      ]
    ).single().integer("id")
  }

  /// Enqueues many jobs of one kind in one row, each with its own arguments.
  /// - Parameters:
  ///   - arguments: JSON array of objects
  ///   - pack: number of jobs in one attempt
  /// - Returns: the array's number
  package func enqueueMany(
    kind: String, run: Int64, arguments: String, queue: String = "default", priority: Int = 0,
    pack: Int = 1, requirements: [String] = [], limits: [String] = [],
    idempotencyKey: String? = nil
  ) throws(PostgresError) -> Int64 {
    try connection.query(
      Queries.enqueueMany,
      [
        .text(kind), .integer(run), .text(arguments), .text(queue), .integer(priority),
        .integer(pack), .texts(requirements), .texts(limits),
        .optional(idempotencyKey, Parameter.text),
      ]
    ).single().integer("id")
  }

  /// Creates or changes a limit: the number of jobs naming it that may run at once.
  package func setLimit(_ name: String, slots: Int) throws(PostgresError) {
    try connection.query(Queries.setLimit, [.text(name), .integer(slots)])
  }

  /// Lets a gang start with fewer members than it has elements: with the most of these for which there are places.
  package func setGangSizes(_ sizes: [Int], of gang: Int64) throws(PostgresError) {
    try connection.query(Queries.setGangSizes, [.integer(gang), .integers(sizes.map(Int64.init))])
  }

  /// Records which variant of a run jobs belong to, and the seed it is trained with.
  package func setVariant(
    _ variant: String, seed: Int64, of jobs: [Int64]
  ) throws(PostgresError) {
    try connection.query(
      Queries.setVariant, [.integers(jobs), .text(variant), .integer(seed)])
  }

  /// Creates or changes a schedule.
  /// - Parameters:
  ///   - cron: five fields, as in crontab(5)
  ///   - arguments: JSON object
  ///   - overlap: by default the database's, which depends on `catchUp`
  /// - Returns: the first time at which it fires
  package func schedule(
    _ name: String, cron: String, run: Int64, kind: String, arguments: String,
    timeZone: String = "UTC", catchUp: CatchUp = .last, overlap: Overlap? = nil,
    queue: String = "default", priority: Int = 0
  ) throws(PostgresError) -> String {
    try connection.query(
      Queries.schedule,
      [
        .text(name), .text(cron), .integer(run), .text(kind), .text(arguments), .text(timeZone),
        .text(catchUp.rawValue), .text(queue), .integer(priority),
        .optional(overlap?.rawValue, Parameter.text),
      ]
    ).single().string("next_at")
  }

  package func unschedule(_ name: String) throws(PostgresError) {
    try connection.query(Queries.unschedule, [.text(name)])
  }

  package func pause(schedule: String, _ isPaused: Bool = true) throws(PostgresError) {
    try connection.query(Queries.pauseSchedule, [.text(schedule), .boolean(isPaused)])
  }

  /// Stops giving jobs to a worker and asks it to give back those that it has.
  /// - Returns: the number of jobs that were asked to stop
  @discardableResult
  package func drain(worker: Int64, grace: Duration = .seconds(60)) throws(PostgresError) -> Int64 {
    try connection.query(Queries.drain, [.integer(worker), .interval(grace)])
      .single().integer("count")
  }

  /// Ends a worker whose host is known to be gone, before its lease does.
  /// - Returns: the number of attempts that it had
  @discardableResult
  package func declareDead(worker: Int64) throws(PostgresError) -> Int64 {
    try connection.query(Queries.declareDead, [.integer(worker)]).single().integer("count")
  }

  package func undrain(worker: Int64) throws(PostgresError) {
    try connection.query(Queries.undrain, [.integer(worker)])
  }

  package func forgive(host: String) throws(PostgresError) {
    try connection.query(Queries.forgiveHost, [.text(host)])
  }

  package func setWeight(run: Int64, _ weight: Double) throws(PostgresError) {
    try connection.query(Queries.setRunWeight, [.integer(run), .double(weight)])
  }

  package func setWeight(user: String, _ weight: Double) throws(PostgresError) {
    try connection.query(Queries.setUserWeight, [.text(user), .double(weight)])
  }

  /// - Returns: number of jobs that were cancelled or asked to stop
  @discardableResult
  package func cancel(_ job: Int64, withDependents: Bool = false) throws(PostgresError) -> Int64 {
    try connection.query(Queries.cancel, [.integer(job), .boolean(withDependents)])
      .single().integer("count")
  }

  /// Cancels jobs, and passes over those that have ended.
  /// - Returns: number of jobs that were cancelled or asked to stop
  package func cancel(many jobs: [Int64]) throws(PostgresError) -> Int64 {
    try connection.query(Queries.cancelMany, [.integers(jobs)]).single().integer("count")
  }

  /// Retries jobs, and passes over those that have not ended badly.
  /// - Returns: number of jobs that are in line again
  package func retry(many jobs: [Int64]) throws(PostgresError) -> Int64 {
    try connection.query(Queries.retryMany, [.integers(jobs)]).single().integer("count")
  }

  @discardableResult
  package func cancelRun(_ run: Int64) throws(PostgresError) -> Int64 {
    try connection.query(Queries.cancelRun, [.integer(run)]).single().integer("count")
  }

  @discardableResult
  package func retry(_ job: Int64) throws(PostgresError) -> JobState {
    try connection.query(Queries.retry, [.integer(job)]).single().state("state")
  }

  /// Asks a running job to save a checkpoint and return to the queue.
  /// - Parameter grace: time after which the job is taken from its worker
  package func preempt(_ job: Int64, grace: Duration = .seconds(60), reason: String? = nil)
    throws(PostgresError)
  {
    try connection.query(
      Queries.preempt,
      [.integer(job), .interval(grace), .optional(reason, Parameter.text)])
  }

  /// Gives a job that has not ended, and the elements of an array, another priority.
  package func setPriority(_ job: Int64, _ priority: Int) throws(PostgresError) {
    try connection.query(Queries.setPriority, [.integer(job), .integer(priority)])
  }

  package func pause(run: Int64) throws(PostgresError) {
    try connection.query(Queries.pauseRun, [.integer(run)])
  }

  package func resume(run: Int64) throws(PostgresError) {
    try connection.query(Queries.resumeRun, [.integer(run)])
  }

  package func pause(queue: String) throws(PostgresError) {
    try connection.query(Queries.pauseQueue, [.text(queue)])
  }

  package func resume(queue: String) throws(PostgresError) {
    try connection.query(Queries.resumeQueue, [.text(queue)])
  }

  /// The reasons why a job does not run: words for programs, in order, and a sentence for people.
  package func whyPending(_ job: Int64) throws(PostgresError) -> (reasons: [String], detail: String)
  {
    let row = try connection.query(Queries.whyPending, [.integer(job)]).single()
    let words = try row.string("reason")
    return (words.split(separator: ", ").map(String.init), try row.string("detail"))
  }

  /// All reasons in one sentence.
  package func why(_ job: Int64) throws(PostgresError) -> String {
    try connection.query(Queries.why, [.integer(job)]).single().string("why")
  }

  package func state(of job: Int64) throws(PostgresError) -> JobState {
    try connection.query(Queries.jobState, [.integer(job)]).single().state("state")
  }

  /// Puts the jobs of dead workers back into the queue and returns their number.
  @discardableResult
  package func reap() throws(PostgresError) -> Int64 {
    try connection.query(Queries.reap).single().integer("count")
  }
}

extension Row {
  func state(_ column: String) throws(PostgresError) -> JobState {
    let text = try string(column)
    guard let state = JobState(rawValue: text) else {
      throw PostgresError(.unexpected, sqlState: "22P02", message: "unknown job state \"\(text)\"")
    }
    return state
  }
}
