/// What the server, or the way to it, answered instead of a result.
package struct PostgresError: Error, Sendable, Equatable, CustomStringConvertible {
  package enum Kind: Sendable, Equatable {
    /// No server answers, or the session is gone. Whether the last statement took effect is unknown.
    case unreachable
    /// The server refused the statement; nothing of it took effect.
    case refused
    /// The answer is not what the program expects: a null, another type, another column.
    case unexpected
  }

  package let kind: Kind
  /// Five characters, PostgreSQL manual, appendix A; classes of ours begin with PR (migrations/).
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

  package var isUnreachable: Bool { kind == .unreachable }

  package var description: String {
    var text = message
    if let detail { text += " (\(detail))" }
    if let hint { text += (text.hasSuffix(".") ? " " : ". ") + hint }
    return text
  }

  /// States in which the session itself is over: class 08, and the server's own shutdown, crash and
  /// start-up, 57P01 to 57P05, which includes an idle transaction ended by its time limit (25P03).
  static func endsSession(_ sqlState: String) -> Bool {
    sqlState.hasPrefix("08") || sqlState.hasPrefix("57P") || sqlState == "25P03"
  }
}
