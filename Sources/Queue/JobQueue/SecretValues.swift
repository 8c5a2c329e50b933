// The secrets in an environment, and the forms in which they may appear in text.

import FoundationEssentials

/// Finds secrets among environment variables: values of variables with a telling name, and passwords in
/// values that are a URL or a conninfo.
package enum SecretValues {
  /// The prefix of variables that hold secrets of jobs.
  package static let prefix = "PRA_SECRET_"

  /// Every secret in every form.
  package static func all(in environment: [String: String]) -> Set<[UInt8]> {
    var values: Set<[UInt8]> = []
    for (name, value) in environment {
      if isSecret(name), name.hasPrefix(prefix) || !isSwitch(value) {
        values.formUnion(forms(of: value))
      }
      for password in passwords(in: value) { values.formUnion(forms(of: password)) }
    }
    return values
  }

  /// PGPASSWORD, AWS_SECRET_ACCESS_KEY, HF_TOKEN, WANDB_API_KEY, SMTP_PASS, DB_PWD, KEY ...
  private static func isSecret(_ name: String) -> Bool {
    let name = name.uppercased()
    // Folders, and programs that ask for a password.
    if ["PWD", "OLDPWD"].contains(name) || name.hasSuffix("ASKPASS") { return false }
    return ["PASSW", "PASSPHRASE", "SECRET", "TOKEN", "CREDENTIAL", "APIKEY", "AUTHORIZATION"]
      .contains { name.contains($0) }
      || ["KEY", "PASS", "PWD", "JWT"].contains { name.hasSuffix($0) }
  }

  /// Values that turn something on or off, and would be taken out of every text.
  private static func isSwitch(_ value: String) -> Bool {
    ["0", "1", "true", "false", "yes", "no", "on", "off", "none", "null"].contains(
      value.lowercased())
  }

  // MARK: passwords within values

  /// The passwords of URLs and of conninfos in a value, and a long name before `@` without a password,
  /// which is a token.
  private static func passwords(in value: String) -> [String] {
    var found: [String] = []
    if value.contains("://") {
      for match in value.matches(of: /[A-Za-z][A-Za-z0-9+.-]*:\/\/([^\/?#\s]*)@/) {
        let user = match.output.1
        if let colon = user.firstIndex(of: ":") {
          found.append(String(user[user.index(after: colon)...]))
        } else if user.utf8.count >= 16 {
          found.append(String(user))
        }
      }
      for match in value.matches(of: secretOfQuery) { found.append(String(match.output.2)) }
    }
    for match in value.matches(of: /(?:^|\s)password\s*=\s*(?:'((?:[^'\\]|\\.)*)'|([^\s']+))/) {
      let quoted = match.output.1.map { String($0.replacing(/\\(.)/) { $0.output.1 }) }
      found.append(quoted ?? String(match.output.2 ?? ""))
    }
    return found.flatMap { [$0, unescaped($0)] }.filter { !$0.isEmpty }
  }

  private static var secretOfQuery: Regex<(Substring, Substring, Substring)> {
    /[?&;](password|passwd|token|secret|api_?key|access_?key|sig|signature)=([^&;#\s]+)/
      .ignoresCase()
  }

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

  // MARK: forms

  /// Lines of a secret that are shorter would be parts of any text.
  private static let leastLine = 4
  /// Bytes from which on the base64 of a value is long enough to be told from other text.
  private static let leastEncoded = 6

  /// The forms of a secret: as it is, each of its lines, as within a JSON text, in base64.
  package static func forms(of value: String) -> Set<[UInt8]> {
    let trimmed = String(value.trimming(while: \.isWhitespace))
    guard !trimmed.isEmpty else { return [] }
    var texts: Set<String> = [value, trimmed, escaped(trimmed)]
    let lines = trimmed.split(whereSeparator: \.isNewline)
      .map { String($0.trimming(while: \.isWhitespace)) }
    for line in lines where lines.count > 1 && line.utf8.count >= leastLine {
      texts.formUnion([line, escaped(line)])
    }
    var forms = Set(texts.map { Array($0.utf8) })
    for text in Set([value, trimmed]) where text.utf8.count >= leastEncoded {
      forms.formUnion(base64(Array(text.utf8)))
    }
    return forms
  }

  /// The characters of a JSON string, without its quotes.
  private static func escaped(_ text: String) -> String {
    var json = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": json += "\\\""
      case "\\": json += "\\\\"
      case "\n": json += "\\n"
      case "\r": json += "\\r"
      case "\t": json += "\\t"
      default: json.unicodeScalars.append(scalar)
      }
    }
    return json
  }

  /// The part of the base64 that is the same whatever stands before and behind the bytes, for each of
  /// the three places where they may begin, in both alphabets (RFC 4648, sections 4 and 5).
  private static func base64(_ bytes: [UInt8]) -> Set<[UInt8]> {
    var forms: Set<[UInt8]> = []
    for before in 0..<3 {
      let padded = [UInt8](repeating: 0, count: before) + bytes
      let text = Data(padded).base64EncodedString()
      let first = (before * 8 + 5) / 6
      let end = padded.count * 8 / 6
      let core = text.utf8.dropFirst(first).prefix(end - first)
      forms.insert(Array(core))
      forms.insert(
        core.map {
          $0 == UInt8(ascii: "+")
            ? UInt8(ascii: "-") : $0 == UInt8(ascii: "/") ? UInt8(ascii: "_") : $0
        })
    }
    return forms
  }
}

extension StringProtocol {
  fileprivate func trimming(while isCut: (Character) -> Bool) -> SubSequence {
    var rest = self[...]
    while let first = rest.first, isCut(first) { rest = rest.dropFirst() }
    while let last = rest.last, isCut(last) { rest = rest.dropLast() }
    return rest
  }
}
