import Postgres

/// The queue as seen by an agent; its session acts as `pra_worker`. Every call blocks. It throws
/// `LeaseLost` if it came too late, otherwise `PostgresError`.
package struct WorkerQueue {
  private let connection: Connection

  package init(_ connection: Connection) { self.connection = connection }

  /// - Parameters:
  ///   - labels: JSON object of texts, against which requirements are checked
  ///   - lease: time without a heartbeat after which the worker counts as dead, 1 s to 10 minutes
  ///   - stays: time after which it drains; nil if it stays
  package func register(
    name: String, labels: String = "{}", queues: [String] = ["default"], kinds: [String],
    slots: Int = 1, lease: Duration = .seconds(30), version: String? = nil,
    stays: Duration? = nil
  ) throws -> Registration {
    let row = try ask(
      Queries.registerWorker,
      [
        .text(name), .text(labels), .texts(queues), .texts(kinds), .integer(slots),
        .interval(lease), .optional(version, Parameter.text), .optional(stays, Parameter.interval),
      ]
    ).single()
    return Registration(worker: try row.integer("worker"), token: try row.string("token"))
  }

  /// Sends one heartbeat for all running jobs.
  /// - Returns: only the jobs of which something is asked, and the seconds left to a preempted one
  package func heartbeat(worker: Registration, running: [Lease], draining: Bool = false) throws
    -> [(lease: Lease, ask: Ask, seconds: Double?)]
  {
    try ask(
      Queries.heartbeat,
      worker.parameters + [
        .integers(running.map(\.job)), .integers(running.map(\.epoch)),
        .texts(running.map(\.token)), .boolean(draining),
      ]
    ).map { row in
      let text = try row.string("ask")
      guard let ask = Ask(rawValue: text) else {
        throw PostgresError(.unexpected, sqlState: "22P02", message: "unknown ask \"\(text)\"")
      }
      return (try row.lease(), ask, try row.optionalDouble("seconds"))
    }
  }

  /// - Parameters:
  ///   - oldest: lowest number of a job that still runs here; saves the server from looking at what has
  ///     ended before
  /// - Returns: at most `count` jobs, and no more than the worker has slots free
  package func claim(
    worker: Registration, count: Int = 1, oldest: Int64 = 0
  ) throws -> [ClaimedJob] {
    try ask(Queries.claim, worker.parameters + [.integer(count), .integer(oldest)]).map { row in
      ClaimedJob(
        lease: try row.lease(), run: try row.integer("run"), runName: try row.string("run_name"),
        kind: try row.string("kind"), queue: try row.string("queue"),
        arguments: try row.string("arguments"),
        elements: try row.optionalInteger("array_job").map { array in
          ClaimedJob.Elements(
            array: array,
            range: try row.integer("element_first")..<row.integer("element_end"))
        })
    }
  }

  /// Says what the worker's host lacks, for which it claims nothing; nil when it lacks nothing.
  package func lacks(worker: Registration, _ lack: String?) throws {
    _ = try ask(Queries.workerLacks, worker.parameters + [.optional(lack, Parameter.text)])
  }

  /// Says how many bytes a job may have on the worker's host, and what it need not fetch there.
  /// - Parameters:
  ///   - artifacts: digests of what the host's cache keeps
  ///   - stores: locations of stores in folders of the host itself
  package func holds(
    worker: Registration, room: Int64, cacheBytes: Int64, cacheQuota: Int64, artifacts: [String],
    stores: [String]
  ) throws {
    _ = try ask(
      Queries.workerHolds,
      worker.parameters + [
        .integer(room), .integer(cacheBytes), .integer(cacheQuota), .texts(artifacts),
        .texts(stores),
      ])
  }

  /// Gives back what was claimed for the worker in a session that broke before the answer came.
  /// - Parameter known: the attempts that the worker knows
  /// - Returns: the jobs that it did not
  package func releaseUnheard(worker: Registration, known: [Lease]) throws -> [Int64] {
    try ask(Queries.releaseUnheard, worker.parameters + [.texts(known.map(\.token))]).map {
      try $0.integer("job")
    }
  }

  /// Commits attempts without outputs; fastest for many short jobs.
  /// - Returns: the accepted jobs, without those whose attempt was already over
  package func finishMany(
    worker: Registration, _ leases: [Lease], failures: [ElementFailure] = []
  ) throws -> [Int64] {
    try ask(
      Queries.finishMany,
      worker.parameters + [
        .integers(leases.map(\.job)), .integers(leases.map(\.epoch)),
        .texts(leases.map(\.token)), .text(Self.json(failures)),
      ]
    ).map { try $0.integer("job") }
  }

  private static func json(_ failures: [ElementFailure]) -> String {
    let members = failures.map { failure in
      var text = "\""
      for scalar in failure.message.unicodeScalars {
        switch scalar {
        case "\"", "\\": text += "\\\(scalar)"
        // A text of PostgreSQL holds no zero byte.
        case "\0": break
        case _ where scalar.value < 0x20: text += " "
        default: text.unicodeScalars.append(scalar)
        }
      }
      return "{\"job\": \(failure.job), \"element\": \(failure.element), \"message\": \(text)\"}"
    }
    return "[\(members.joined(separator: ", "))]"
  }

  /// - Returns: the job's next state
  @discardableResult
  package func reportExit(
    _ lease: Lease, _ class: ExitClass, message: String? = nil, exitCode: Int32? = nil,
    exitSignal: Int32? = nil, cause: ExitCause? = nil
  ) throws -> JobState {
    try ask(
      Queries.reportExit,
      lease.parameters + [
        .text(`class`.rawValue), .optional(message, Parameter.text),
        .optional(exitCode, Parameter.integer),
        .optional(exitSignal, Parameter.integer), .optional(cause?.rawValue, Parameter.text),
      ]
    ).single().state("state")
  }

  @discardableResult
  package func release(_ lease: Lease, message: String? = nil) throws -> JobState {
    try ask(Queries.release, lease.parameters + [.optional(message, Parameter.text)])
      .single().state("state")
  }

  /// - Parameter ordinal: number within the attempt, from 0; a chunk that is sent again counts once
  package func appendLog(_ lease: Lease, ordinal: Int, bytes: [UInt8]) throws {
    _ = try ask(Queries.appendLog, lease.parameters + [.integer(ordinal), .bytes(bytes)])
  }

  /// - Parameter rate: units in a second
  package func progress(
    _ lease: Lease, done: Int64, total: Int64, unit: String, rate: Double? = nil
  ) throws {
    _ = try ask(
      Queries.progress,
      lease.parameters + [
        .integer(done), .integer(total), .text(unit), .optional(rate, Parameter.double),
      ])
  }

  /// Commits the attempt; all parameters but the last are JSON, in the form that `pra.finish` describes.
  /// - Returns: false if an earlier call committed it
  @discardableResult
  package func finish(
    _ lease: Lease, outputs: String = "[]", images: String = "[]", evaluations: String = "[]",
    result: String = "{}", metricBatch: Int64 = 0
  ) throws -> Bool {
    try ask(
      Queries.finish,
      lease.parameters + [
        .text(outputs), .text(images), .text(evaluations), .text(result), .integer(metricBatch),
      ]
    ).single().boolean("committed")
  }

  /// Ends the registration; jobs that still run are released.
  package func deregister(worker: Registration) throws {
    _ = try ask(Queries.deregisterWorker, worker.parameters)
  }

  /// Puts the jobs of dead workers back into the queue and returns their number. To be called at
  /// every heartbeat.
  @discardableResult
  package func reap() throws -> Int64 {
    try ask(Queries.reap, []).single().integer("count")
  }

  private func ask(_ sql: String, _ parameters: [Parameter]) throws -> Rows {
    do {
      return try connection.query(sql, parameters)
    } catch  where error.sqlState == LeaseLost.sqlState {
      throw LeaseLost(description: error.message)
    }
  }
}

extension Registration {
  package var parameters: [Parameter] { [.integer(worker), .text(token)] }
}

extension Row {
  fileprivate func lease() throws(PostgresError) -> Lease {
    Lease(job: try integer("job"), epoch: try integer("epoch"), token: try string("token"))
  }
}
