// A value of a configuration file before it has a type: YAML 1.2 core schema.

import Yams

/// The value of a key in a settings file or in `--set`. Numbers keep their text, so that 64-bit
/// seeds are exact.
package enum SettingValue: Sendable, Equatable {
  case null
  case boolean(Bool)
  case integer(String)
  case number(String)
  case string(String)
  case list([SettingValue])
  /// Keys in the file's order.
  case mapping([Entry])

  package struct Entry: Sendable, Equatable {
    package let key: String
    package let value: SettingValue

    package init(key: String, value: SettingValue) { (self.key, self.value) = (key, value) }
  }

  /// Parses one YAML or JSON document. A byte order mark before it is read over (5.2 of
  /// YAML 1.2.2).
  /// - Parameter source: name of the text in messages, a file or an option
  /// - Throws: `ConfigurationError` on bad syntax, several documents or keys given twice
  package init(parsing given: String, source: String) throws {
    let text =
      given.unicodeScalars.first == "\u{FEFF}" ? String(given.unicodeScalars.dropFirst()) : given
    if let line = AliasedKeys.firstLine(in: text) {
      throw ConfigurationError(
        "\(source): line \(line): a key is an alias or a collection; write it out as a word")
    }
    do {
      let parser = try Parser(yaml: text, resolver: .basic)
      guard let first = try parser.nextRoot() else {
        self = .null
        return
      }
      if try parser.nextRoot() != nil {
        throw ConfigurationError("\(source): holds several YAML documents; one is expected")
      }
      // A value takes at least one byte. More values than bytes come from aliases, each of which
      // may expand to thousands of values.
      var left = text.utf8.count + 1
      self = try SettingValue(first, source: source, path: "", left: &left)
    } catch let error as YamlError {
      throw ConfigurationError("\(source): \(Self.sentence(error))")
    }
  }

  /// Parses JSON from a stranger's file. The parser reads YAML, whose nested aliases can take
  /// unlimited time; so the characters that begin one are refused outside of JSON's quotes.
  /// - Throws: `ConfigurationError`
  package init(parsingJSON text: String, source: String) throws {
    var (isQuoted, isEscaped) = (false, false)
    for byte in text.utf8 {
      if isEscaped {
        isEscaped = false
      } else if byte == UInt8(ascii: "\"") {
        isQuoted.toggle()
      } else if isQuoted {
        isEscaped = byte == UInt8(ascii: "\\")
      } else if "&*?!|>#".utf8.contains(byte) {
        throw ConfigurationError(
          "\(source): is no JSON: '\(Character(Unicode.Scalar(byte)))' outside of quotes")
      }
    }
    try self.init(parsing: text, source: source)
  }

  /// - Parameter left: number of values that the text can still hold
  private init(_ node: Node, source: String, path: String, left: inout Int) throws {
    left -= 1
    guard left >= 0 else {
      throw ConfigurationError(
        "\(source): holds more values than characters; write out what aliases (*name) stand for")
    }
    switch node {
    case .scalar(let scalar):
      try Self.refuseZeroByte(in: scalar.string, source, path)
      self = scalar.style == .plain ? Self.plain(scalar.string) : .string(scalar.string)
    case .sequence(let nodes):
      self = .list(
        try nodes.enumerated().map {
          try SettingValue($1, source: source, path: "\(path)[\($0)]", left: &left)
        })
    case .mapping(let mapping):
      var entries: [Entry] = []
      var known: Set<String> = []
      for (keyNode, valueNode) in mapping {
        guard let key = keyNode.scalar?.string else {
          throw ConfigurationError(
            "\(source): a key of \(path.isEmpty ? "the file" : path) is no word")
        }
        try Self.refuseZeroByte(in: key, source, path)
        let full = path.isEmpty ? key : "\(path).\(key)"
        guard known.insert(key).inserted else {
          throw ConfigurationError("\(source): \(full) is given twice; keep one")
        }
        entries.append(
          Entry(
            key: key, value: try SettingValue(valueNode, source: source, path: full, left: &left)))
      }
      self = .mapping(entries)
    case .alias:
      throw ConfigurationError(
        "\(source): \(path.isEmpty ? "the file" : path) is an alias; write the value out")
    }
  }

  /// A text of PostgreSQL holds no zero byte, nor does a path.
  private static func refuseZeroByte(in text: String, _ source: String, _ path: String) throws {
    guard text.utf8.contains(0) else { return }
    throw ConfigurationError("\(source): \(path.isEmpty ? "" : "\(path): ")holds a zero byte")
  }

  /// The scalar rules of YAML 1.2.2 section 10.3.2.
  static func plain(_ text: String) -> SettingValue {
    switch text {
    case "", "~", "null", "Null", "NULL": return .null
    case "true", "True", "TRUE": return .boolean(true)
    case "false", "False", "FALSE": return .boolean(false)
    default: break
    }
    return PlainNumber.read(text) ?? .string(text)
  }

  private static func sentence(_ error: YamlError) -> String {
    switch error {
    case .duplicatedKeysInMapping(let duplicates, _):
      let keys = duplicates.sorted().joined(separator: ", ")
      return "\(keys) is given twice; keep one"
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
      .composer(_, let problem, let mark, _):
      return "line \(mark.line), column \(mark.column): \(problem)"
    case .reader(let problem, _, _, _):
      return "is not YAML: \(problem)"
    default:
      return "is not YAML: \(error)"
    }
  }

  /// The value in words, for messages.
  package var description: String {
    switch self {
    case .null: "null"
    case .boolean(let flag): String(flag)
    case .integer(let text), .number(let text): text
    case .string(let text): "'\(text)'"
    case .list(let values): "[\(values.map(\.description).joined(separator: ", "))]"
    case .mapping: "a mapping of keys"
    }
  }
}
