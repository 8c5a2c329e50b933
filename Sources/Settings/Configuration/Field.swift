// One table per section says its keys, types, ranges and meanings; reading, writing and the table of
// keys (Key.swift) follow it.

import Files

/// A mapping of keys in a settings file.
package protocol Section: Sendable, Equatable {
  static var fields: [Field<Self>] { get }
  /// Keys that model.md section 10 does not name: stored configurations may lack them.
  static var additions: Set<String> { get }
  /// The paper, page or program that defines the keys, where a key does not name its own.
  static var source: String? { get }
}

extension Section {
  package static var additions: Set<String> { [] }
  package static var source: String? { nil }
}

/// One key of a section.
package struct Field<Root> {
  let key: String
  let values: Values
  /// One sentence for the table of keys. Empty in sections that people do not write, as the state of a
  /// checkpoint; a test refuses an empty one in run files, configurations and arguments of jobs.
  let meaning: String
  private(set) var unit: String?
  private(set) var source: String?
  private(set) var isRequired = false
  /// Rules of its JSON schema besides those of its values.
  private(set) var rules: [Rule] = []
  let assign: (inout Root, SettingValue, _ path: String, _ complete: Bool) throws -> Void
  /// The key's value as JSON.
  let json: (Root) -> String
  /// The table of the keys below, where this one is a section's.
  private(set) var inner: ((_ path: String, _ defaults: [Defaults<Root>]) -> [Key])?
  /// The rules of the section below.
  private(set) var innerRules: (() -> [Rule])?
  /// The source that the section below names for its keys.
  private(set) var innerSource: String?

  init(
    _ key: String, _ values: Values, _ meaning: String,
    assign: @escaping (inout Root, SettingValue, _ path: String, _ complete: Bool) throws -> Void,
    json: @escaping (Root) -> String
  ) {
    (self.key, self.values, self.meaning, self.assign, self.json) =
      (key, values, meaning, assign, json)
  }
}

/// How a key is described further, as in `.integer("size", \.size, 1...4096, "...").unit("pixels")`.
extension Field {
  package func unit(_ unit: String) -> Field {
    var field = self
    field.unit = unit
    return field
  }

  package func source(_ source: String) -> Field {
    var field = self
    field.source = source
    return field
  }

  /// Marks a key that has no default. The section's own check refuses a mapping without it.
  package func required() -> Field {
    var field = self
    field.isRequired = true
    return field
  }

  /// Adds a rule of JSON Schema that the type of the key does not say, as the pattern of a digest.
  /// - Parameter json: the rule's value
  package func rule(_ name: String, _ json: String) -> Field {
    var field = self
    field.rules.append(Rule(name, json))
    return field
  }

  /// The key's JSON schema.
  var schema: String {
    var all = innerRules?() ?? values.rules
    all += rules
    if !meaning.isEmpty { all.append(Rule("description", JSONText.string(meaning))) }
    return JSONText.object(all.map { ($0.name, $0.json) })
  }

  /// The entries of the table for this key and those below it.
  func keys(at path: String, _ defaults: [Defaults<Root>], source: String?) -> [Key] {
    var own = Key(
      name: path.isEmpty ? key : "\(path).\(key)", values: values, meaning: meaning, unit: unit,
      source: self.source ?? innerSource ?? source)
    guard let inner else {
      own.isRequired = isRequired
      if !isRequired { own.setDefaults(defaults.map { ($0.preset, json($0.root)) }) }
      return [own]
    }
    own.isSection = true
    return [own] + inner(own.name, defaults)
  }
}

extension Field where Root: Section {
  package static func section<S: Section>(
    _ key: String, _ path: WritableKeyPath<Root, S>, _ meaning: String = ""
  ) -> Field {
    var field = Field(key, .section, meaning) {
      try $0[keyPath: path].apply($1, at: $2, complete: $3)
    } json: {
      $0[keyPath: path].json
    }
    field.innerSource = S.source
    field.innerRules = { S.rules }
    field.inner = { name, defaults in
      S.keys(at: name, defaults.map { Defaults(preset: $0.preset, root: $0.root[keyPath: path]) })
    }
    return field
  }
}

extension Section {
  /// Overwrites the values that a mapping names.
  /// - Parameter complete: whether every key must be there
  /// - Throws: `ConfigurationError`
  package mutating func apply(_ value: SettingValue, at path: String, complete: Bool = false) throws
  {
    guard case .mapping(let entries) = value else {
      let known = Self.fields.map(\.key).joined(separator: ", ")
      throw ConfigurationError(
        "\(path.isEmpty ? "configuration" : path): found \(value.description), expected a mapping "
          + "with keys among \(known)")
    }
    for entry in entries {
      let full = path.isEmpty ? entry.key : "\(path).\(entry.key)"
      guard let field = Self.fields.first(where: { $0.key == entry.key }) else {
        throw unknown(entry.key, at: full, known: Self.fields.map(\.key))
      }
      try field.assign(&self, entry.value, full, complete)
    }
    if complete {
      for field in Self.fields
      where !Self.additions.contains(field.key)
        && !entries.contains(where: { $0.key == field.key })
      {
        throw ConfigurationError(
          "\(path.isEmpty ? field.key : "\(path).\(field.key)"): missing; a stored configuration "
            + "names every key")
      }
    }
  }

  /// Canonical JSON: every key, bytewise sorted, no spaces.
  package var json: String { json(without: []) }

  /// Canonical JSON of the other keys.
  package func json(without keys: Set<String>) -> String {
    let fields = Self.fields.filter { !keys.contains($0.key) }
    let sorted = fields.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    return "{" + sorted.map { "\"\($0.key)\":\($0.json(self))" }.joined(separator: ",") + "}"
  }
}

extension Section {
  /// The section as rules of a JSON schema: every key must be there, and no other.
  static var rules: [Rule] {
    [
      .type("object"), Rule("additionalProperties", "false"),
      Rule("required", JSONText.array(fields.map { JSONText.string($0.key) })),
      Rule("properties", JSONText.object(fields.map { ($0.key, $0.schema) })),
    ]
  }

  /// The JSON schema of the whole object.
  package static var schema: String {
    JSONText.object(
      [("$schema", JSONText.string("https://json-schema.org/draft/2020-12/schema"))]
        + rules.map { ($0.name, $0.json) })
  }
}

extension Section {
  /// The table of keys of a section that stands by itself.
  /// - Parameter standard: the section where nothing is given
  package static func described(by standard: Self) -> [Key] {
    keys(at: "", [Defaults(preset: nil, root: standard)])
  }

  /// The entries of the table for all keys of the section.
  /// - Parameters:
  ///   - path: the section's own key, or empty
  ///   - defaults: the section as it is where nothing is given
  static func keys(at path: String, _ defaults: [Defaults<Self>]) -> [Key] {
    fields.flatMap { $0.keys(at: path, defaults, source: source) }
  }
}
