// Settings as YAML, so that a file which was read can be written and read again.

import Files

extension SettingValue {
  /// The value of a key of a mapping; nil without one.
  package subscript(key key: String) -> SettingValue? {
    guard case .mapping(let entries) = self else { return nil }
    return entries.first { $0.key == key }?.value
  }

  /// The mapping with a value at a path of keys, which is added where it is missing.
  package func setting(_ path: [String], to value: SettingValue) -> SettingValue {
    guard let first = path.first else { return value }
    var entries: [Entry] = []
    if case .mapping(let own) = self { entries = own }
    let changed = (self[key: first] ?? .null).setting(Array(path.dropFirst()), to: value)
    if let place = entries.firstIndex(where: { $0.key == first }) {
      entries[place] = Entry(key: first, value: changed)
    } else {
      entries.append(Entry(key: first, value: changed))
    }
    return .mapping(entries)
  }

  /// The mapping without the key at a path.
  package func removing(_ path: [String]) -> SettingValue {
    guard case .mapping(let entries) = self, let first = path.first else { return self }
    guard path.count > 1 else { return .mapping(entries.filter { $0.key != first }) }
    return .mapping(
      entries.map {
        $0.key == first
          ? Entry(key: first, value: $0.value.removing(Array(path.dropFirst()))) : $0
      })
  }

  /// The values, with their paths of keys, in which another mapping differs from this one.
  package func differences(to other: SettingValue) -> [(path: [String], value: SettingValue)] {
    guard case .mapping(let entries) = other, case .mapping = self else {
      return self == other ? [] : [([], other)]
    }
    return entries.flatMap { entry in
      (self[key: entry.key] ?? .null).differences(to: entry.value).map {
        (path: [entry.key] + $0.path, value: $0.value)
      }
    }
  }

  /// The value as YAML 1.2: mappings in blocks, lists in brackets. It reads back as the same value.
  /// - Parameter indent: number of blanks before each line of a mapping
  package func yaml(indent: Int = 0) -> String {
    guard case .mapping(let entries) = self, !entries.isEmpty else { return flow + "\n" }
    let blanks = String(repeating: " ", count: indent)
    return entries.map { entry in
      let key = SettingValue.string(entry.key).flow
      if case .mapping(let inner) = entry.value, !inner.isEmpty {
        return "\(blanks)\(key):\n\(entry.value.yaml(indent: indent + 2))"
      }
      return "\(blanks)\(key): \(entry.value.flow)\n"
    }.joined()
  }

  /// The value as JSON; numbers keep their text where JSON has such numbers.
  package var json: String {
    switch self {
    case .null: "null"
    case .boolean(let flag): String(flag)
    case .integer(let text), .number(let text):
      text.wholeMatch(of: /-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/) != nil
        ? text : Double(text).map(JSONText.number) ?? JSONText.string(text)
    case .string(let text): JSONText.string(text)
    case .list(let values): JSONText.array(values.map(\.json))
    case .mapping(let entries): JSONText.object(entries.map { ($0.key, $0.value.json) })
    }
  }

  /// The value on one line.
  private var flow: String {
    switch self {
    case .null: "null"
    case .boolean(let flag): String(flag)
    case .integer(let text), .number(let text): text
    case .string(let text): Self.isPlain(text) ? text : JSONText.string(text)
    case .list(let values): "[\(values.map(\.flow).joined(separator: ", "))]"
    case .mapping(let entries):
      "{\(entries.map { "\(SettingValue.string($0.key).flow): \($0.value.flow)" }.joined(separator: ", "))}"
    }
  }

  /// Whether a text is itself without quotes, and not a number, a flag or null.
  private static func isPlain(_ text: String) -> Bool {
    text.wholeMatch(of: /[A-Za-z_\/][A-Za-z0-9_.\/-]*( [A-Za-z0-9_.\/=-]+)*/) != nil
      && plain(text) == .string(text)
  }
}
