// The secrets that are a part of a variable's value, whatever the variable is called.

import FoundationEssentials

extension SecretValues {
  /// The passwords of URLs, conninfos, connection strings and netrc texts in a value, the credentials of
  /// headers, the secret paths of webhooks, and a long name before `@` without a password, which is a token.
  static func secrets(within value: String) -> [String] {
    var found = value.contains("://") ? secrets(ofURLs: value) : []
    // A look for a word is much faster than one for a pattern, and most values have none of these.
    let small = value.lowercased()
    if small.contains("passw") || small.contains("pwd") {
      for match in value.matches(of: conninfo) {
        let quoted = match.output.1.map { String($0.replacing(/\\(.)/) { $0.output.1 }) }
        found.append(quoted ?? String(match.output.2 ?? ""))
      }
    }
    if value.contains(";"), value.contains("=") {
      for match in value.matches(of: field) {
        let (_, double, single, braced, plain) = match.output
        let secret: Substring = double ?? single ?? braced ?? plain ?? ""
        found.append(String(secret))
      }
    }
    if value.contains("password"), value.contains(netrc) {
      for match in value.matches(of: netrcPassword) {
        found.append(String(match.output.1 ?? match.output.2 ?? ""))
      }
    }
    if small.contains("authorization") || small.contains("bearer") {
      for match in value.matches(of: header) {
        found.append(String(match.output.1 ?? match.output.2 ?? ""))
      }
    }
    return found.flatMap { [$0, unescaped($0)] }.filter { !$0.isEmpty }
  }

  private static func secrets(ofURLs value: String) -> [String] {
    var found: [String] = []
    for match in value.matches(of: /[A-Za-z][A-Za-z0-9+.-]*:\/\/([^\/?#\s]*)@/) {
      let user = match.output.1
      if let colon = user.firstIndex(of: ":") {
        found.append(String(user[user.index(after: colon)...]))
      } else if user.utf8.count >= 16 {
        found.append(String(user))
      }
    }
    for match in value.matches(of: secretOfQuery) { found.append(String(match.output.2)) }
    for match in value.matches(of: webhook) {
      let path = match.output.1
      found.append(String(path))
      // Its last part is the secret, the others are numbers of a place and an application.
      if let last = path.split(separator: "/").last { found.append(String(last)) }
    }
    return found
  }

  // MARK: patterns

  private static var secretOfQuery: Regex<(Substring, Substring, Substring)> {
    /[?&;](password|passwd|token|secret|api_?key|access_?key|sig|signature)=([^&;#\s]+)/
      .ignoresCase()
  }

  private static var webhook: Regex<(Substring, Substring)> {
    /:\/\/hooks\.slack\.com\/(?:services|workflows|triggers)\/([^\s?#"']+)/.ignoresCase()
  }

  /// PostgreSQL manual, 32.1.1: a value in quotes, or up to a blank. A path after `pwd` is a folder.
  private static var conninfo: Regex<(Substring, Substring?, Substring?)> {
    /(?:^|\s)(?:(?:ssl)?password|passwd|pwd(?!\s*=\s*\/))\s*=\s*(?:'((?:[^'\\]|\\.)*)'|([^\s']+))/
      .ignoresCase()
  }

  /// A field of a connection string of ADO.NET, ODBC or Azure: a value in quotes or braces, or up to `;`.
  private static var field: Regex<(Substring, Substring?, Substring?, Substring?, Substring?)> {
    #/
      (?:^|;)\s*
      (?:(?:ssl)?password|passwd|pwd|(?:account|access|api|sharedaccess)key|sharedaccesssignature
        |clientsecret|secret|token)
      \s*=\s*(?:"([^"]+)"|'([^']+)'|\{([^}]+)\}|([^\s;"'\{][^;]*))
    /#
    .ignoresCase()
  }

  /// The beginning of an entry of a netrc file (ftp(1)).
  private static var netrc: Regex<Substring> {
    /(?:^|\s)(?:machine\s+\S+|default)\s+(?:login|account|password)\s/
  }

  private static var netrcPassword: Regex<(Substring, Substring?, Substring?)> {
    /(?:^|\s)password\s+(?:"([^"]+)"|([^\s"]+))/
  }

  /// The credentials of an Authorization header (RFC 9110, section 11.6.2): behind the name of a scheme, or
  /// of a length that no such name has. `Bearer` tells of them without the header's name, too.
  private static var header: Regex<(Substring, Substring?, Substring?)> {
    #/
      authorization["']?\s*[:=]\s*["']?(?:basic|bearer|token|apikey)(?:\s|%20)+([^\s"',;]+)
      |(?:authorization["']?\s*[:=]|bearer(?:\s|%20))\s*["']?([^\s"',;]{16,})
    /#
    .ignoresCase()
  }

  // MARK: URLs

  /// A text of a URL with its `%40` and so on put back (RFC 3986, section 2.1).
  private static func unescaped(_ text: String) -> String {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "%"), rest.count >= 2,
        let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
      {
        bytes.append(value)
        rest = rest.dropFirst(2)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
