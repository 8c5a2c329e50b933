/// The address of a database: a URI or key=value pairs, PostgreSQL manual, section 34.1.1.
package struct DatabaseURL: Sendable, Equatable, CustomStringConvertible {
  /// Keyword and value, in the order of libpq's table.
  package private(set) var settings: [Setting]

  package struct Setting: Sendable, Equatable {
    package let keyword: String
    package var value: String
  }

  /// Throws if libpq does not understand the text; the message names the bad part.
  package init(_ text: String) throws(PostgresError) {
    settings = try Connection.parse(conninfo: text)
  }

  /// A server behind a Unix socket.
  package init(socketDirectory: String, user: String, database: String) {
    settings = [
      Setting(keyword: "user", value: user),
      Setting(keyword: "dbname", value: database),
      Setting(keyword: "host", value: socketDirectory),
      Setting(keyword: "port", value: "5432"),  // only a part of the socket's name
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
