import CPostgres
import Glibc

/// One server session: blocking calls, for the one thread that owns it. The only file that imports
/// CPostgres; no pointer of libpq leaves it.
///
/// An error of kind `.unreachable` means that the session is over: open another.
package final class Connection {
  private let session: OpaquePointer
  /// The number of runs of each statement in this session, and its prepared name once it has one.
  private var uses: [String: (count: Int, name: String?)] = [:]
  private var statements = 0

  /// Connects, and acts as `role` from then on.
  ///
  /// The server ends a transaction that is left open for 10 s, so that a stopped process cannot
  /// lock a row that the reaper needs. It compiles no query: the compilation of our largest ones takes
  /// seconds, and their run milliseconds.
  package init(_ url: DatabaseURL, role: DatabaseRole? = nil, name: String = "pra")
    throws(PostgresError)
  {
    var settings = url.settings
    for (keyword, value) in [
      ("application_name", name), ("client_encoding", "UTF8"), ("connect_timeout", "10"),
      ("keepalives_idle", "10"), ("keepalives_interval", "5"), ("keepalives_count", "3"),
      ("tcp_user_timeout", "20000"),
    ] where url[keyword] == nil {
      settings.append(.init(keyword: keyword, value: value))
    }
    // Chooses, among several hosts, the one that accepts writes, which changes at a failover.
    if url["host"]?.contains(",") ?? false, url["target_session_attrs"] == nil {
      settings.append(.init(keyword: "target_session_attrs", value: "read-write"))
    }
    guard let opened = Self.withPointers(settings, { PQconnectdbParams($0, $1, 0) }) else {
      throw PostgresError(.unreachable, sqlState: "53200", message: "out of memory")
    }
    session = opened  // from here on deinit closes it, also when the initialiser throws
    guard PQstatus(opened) == CONNECTION_OK else {
      let message = Self.line(PQerrorMessage(opened))
      throw PostgresError(
        .unreachable,
        sqlState: PostgresError.state(
          ofConnecting: message, asksPassword: PQconnectionNeedsPassword(opened) == 1),
        message: message)
    }
    PQsetNoticeProcessor(opened, { _, _ in }, nil)
    // Before anything is set: what is set would stay where a pooler gives the process to others.
    let first = try check(PQexec(session, Self.processNumber))
    let backend = String(cString: PQgetvalue(first.pointer, 0, 0))
    // A pooler tells a number of its own.
    if backend != String(PQbackendPID(opened)) { try refuseSharing(of: backend, settings) }
    try check(
      PQexec(
        session,
        """
        set datestyle = iso; set intervalstyle = postgres; set timezone = utc;
        set bytea_output = hex; set extra_float_digits = 1;
        set idle_in_transaction_session_timeout = '10s'; set search_path = pg_catalog; set jit = off
        """))
    // PostgreSQL applies a role's settings at login only, and nobody logs in as one of ours.
    if let role {
      let (lock, statement) = role.timeLimits
      do {
        try run(
          """
          set lock_timeout = '\(lock)s'; set statement_timeout = '\(statement)s';
          set role \(role.rawValue)
          """)
      } catch  where ["22023", "42501"].contains(error.sqlState) {
        let isMissing = error.sqlState == "22023"
        throw PostgresError(
          error.kind, sqlState: error.sqlState, message: error.message,
          hint: isMissing
            ? "Nobody has migrated this server yet (its owner calls `pra migrate`, with a login that may make roles), or a dump was "
              + "restored without its roles; `pra doctor` says which"
            : "The owner of the database, or a superuser, says in it: grant \(role.rawValue) to \"\(url["user"] ?? "LOGIN")\""
        )
      }
    }
  }

  deinit { PQfinish(session) }

  /// Refuses a pooler that gives this session's process of the server to others between transactions:
  /// the role, LISTEN and prepared statements would go with it. A second session that is given the
  /// process while ours is idle shows that.
  /// - Parameter backend: the number of that process
  private func refuseSharing(of backend: String, _ settings: [DatabaseURL.Setting])
    throws(PostgresError)
  {
    guard let other = Self.withPointers(settings, { PQconnectdbParams($0, $1, 0) }) else { return }
    defer { PQfinish(other) }
    switch Self.answer(of: other, "begin; \(Self.processNumber)") {
    // A pool that has no process left answers late; then ours was not given away.
    case .none: return
    case .number(let number) where number != backend:
      // It may have got another, and ours may be in the pool all the same. While the other is in a transaction
      // an answer that is late waits for it.
      if case .number(backend) = Self.answer(of: session, Self.processNumber) { return }
    // A pool of statements refuses the transaction.
    case .number, .refusal: break
    }
    throw PostgresError(
      .refused, sqlState: "0A000",
      message: "the pooler before the database gives a session's server to others between "
        + "transactions",
      hint: "Use its session mode (PgBouncer: pool_mode = session), or the server's own port")
  }

  private static let processNumber = "select pg_backend_pid()"

  private enum PoolAnswer {
    case number(String)
    case refusal
  }

  /// The first value of a script; nil if none has begun to come within a second.
  private static func answer(of session: OpaquePointer, _ script: String) -> PoolAnswer? {
    var descriptor = pollfd(fd: PQsocket(session), events: Int16(POLLIN), revents: 0)
    guard PQsendQuery(session, script) == 1, poll(&descriptor, 1, 1000) == 1 else { return nil }
    var found: PoolAnswer?
    while let result = PQgetResult(session) {
      defer { PQclear(result) }
      switch PQresultStatus(result) {
      case PGRES_TUPLES_OK: found = .number(String(cString: PQgetvalue(result, 0, 0)))
      case PGRES_COMMAND_OK: break
      default: return .refusal
      }
    }
    return found ?? .refusal
  }

  /// Calls a function of libpq that takes keywords and values, each list with null at its end.
  private static func withPointers<Value>(
    _ settings: [DatabaseURL.Setting],
    _ body: ([UnsafePointer<CChar>?], [UnsafePointer<CChar>?]) -> Value
  ) -> Value {
    let keywords = settings.map { strdup($0.keyword) }
    let values = settings.map { strdup($0.value) }
    defer { for text in keywords + values { free(text) } }
    return body(
      keywords.map { UnsafePointer($0) } + [nil], values.map { UnsafePointer($0) } + [nil])
  }

  // MARK: statements

  /// Runs one statement with parameters $1, $2, ...
  @discardableResult
  package func query(_ sql: String, _ parameters: [Parameter] = []) throws(PostgresError) -> Rows {
    Rows(try execute(sql, parameters, binary: false))
  }

  /// Runs a statement whose only value is a bytea, fetched in binary; nil for null or no row.
  package func bytes(_ sql: String, _ parameters: [Parameter]) throws(PostgresError) -> [UInt8]? {
    let result = try execute(sql, parameters, binary: true)
    guard PQntuples(result.pointer) > 0, PQgetisnull(result.pointer, 0, 0) == 0 else { return nil }
    let count = Int(PQgetlength(result.pointer, 0, 0))
    return [UInt8](UnsafeRawBufferPointer(start: PQgetvalue(result.pointer, 0, 0), count: count))
  }

  /// Runs any number of statements without parameters, in one transaction unless they say
  /// otherwise.
  package func run(_ script: String) throws(PostgresError) {
    try check(PQexec(session, script))
  }

  /// Lets the server parse and plan a statement without running it.
  package func prepare(_ sql: String) throws(PostgresError) {
    try check(PQprepare(session, "", sql, 0, nil))
  }

  /// Commits when `body` returns, rolls back when it throws.
  package func transaction<Value>(_ body: () throws -> Value) throws -> Value {
    try run("begin")
    let value: Value
    do {
      value = try body()
    } catch {
      // If the session itself failed, there is nothing left to roll back.
      if PQstatus(session) == CONNECTION_OK { try run("rollback") }
      throw error
    }
    let result = try check(PQexec(session, "commit"))
    guard String(cString: PQcmdStatus(result.pointer)) == "COMMIT" else {
      throw PostgresError(.refused, sqlState: "25P02", message: "the transaction was rolled back")
    }
    return value
  }

  /// `copy table (columns) from stdin (format binary)`; returns the number of rows.
  @discardableResult
  package func copy(_ statement: String, _ data: BinaryCopy) throws(PostgresError) -> Int {
    let started = PQexec(session, statement)
    guard PQresultStatus(started) == PGRES_COPY_IN else {
      try check(started)
      throw PostgresError(.unexpected, sqlState: "08P01", message: "no copy: \(statement)")
    }
    PQclear(started)
    let bytes = data.finished
    // Pieces, as libpq takes a length of 32 bits.
    for start in stride(from: 0, to: bytes.count, by: 1 << 20) {
      let part = bytes[start..<min(start + 1 << 20, bytes.count)]
      let sent = part.withUnsafeBytes {
        PQputCopyData(session, $0.baseAddress?.assumingMemoryBound(to: CChar.self), Int32($0.count))
      }
      guard sent == 1 else { throw sessionError() }
    }
    guard PQputCopyEnd(session, nil) == 1 else { throw sessionError() }
    var last: Result?
    var failure: PostgresError?
    while let next = PQgetResult(session) {
      do {
        last = try check(next)
      } catch {
        failure = error
        if error.isUnreachable { break }
      }
    }
    if let failure { throw failure }
    return last.flatMap { Int(String(cString: PQcmdTuples($0.pointer))) } ?? 0
  }

  // MARK: notifications

  package func listen(_ channel: String) throws(PostgresError) {
    let quoted = PQescapeIdentifier(session, channel, channel.utf8.count)
    defer { PQfreemem(quoted) }
    guard let quoted else { throw sessionError() }
    try run("listen \(String(cString: quoted))")
  }

  package func unlisten(_ channel: String) throws(PostgresError) {
    let quoted = PQescapeIdentifier(session, channel, channel.utf8.count)
    defer { PQfreemem(quoted) }
    guard let quoted else { throw sessionError() }
    try run("unlisten \(String(cString: quoted))")
  }

  /// Waits until a notification comes, the time is over, or the descriptor `wakeUp` becomes readable.
  ///
  /// Any login may send any text on any channel. So a notification means no more than that it may be worth
  /// looking, and neither its channel nor its payload is given to the caller.
  /// - Returns: whether a notification came
  @discardableResult
  package func wait(_ time: Duration, wakeUp: Int32? = nil) throws(PostgresError) -> Bool {
    let end = ContinuousClock.now + time
    while true {
      guard PQconsumeInput(session) == 1 else { throw sessionError() }
      var isNotified = false
      while let notification = PQnotifies(session) {
        isNotified = true
        PQfreemem(notification)
      }
      let left = end - ContinuousClock.now
      if isNotified || left <= .zero { return isNotified }
      var descriptors = [pollfd(fd: PQsocket(session), events: Int16(POLLIN), revents: 0)]
      if let wakeUp {
        descriptors.append(pollfd(fd: wakeUp, events: Int16(POLLIN), revents: 0))
      }
      let (seconds, attoseconds) = left.components
      let milliseconds = seconds * 1000 + attoseconds / 1_000_000_000_000_000 + 1
      let count = poll(
        &descriptors, nfds_t(descriptors.count), Int32(clamping: milliseconds))
      if count < 0 && errno != EINTR {
        throw PostgresError(
          .unreachable, sqlState: "08006", message: String(cString: strerror(errno)))
      }
      if descriptors.count > 1 && descriptors[1].revents != 0 { return false }
    }
  }

  // MARK: details

  /// Owns a PGresult.
  final class Result {
    let pointer: OpaquePointer
    init(_ pointer: OpaquePointer) { self.pointer = pointer }
    deinit { PQclear(pointer) }
  }

  private func execute(_ sql: String, _ parameters: [Parameter], binary: Bool)
    throws(PostgresError) -> Result
  {
    var storage: [UInt8] = []
    var offsets: [Int?] = []
    var lengths: [Int32] = []
    var formats: [Int32] = []
    for parameter in parameters {
      switch parameter {
      case .null:
        offsets.append(nil)
        lengths.append(0)
        formats.append(0)
      case .text(let text):
        guard !text.utf8.contains(0) else {
          throw PostgresError(
            .refused, sqlState: "22021",
            message: "parameter \(offsets.count + 1): a text cannot hold a zero byte")
        }
        offsets.append(storage.count)
        storage += text.utf8
        storage.append(0)
        lengths.append(0)
        formats.append(0)
      case .bytes(let bytes):
        offsets.append(storage.count)
        storage += bytes
        storage.append(0)  // a pointer even to no bytes
        lengths.append(Int32(bytes.count))
        formats.append(1)
      }
    }
    let name = try preparedName(of: sql)
    let result = storage.withUnsafeBytes { bytes in
      let values = offsets.map { offset in
        offset.map { (bytes.baseAddress! + $0).assumingMemoryBound(to: CChar.self) }
      }
      if let name {
        return PQexecPrepared(
          session, name, Int32(parameters.count), values, lengths, formats, binary ? 1 : 0)
      }
      return PQexecParams(
        session, sql, Int32(parameters.count), nil, values, lengths, formats, binary ? 1 : 0)
    }
    do {
      return try check(result)
    } catch  where error.sqlState == "0A000" && uses[sql]?.name != nil {
      // "cached plan must not change result type": a migration has changed a function's result. The
      // statement did not run; outside a transaction it is sent again without its prepared name.
      uses[sql] = (Int.min, nil)
      guard PQtransactionStatus(session) == PQTRANS_IDLE else { throw error }
      return try execute(sql, parameters, binary: binary)
    }
  }

  /// The prepared name of a statement; from its third run on, which saves parsing it again.
  private func preparedName(of sql: String) throws(PostgresError) -> String? {
    // Statements whose text differs each time would only fill the table.
    guard uses.count < 500 || uses[sql] != nil else { return nil }
    var use = uses[sql] ?? (0, nil)
    use.count += 1
    if use.count == 3 {
      statements += 1
      let name = "s\(statements)"
      try check(PQprepare(session, name, sql, 0, nil))
      use.name = name
    }
    uses[sql] = use
    return use.name
  }

  @discardableResult
  private func check(_ pointer: OpaquePointer?) throws(PostgresError) -> Result {
    guard let pointer else { throw sessionError() }
    let result = Result(pointer)
    switch PQresultStatus(pointer) {
    case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY: return result
    case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH: throw refuseCopy(PQresultStatus(pointer))
    default: break
    }
    func field(_ code: UnicodeScalar) -> String? {
      PQresultErrorField(pointer, Int32(code.value)).map { Self.line($0) }
    }
    // PG_DIAG_SQLSTATE, _MESSAGE_PRIMARY, _DETAIL and _HINT of postgres_ext.h.
    let state = field("C")
    let gone = PQstatus(session) != CONNECTION_OK || state.map(PostgresError.endsSession) ?? true
    throw PostgresError(
      gone ? .unreachable : .refused, sqlState: state ?? "08006",
      message: field("M") ?? Self.line(PQresultErrorMessage(pointer)), detail: field("D"),
      hint: field("H"))
  }

  /// Ends a copy to or from the client that no caller is prepared for, and any that its script still begins,
  /// so that the session can take the next statement.
  private func refuseCopy(_ first: ExecStatusType) -> PostgresError {
    var status = first
    while true {
      if status == PGRES_COPY_IN || status == PGRES_COPY_BOTH {
        guard PQputCopyEnd(session, "no data") == 1 else { return sessionError() }
      }
      if status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH {
        var row: UnsafeMutablePointer<CChar>?
        while PQgetCopyData(session, &row, 0) > 0 { PQfreemem(row) }
      }
      guard let next = PQgetResult(session) else { break }
      status = PQresultStatus(next)
      PQclear(next)
    }
    guard PQstatus(session) == CONNECTION_OK else { return sessionError() }
    return PostgresError(
      .refused, sqlState: "0A000",
      message: "COPY to or from the client is not for this; psql does it")
  }

  private func sessionError() -> PostgresError {
    PostgresError(.unreachable, sqlState: "08006", message: Self.line(PQerrorMessage(session)))
  }

  private static func line(_ text: UnsafePointer<CChar>) -> String {
    var line = Substring(String(cString: text))
    while line.last?.isWhitespace ?? false { line.removeLast() }
    return String(line)
  }

  /// A message of libpq about a text, up to the first word of that text: it quotes them.
  private static func withoutTheText(_ message: String) -> String {
    var kept = ""
    let english = message.prefix { !"«»„“‘".contains($0) }
    for (place, part) in english.split(separator: "\"", omittingEmptySubsequences: false)
      .enumerated()
    {
      // Every second part is quoted; these are libpq's own.
      if place % 2 == 1, !["]", "=", ":", "/"].contains(part) { break }
      kept += place % 2 == 1 ? "\"\(part)\"" : part
    }
    while let last = kept.last, last.isWhitespace || last == ":" { kept.removeLast() }
    return kept
  }

  /// Whether a server accepts sessions there, or would if it had one to give.
  static func answers(_ url: DatabaseURL) -> Bool {
    let settings = url.settings + [.init(keyword: "connect_timeout", value: "5")]
    return withPointers(settings) { PQpingParams($0, $1, 0) } == PQPING_OK
  }

  static func parse(conninfo: String) throws(PostgresError) -> [DatabaseURL.Setting] {
    var message: UnsafeMutablePointer<CChar>?
    guard let options = PQconninfoParse(conninfo, &message) else {
      defer { PQfreemem(message) }
      throw DatabaseURL.error(message.map { withoutTheText(line($0)) } ?? "out of memory")
    }
    defer { PQconninfoFree(options) }
    var settings: [DatabaseURL.Setting] = []
    var option = options
    while let keyword = option.pointee.keyword {
      if let value = option.pointee.val {
        settings.append(.init(keyword: String(cString: keyword), value: String(cString: value)))
      }
      option += 1
    }
    return settings
  }
}

