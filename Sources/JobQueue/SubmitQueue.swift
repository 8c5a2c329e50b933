import Postgres

/// The queue as those who submit work see it; its session acts as `pra_submit`.
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
    try connection.query(
      Queries.enqueue,
      [
        .text(job.kind), .integer(job.run), .text(job.arguments), .text(job.queue),
        .integer(job.priority), .interval(job.delay), .integers(job.after),
        .texts(job.requirements), .optional(job.idempotencyKey, Parameter.text),
        .optional(job.timeLimit, Parameter.interval),
      ]
    ).single().integer("id")
  }

  /// - Returns: how many jobs were cancelled or asked to stop
  @discardableResult
  package func cancel(_ job: Int64, withDependents: Bool = false) throws(PostgresError) -> Int64 {
    try connection.query(Queries.cancel, [.integer(job), .boolean(withDependents)])
      .single().integer("count")
  }

  @discardableResult
  package func cancelRun(_ run: Int64) throws(PostgresError) -> Int64 {
    try connection.query(Queries.cancelRun, [.integer(run)]).single().integer("count")
  }

  @discardableResult
  package func retry(_ job: Int64) throws(PostgresError) -> JobState {
    try connection.query(Queries.retry, [.integer(job)]).single().state("state")
  }

  package func preempt(_ job: Int64) throws(PostgresError) {
    try connection.query(Queries.preempt, [.integer(job)])
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

  /// A word for programs and a sentence for people, one pair per reason.
  package func whyPending(_ job: Int64) throws(PostgresError) -> [(reason: String, detail: String)]
  {
    var reasons: [(reason: String, detail: String)] = []
    for row in try connection.query(Queries.whyPending, [.integer(job)]) {
      reasons.append((try row.string("reason"), try row.string("detail")))
    }
    return reasons
  }

  package func state(of job: Int64) throws(PostgresError) -> JobState {
    try connection.query(Queries.jobState, [.integer(job)]).single().state("state")
  }

  /// Puts the jobs of dead workers back in line; returns how many.
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
