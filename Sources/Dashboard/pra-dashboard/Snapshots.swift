// The answers of the database: one for all viewers, read once a second at most, more seldom where they cost much, and
// kept while the database is away.

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

/// Questions and their answers. At most four sessions read, one for each thread of the server. Copies share the answers.
struct Snapshots: Sendable {
  private struct Answer {
    var table: Table?
    /// The times of the last answer and of its last use.
    var readAt = -Double.infinity
    /// Seconds that the database took for it.
    var took = 0.0
    var usedAt = 0.0
    /// The version that the data had when it was asked for.
    var version: String?
    var isBeingRead = false
  }

  private struct State {
    var answers: [Question: Answer] = [:]
    var idle: [Connection] = []
    /// The last time at which the database did not answer.
    var awaySince = -Double.infinity
    var fault = ""
    /// Seconds for which an answer is good enough for pages that ask again, and when that was last computed.
    var pace = (seconds: 1.0, at: -Double.infinity)
  }

  private let state = Monitor(State())
  private let url: DatabaseURL
  /// Whether a page asks that is open already, by itself.
  var isPolled = false
  /// Seconds for which an answer is as good as a new one to a page that is opened.
  private static let freshness = 1.0
  /// The most such seconds for pages that ask again, however much all their questions cost, and the part of one core of
  /// the database that they may take.
  private static let slowest = 10.0
  private static let share = 0.015
  /// Seconds before a database that did not answer is asked again.
  private static let patience = 1.0
  /// Answers that are kept, and for how many seconds after their last use.
  private static let most = 400
  private static let kept = 3600.0

  init(_ url: DatabaseURL) { self.url = url }

  /// Seconds for which an answer is good enough: as many as let all that was read of late be read again within the share
  /// of a core, since an open page asks by itself however many questions others ask.
  private func freshness(_ state: inout State, _ now: Double) -> Double {
    guard isPolled else { return Self.freshness }
    if now - state.pace.at >= 1 {
      let cost = state.answers.values.reduce(0) { sum, answer in
        now - answer.readAt < Self.slowest ? sum + answer.took : sum
      }
      state.pace = (min(Self.slowest, max(Self.freshness, cost / Self.share)), now)
    }
    return state.pace.seconds
  }

  /// The answer to a question, from the database or from a moment ago. Of several threads that ask the same one asks
  /// the database.
  ///
  /// - Parameter version: version of the data that the question reads, as another answer tells it: an answer that was
  ///   read at the same version is as good as a new one
  /// - Throws: `DatabaseAway`; `PostgresError` for a question that the database refuses
  func answer(_ question: Question, version: String? = nil) throws -> Snapshot {
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
        guard let table = answer.table, now - answer.readAt < 2 * freshness(&state, now) else {
          return nil
        }
        return .known(table)
      }
      answer.usedAt = now
      defer { state.answers[question] = answer }
      let isAway = now - state.awaySince < Self.patience
      if let table = answer.table {
        let isSame = version != nil && answer.version == version
        if isSame || now - answer.readAt < freshness(&state, now) { return .known(table) }
      }
      if isAway { return answer.table.map { .old($0, now - answer.readAt) } ?? .away(state.fault) }
      answer.isBeingRead = true
      return .read
    }!
    switch step {
    case .known(let table): return Snapshot(table: table, staleFor: nil)
    case .old(let table, let age): return Snapshot(table: table, staleFor: age)
    case .away(let fault): throw DatabaseAway(message: fault)
    case .read: return try read(question, version)
    }
  }

  private func read(_ question: Question, _ version: String?) throws -> Snapshot {
    let began = monotonicSeconds()
    do {
      let table = try session { Table(try $0.query(question.sql, question.parameters)) }
      state.update { state in
        var answer = state.answers[question] ?? Answer()
        (answer.table, answer.readAt, answer.isBeingRead) = (table, monotonicSeconds(), false)
        (answer.took, answer.version) = (answer.readAt - began, version)
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
    // Each statement is asked again and again: planning it anew would cost more than its run.
    try connection.run(
      """
      set statement_timeout = '2s'; set default_transaction_read_only = on;
      set plan_cache_mode = force_generic_plan
      """)
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