/// The rows of a result.
package struct Rows: RandomAccessCollection {
  private let result: Connection.Result

  init(_ result: Connection.Result) { self.result = result }

  package var startIndex: Int { 0 }
  package var endIndex: Int { Int(PQntuples(result.pointer)) }
  package subscript(index: Int) -> Row {
    precondition(indices.contains(index), "row \(index) of \(count)")
    return Row(result: result, index: Int32(index))
  }

  package var columns: [String] {
    (0..<PQnfields(result.pointer)).map { String(cString: PQfname(result.pointer, $0)) }
  }

  /// The only row; throws if there are none or several.
  package func single() throws(PostgresError) -> Row {
    guard count == 1 else {
      throw PostgresError(.unexpected, sqlState: "21000", message: "\(count) rows instead of one")
    }
    return self[0]
  }
}

/// One row; its values by the names of their columns.
package struct Row {
  let result: Connection.Result
  let index: Int32

  /// The value as PostgreSQL writes it; nil for null.
  package func text(_ column: String) throws(PostgresError) -> String? {
    let number = PQfnumber(result.pointer, column)
    guard number >= 0 else {
      throw PostgresError(.unexpected, sqlState: "42703", message: "no column \"\(column)\"")
    }
    return value(at: number)
  }

  /// By position, for results whose columns are not known beforehand.
  package func text(at position: Int) -> String? { value(at: Int32(position)) }

  private func value(at number: Int32) -> String? {
    guard PQgetisnull(result.pointer, index, number) == 0 else { return nil }
    return String(cString: PQgetvalue(result.pointer, index, number))
  }
}
