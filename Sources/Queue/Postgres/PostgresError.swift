/// An error of the server, or of the connection to it.
package struct PostgresError: Error, Sendable, Equatable, CustomStringConvertible {
  package enum Kind: Sendable, Equatable {
    /// No server answers, or the session is gone. Whether the last statement took effect is unknown.
    case unreachable
    /// The server refused the statement; it had no effect.
    case refused
    /// The answer is not what the program expects: a null, another type, another column.
    case unexpected
  }

  package let kind: Kind
  /// Five characters, PostgreSQL manual, appendix A; our own begin with PR (migrations/).
  package let sqlState: String
  package let message: String
  package let detail: String?
  package let hint: String?

  package init(
    _ kind: Kind, sqlState: String, message: String, detail: String? = nil, hint: String? = nil
  ) {
    self.kind = kind
    self.sqlState = sqlState
    self.message = message
    self.detail = detail
    self.hint = hint
  }

  /// Whether the server is there and does not let the login in: class 28.
  package var refusesLogin: Bool { sqlState.hasPrefix("28") }
  /// Whether the server is there and has no such database.
  package var lacksDatabase: Bool { sqlState == "3D000" }

  /// The state of an error while connecting, of which libpq has the words alone. Those of a server in another
  /// language stay what they were, an error of connecting.
  /// - Parameter asksPassword: whether the server has asked for a password and got none
  static func state(ofConnecting message: String, asksPassword: Bool) -> String {
    if message.contains(
      /FATAL:  (sorry, too many clients|remaining connection slots|too many connections for)/)
    {
      return "53300"
    }
    if message.contains(/FATAL:  (sorry|the database system)/) { return "08001" }
    if asksPassword || message.contains("password authentication failed") { return "28P01" }
    if message.contains("no pg_hba.conf entry") || message.contains("authentication failed")
      || message.contains(/FATAL:  role ".*" does not exist/)
    {
      return "28000"
    }
    return message.contains(/FATAL:  database ".*" does not exist/) ? "3D000" : "08001"
  }

  package var isUnreachable: Bool { kind == .unreachable }

  /// Whether the server lacks a file or a library: its disk is away (class 58), or its programs were
  /// upgraded while it ran, which ends with its restart. An error of dlopen(3) has whatever class the
  /// C library's error number gives it, and names the library in every language.
  package var isOfServerFiles: Bool {
    sqlState.hasPrefix("58")
      || ["XX000", "42501", "42883"].contains(sqlState) && message.contains(/\.so\b/)
  }

  package var description: String {
    var text = message
    if let detail { text += " (\(detail))" }
    if let hint { text += (text.hasSuffix(".") ? " " : ". ") + hint }
    return text
  }

  /// Whether the session itself is over: class 08, or the server's shutdown, crash or start-up,
  /// 57P01 to 57P05, or an idle transaction that reached its time limit (25P03).
  static func endsSession(_ sqlState: String) -> Bool {
    sqlState.hasPrefix("08") || sqlState.hasPrefix("57P") || sqlState == "25P03"
  }
}
