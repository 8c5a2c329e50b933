/// The address of a database: a URI or key=value pairs, PostgreSQL manual, section 34.1.1.
package struct DatabaseURL: Sendable, Equatable, CustomStringConvertible {
  /// Keyword and value, in the order of libpq's table.
  package private(set) var settings: [Setting]

  package struct Setting: Sendable, Equatable {
    package let keyword: String
    package var value: String
  }

  /// Throws if the text is no address. The message repeats nothing of it, as a password may stand
  /// anywhere in a text that was not understood.
  package init(_ text: String) throws(PostgresError) {
    settings = try Connection.parse(conninfo: text)
    let isURI = text.hasPrefix("postgres://") || text.hasPrefix("postgresql://")
    // A password with an @ or a / that is not written as %40 or %2F ends up in these.
    for keyword in ["host", "dbname"] where isURI && self[keyword]?.contains("@") ?? false {
      throw Self.error("a password's @, / and % are written as %40, %2F and %25")
    }
    for port in (self["port"] ?? "").split(separator: ",") where UInt16(port) == nil {
      throw Self.error(
        "the port is no number from 1 to 65535, or a password's / is not written as %2F")
    }
  }

  static func error(_ reason: String) -> PostgresError {
    PostgresError(
      .refused, sqlState: "08001",
      message: "no address as postgresql://USER@HOST/DATABASE or \"host=HOST dbname=DATABASE\": "
        + reason)
  }

  /// A server behind a Unix socket.
  package init(socketDirectory: String, user: String, database: String, port: String = "5432") {
    settings = [
      Setting(keyword: "user", value: user),
      Setting(keyword: "dbname", value: database),
      Setting(keyword: "host", value: socketDirectory),
      Setting(keyword: "port", value: port),  // only a part of the socket's name
    ]
  }

  package func with(_ keyword: String, _ value: String) -> DatabaseURL {
    var copy = self
    copy.settings.removeAll { $0.keyword == keyword }
    copy.settings.append(Setting(keyword: keyword, value: value))
    return copy
  }

  package subscript(keyword: String) -> String? {
    settings.first { $0.keyword == keyword }?.value
  }

  /// The text for PRA_DATABASE_URL of a child process. It holds the password, if there is one.
  package var conninfo: String {
    Self.text(of: settings)
  }

  /// The text for people, without the password.
  package var description: String {
    Self.text(of: settings.filter { !$0.keyword.contains("password") })
  }

  private static func text(of settings: [Setting]) -> String {
    settings.map { setting in
      var quoted = ""
      for character in setting.value {
        if character == "'" || character == "\\" { quoted += "\\" }
        quoted.append(character)
      }
      return "\(setting.keyword)='\(quoted)'"
    }
    .joined(separator: " ")
  }
}

/// The roles of ops/roles/README.md; a session acts as one of them.
package enum DatabaseRole: String, Sendable, CaseIterable {
  case owner = "pra_owner"
  case submit = "pra_submit"
  case worker = "pra_worker"
  case read = "pra_read"

  /// Seconds after which a statement that waits for a lock, or that runs, is cancelled; 0 for
  /// never.
  var timeLimits: (lock: Int, statement: Int) {
    switch self {
    case .owner: (0, 0)
    case .submit: (10, 300)
    case .worker: (10, 120)
    // A query that runs for long keeps the server from vacuuming.
    case .read: (10, 600)
    }
  }
}
