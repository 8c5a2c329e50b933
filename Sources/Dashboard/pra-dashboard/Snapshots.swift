// The answers of the database: one for all viewers, read once a second at most, and kept while the database is away.

import Pages
import Postgres
import Threads

/// An answer, and how old it is.
struct Snapshot {
  let table: Table
  /// Seconds since it was read, where the database is away; nil where it answers.
  let staleFor: Double?
}

/// A question that no one has an answer to, now or from before.
struct DatabaseAway: Error {
  let message: String
}

/// Questions and their answers. At most four sessions read, one for each thread of the server.
final class Snapshots: Sendable {
  private struct Answer {
    var table: Table?
    /// The times of the last answer and of its last use.
    var readAt = -Double.infinity
    /// Seconds that the database took for it.
    var took = 0.0
    var usedAt = 0.0
    var isBeingRead = false
  }

  private struct State {
    var answers: [Question: Answer] = [:]
    var idle: [Connection] = []
    /// The last time at which the database did not answer.
    var awaySince = -Double.infinity
    var fault = ""
  }

  private let state = Monitor(State())
  private let url: DatabaseURL
  /// Seconds for which an answer is as good as a new one: one, or more where it cost the database much, so that looking
  /// costs it a fiftieth of a core.
  private static func freshness(_ answer: Answer) -> Double { min(5, max(1, 50 * answer.took)) }
  /// Seconds before a database that did not answer is asked again.
  private static let patience = 1.0
  /// Answers that are kept, and for how many seconds after their last use.
  private static let most = 400
  private static let kept = 3600.0

  init(_ url: DatabaseURL) { self.url = url }

  /// The answer to a question, from the database or from less than a second ago. Of several threads that ask the same
  /// one asks the database.
  /// - Throws: `DatabaseAway`; `PostgresError` for a question that the database refuses
  func answer(_ question: Question) throws -> Snapshot {
    enum Step {
      case known(Table)
      case old(Table, Double)
      case away(String)
      case read
    }
    let step: Step = state.wait { state in
      let now = monotonicSeconds()
      var answer = state.answers[question] ?? Answer()
      if answer.isBeingRead {
        // One waits for the database; the others see what there was a moment ago.
        guard let table = answer.table, now - answer.readAt < 2 * Self.freshness(answer) else {
          return nil
        }
        return .known(table)
      }
      answer.usedAt = now
      defer { state.answers[question] = answer }
      let isAway = now - state.awaySince < Self.patience
      if let table = answer.table, now - answer.readAt < Self.freshness(answer) {
        return .known(table)
      }
      if isAway { return answer.table.map { .old($0, now - answer.readAt) } ?? .away(state.fault) }
      answer.isBeingRead = true
      return .read
    }!
    switch step {
    case .known(let table): return Snapshot(table: table, staleFor: nil)
    case .old(let table, let age): return Snapshot(table: table, staleFor: age)
    case .away(let fault): throw DatabaseAway(message: fault)
    case .read: return try read(question)
    }
  }

  private func read(_ question: Question) throws -> Snapshot {
    let began = monotonicSeconds()
    do {
      let table = try session { Table(try $0.query(question.sql, question.parameters)) }
      state.update { state in
        var answer = state.answers[question] ?? Answer()
        (answer.table, answer.readAt, answer.isBeingRead) = (table, monotonicSeconds(), false)
        answer.took = answer.readAt - began
        state.answers[question] = answer
        Self.forget(&state)
      }
      return Snapshot(table: table, staleFor: nil)
    } catch {
      let isAway = (error as? PostgresError).map { $0.isUnreachable } ?? false
      let isLate = (error as? PostgresError)?.sqlState == "57014"
      let old: (Table, Double)? = state.update { state in
        state.answers[question]?.isBeingRead = false
        if isAway {
          state.awaySince = monotonicSeconds()
          state.fault = (error as? PostgresError)?.message ?? ""
          state.idle = []
        }
        guard let answer = state.answers[question], let table = answer.table else { return nil }
        return (table, monotonicSeconds() - answer.readAt)
      }
      if let (table, age) = old, isAway || isLate { return Snapshot(table: table, staleFor: age) }
      if isAway { throw DatabaseAway(message: (error as? PostgresError)?.message ?? "\(error)") }
      throw error
    }
  }

  /// Runs a body with a session that can only read. A session whose server is gone is not used again.
  func session<Value>(_ body: (Connection) throws -> Value) throws -> Value {
    let connection = try state.update { $0.idle.popLast() } ?? open()
    let value: Value
    do {
      value = try body(connection)
    } catch {
      if let error = error as? PostgresError, !error.isUnreachable {
        state.update { $0.idle.append(connection) }
      }
      throw error
    }
    state.update { $0.idle.append(connection) }
    return value
  }

  private func open() throws -> Connection {
    let connection = try Connection(
      url.with("connect_timeout", "2"), role: .read, name: "pra dashboard")
    try connection.run("set statement_timeout = '2s'; set default_transaction_read_only = on")
    return connection
  }

  private static func forget(_ state: inout State) {
    guard state.answers.count > most else { return }
    let now = monotonicSeconds()
    state.answers = state.answers.filter { $0.value.isBeingRead || now - $0.value.usedAt < kept }
    for (question, _) in state.answers.sorted(by: { $0.value.usedAt < $1.value.usedAt })
      .prefix(max(0, state.answers.count - most)) where !state.answers[question]!.isBeingRead
    {
      state.answers[question] = nil
    }
  }
}
