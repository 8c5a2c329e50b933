// A session that survives the server's absence by reconnecting until the server is back.

import Glibc
import Postgres

/// One server session of a thread, opened at its first use and again after it broke.
///
/// Every `body` must be safe to run twice: when the session breaks, nobody knows whether the
/// statement took effect (G8). Functions of the database that are called here count a repeated call
/// once.
package struct RetryingConnection {
  private let url: DatabaseURL
  private let role: DatabaseRole
  private let name: String
  private let giveUp: @Sendable () -> Bool
  private let report: @Sendable (String) -> Void
  private let prepare: (Connection) throws -> Void
  private var connection: Connection?
  private var failures = 0
  private var lastUse = ContinuousClock.now

  /// - Parameters:
  ///   - name: shown to operators as application_name
  ///   - giveUp: asked before each repetition; true throws the last error instead of trying on
  ///   - report: takes one line when the server goes away and one when it is back
  ///   - prepare: runs in every new session, for LISTEN and the like
  package init(
    url: DatabaseURL, role: DatabaseRole, name: String,
    giveUp: @escaping @Sendable () -> Bool = { false },
    report: @escaping @Sendable (String) -> Void,
    prepare: @escaping (Connection) throws -> Void = { _ in }
  ) {
    self.url = url
    self.role = role
    self.name = name
    self.giveUp = giveUp
    self.report = report
    self.prepare = prepare
  }

  /// Runs `body` until the server answers, retrying transient errors.
  /// - Throws: `LeaseLost` for PR001, otherwise the server's error
  @discardableResult
  package mutating func run<Value>(_ body: (Connection) throws -> Value) throws -> Value {
    while true {
      do {
        return try attempt(body)
      } catch let error as PostgresError where error.mayPass {
        if giveUp() { throw error }
        usleep(UInt32(Backoff.seconds(afterFailures: failures) * 1e6))
        if giveUp() { throw error }
      }
    }
  }

  /// Runs `body` once; a broken session is closed, so that the next call opens another.
  @discardableResult
  package mutating func attempt<Value>(_ body: (Connection) throws -> Value) throws -> Value {
    do {
      let connection = try connection ?? open()
      let value = try body(connection)
      (failures, lastUse) = (0, ContinuousClock.now)
      return value
    } catch let error as PostgresError {
      if error.sqlState == LeaseLost.sqlState { throw LeaseLost(description: error.message) }
      if error.mayPass {
        if failures == 0 { report("the database does not answer, trying on: \(error)") }
        failures += 1
      }
      // Another of several hosts may take writes now.
      if error.isUnreachable || error.sqlState == "25006" { connection = nil }
      throw error
    }
  }

  /// Seconds to wait before the next try, by the number of failures in a row.
  package var pause: Double { Backoff.seconds(afterFailures: failures) }

  /// Ends the session; the next use opens another.
  package mutating func close() { connection = nil }

  /// Ends the session if it was not used for so long: servers have few, and many programs.
  package mutating func close(unusedFor time: Duration) {
    if connection != nil, ContinuousClock.now - lastUse >= time { connection = nil }
  }

  private mutating func open() throws -> Connection {
    let opened = try Connection(url, role: role, name: name)
    try prepare(opened)
    if failures > 0 { report("the database answers again") }
    connection = opened
    return opened
  }
}

extension Connection {
  /// Sessions that workers and stages leave to people, who could not even look otherwise.
  private static let leftSessions: Int64 = 5

  /// Throws an error that may pass if this session leaves too few. For new sessions of workers and stages, but not for the
  /// beat of a worker that is registered: it holds jobs, and would lose them.
  package func leaveSessionsToPeople() throws(PostgresError) {
    let free = try query(Queries.freeSessions).single().integer("free")
    guard free < Self.leftSessions else { return }
    throw PostgresError(
      .unreachable, sqlState: "53300",
      message: "the server has \(max(0, free)) sessions left, and workers leave the last "
        + "\(Self.leftSessions) to people",
      hint: "`pra doctor` says how many are needed")
  }
}

extension PostgresError {
  /// Whether the error is transient: no server, a server short of disk, memory or connections
  /// (class 53), one that lacks its files or its libraries, one that takes no writes (25006: it is a
  /// standby now, or its disk is full), a deadlock (40P01), a serialization failure (40001), a lock
  /// not available (55P03), or a query cancelled by a time limit (57014).
  package var mayPass: Bool {
    isUnreachable || isOfServerFiles || sqlState.hasPrefix("53")
      || ["25006", "40P01", "40001", "55P03", "57014"].contains(sqlState)
  }

  /// Whether a value made the statement fail (class 22): of some row, as it serves many.
  package var isOfValue: Bool { sqlState.hasPrefix("22") }
}

/// Waiting times between tries.
package enum Backoff {
  /// 0.1 s, 0.2 s, 0.4 s ... up to 5 s, half of it random, so that a thousand workers do not
  /// reconnect at the same moment.
  package static func seconds(afterFailures failures: Int) -> Double {
    min(5, 0.1 * Double(1 << min(max(failures - 1, 0), 6))) * Double.random(in: 0.5...1)
  }
}
