// The secrets in an environment, and the forms in which they may appear in text.

import FoundationEssentials

/// Finds secrets among environment variables: values of variables with a telling name, and what
/// `secrets(within:)` finds in any value.
package enum SecretValues {
  /// The prefix of variables that hold secrets of jobs.
  package static let prefix = "PRA_SECRET_"

  /// Every secret in every form.
  package static func all(in environment: [String: String]) -> Set<[UInt8]> {
    var values: Set<[UInt8]> = []
    for (name, value) in environment {
      if isSecret(name, value), name.hasPrefix(prefix) || !isSwitch(value) {
        values.formUnion(forms(of: value))
      }
      for secret in secrets(within: value) where !isSwitch(secret) {
        values.formUnion(forms(of: secret))
      }
    }
    return values
  }

  // MARK: names

  /// The words of a name that tell of a secret wherever they stand in it.
  private static let telling: Set<Substring> = [
    "AUTH", "COOKIE", "CRED", "JWT", "KEY", "PASS", "PAT", "PIN", "PSK", "PW", "PWD",
  ]
  /// The last words of names that tell of a secret's place or kind: SSH_AUTH_SOCK, OS_AUTH_TYPE, KEY_FILE ...
  private static let describing: Set<Substring> = [
    "ALGORITHM", "COUNT", "DIR", "DOMAIN", "FILE", "HOST", "ID", "LENGTH", "METHOD", "MODE", "NAME",
    "PATH", "PORT", "SIZE", "SOCK", "TIMEOUT", "TTL", "TYPE", "URL", "USER", "VERSION",
  ]
  /// The number of a session of a desktop or a terminal is shorter than a cookie's (XDG_SESSION_ID=12).
  private static let leastSession = 16

  /// PGPASSWORD, AWS_SECRET_ACCESS_KEY, HF_TOKEN, WANDB_API_KEY2, SMTP_PW, DB_PASS_PROD, GITHUB_PAT ...
  private static func isSecret(_ name: String, _ value: String) -> Bool {
    let name = name.uppercased()
    // Folders, and programs that ask for a password.
    if ["PWD", "OLDPWD"].contains(name) || name.hasSuffix("ASKPASS") { return false }
    let parts = [
      "PASSW", "PASSPHRASE", "SECRET", "TOKEN", "CREDENTIAL", "APIKEY", "AUTHORIZATION",
    ]
    if parts.contains(where: { name.contains($0) }) { return true }
    let words = name.split(whereSeparator: { !$0.isLetter && !$0.isNumber })
      .map(stem).filter { !$0.isEmpty }
    guard let last = words.last else { return false }
    if ["KEY", "PASS", "PWD", "JWT"].contains(where: { last.hasSuffix($0) }) { return true }
    if last == "SESSIONID" || words.suffix(2) == ["SESSION", "ID"] {
      return value.utf8.count >= leastSession
    }
    if tells(last) { return true }
    // A small number below another word is a size or a place (KEY_DIM=64).
    let isSmallNumber = value.utf8.count < 4 && Int(value) != nil
    return !describing.contains(last) && !isSmallNumber && words.contains(where: tells)
  }

  /// PIN, and MYPIN.
  private static func tells(_ word: Substring) -> Bool {
    telling.contains(word) || word.hasPrefix("MY") && telling.contains(word.dropFirst(2))
  }

  /// A word without the number or the plural at its end: KEY of KEYS2, but PASS of PASS.
  private static func stem(_ word: Substring) -> Substring {
    var stem = word
    while stem.last?.isNumber ?? false { stem.removeLast() }
    if stem.hasSuffix("S"), !stem.hasSuffix("SS") { stem.removeLast() }
    return stem
  }

  /// Values that turn something on or off, and would be taken out of every text.
  private static func isSwitch(_ value: String) -> Bool {
    ["0", "1", "true", "false", "yes", "no", "on", "off", "none", "null"].contains(
      value.lowercased())
  }

  // MARK: forms

  /// Lines of a secret that are shorter would be parts of any text.
  private static let leastLine = 4
  /// Bytes from which on the base64 of a value is long enough to be told from other text.
  private static let leastEncoded = 6

  /// The forms of a secret: as it is, each of its lines, as within a JSON text or a URL, in base64.
  package static func forms(of value: String) -> Set<[UInt8]> {
    let trimmed = String(value.trimming(while: \.isWhitespace))
    guard !trimmed.isEmpty else { return [] }
    let lines = trimmed.split(whereSeparator: \.isNewline)
      .map { String($0.trimming(while: \.isWhitespace)) }
    var texts: Set<String> = [value]
    for text in [trimmed] + lines.filter({ lines.count > 1 && $0.utf8.count >= leastLine }) {
      texts.formUnion([text, escaped(text)])
      texts.formUnion(percentEncoded(text))
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

  /// The characters that an encoding for a URL keeps beside letters and digits: the unreserved ones alone
  /// (RFC 3986, section 2.3), those of HTML's forms, with the slash of a path (Python's quote), of
  /// JavaScript's encodeURIComponent, of a path and a query.
  private static let keptInURLs = ["-._~", "-._*", "-._~/", "-._~!'()*", "-._~!$&'()*+,;=:@/?"]

  /// The percent-encodings (RFC 3986, section 2.1), with digits in either case, and a blank also as `+`.
  private static func percentEncoded(_ text: String) -> Set<String> {
    var encodings: Set<String> = []
    for kept in keptInURLs.map({ Set($0.utf8) }) {
      for digits in ["0123456789ABCDEF", "0123456789abcdef"].map({ Array($0.utf8) }) {
        var bytes: [UInt8] = []
        for byte in text.utf8 {
          if isAlphanumeric(byte) || kept.contains(byte) {
            bytes.append(byte)
          } else {
            bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
          }
        }
        let encoding = String(decoding: bytes, as: UTF8.self)
        encodings.formUnion([encoding, encoding.replacing("%20", with: "+")])
      }
    }
    return encodings
  }

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "a")...UInt8(ascii: "z"):
      true
    default: false
    }
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
