// One table per section gives its keys, types and ranges; both reading and writing follow it.

import Files

/// A mapping of keys in a settings file.
package protocol Section: Sendable, Equatable {
  static var fields: [Field<Self>] { get }
  /// Keys that model.md section 10 does not name: stored configurations may lack them.
  static var additions: Set<String> { get }
}

extension Section {
  package static var additions: Set<String> { [] }
}

/// One key of a section.
package struct Field<Root> {
  let key: String
  let assign: (inout Root, SettingValue, _ path: String, _ complete: Bool) throws -> Void
  /// The key's value as JSON.
  let json: (Root) -> String
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
  package var json: String {
    let sorted = Self.fields.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    return "{" + sorted.map { "\"\($0.key)\":\($0.json(self))" }.joined(separator: ",") + "}"
  }
}

extension Field where Root: Section {
  package static func section<S: Section>(_ key: String, _ path: WritableKeyPath<Root, S>) -> Field
  {
    Field(key: key) {
      try $0[keyPath: path].apply($1, at: $2, complete: $3)
    } json: {
      $0[keyPath: path].json
    }
  }

  package static func integer(
    _ key: String, _ path: WritableKeyPath<Root, Int>, _ range: ClosedRange<Int>
  ) -> Field {
    Field(key: key) { root, value, at, _ in
      root[keyPath: path] = try integerValue(value, range, at)
    } json: {
      String($0[keyPath: path])
    }
  }

  package static func optionalInteger(
    _ key: String, _ path: WritableKeyPath<Root, Int?>, _ range: ClosedRange<Int>
  ) -> Field {
    Field(key: key) { root, value, at, _ in
      root[keyPath: path] = value == .null ? nil : try integerValue(value, range, at)
    } json: {
      $0[keyPath: path].map(String.init) ?? "null"
    }
  }

  package static func integers(
    _ key: String, _ path: WritableKeyPath<Root, [Int]>, _ range: ClosedRange<Int>
  ) -> Field {
    Field(key: key) { root, value, at, _ in
      guard case .list(let values) = value else {
        throw ConfigurationError(
          "\(at): found \(value.description), expected a list of integers in brackets")
      }
      root[keyPath: path] = try values.enumerated().map {
        try integerValue($1, range, "\(at)[\($0)]")
      }
    } json: {
      "[" + $0[keyPath: path].map(String.init).joined(separator: ",") + "]"
    }
  }

  package static func seed(_ key: String, _ path: WritableKeyPath<Root, UInt64>) -> Field {
    Field(key: key) { root, value, at, _ in
      guard case .integer(let text) = value, let seed = UInt64(text) else {
        throw ConfigurationError(
          "\(at): found \(value.description), expected an integer from 0 to \(UInt64.max)")
      }
      root[keyPath: path] = seed
    } json: {
      String($0[keyPath: path])
    }
  }

  package static func number(
    _ key: String, _ path: WritableKeyPath<Root, Double>, _ range: Bounds
  ) -> Field {
    Field(key: key) { root, value, at, _ in
      root[keyPath: path] = try numberValue(value, range, at)
    } json: {
      $0[keyPath: path].description
    }
  }

  package static func optionalNumber(
    _ key: String, _ path: WritableKeyPath<Root, Double?>, _ range: Bounds
  ) -> Field {
    Field(key: key) { root, value, at, _ in
      root[keyPath: path] = value == .null ? nil : try numberValue(value, range, at)
    } json: {
      $0[keyPath: path]?.description ?? "null"
    }
  }

  package static func numbers(
    _ key: String, _ path: WritableKeyPath<Root, [Double]>, _ range: Bounds, count: Int? = nil
  ) -> Field {
    Field(key: key) { root, value, at, _ in
      root[keyPath: path] = try numberList(value, range, count: count, at)
    } json: {
      "[" + $0[keyPath: path].map(\.description).joined(separator: ",") + "]"
    }
  }

  package static func optionalNumbers(
    _ key: String, _ path: WritableKeyPath<Root, [Double]?>, _ range: Bounds, count: Int
  ) -> Field {
    Field(key: key) { root, value, at, _ in
      root[keyPath: path] = value == .null ? nil : try numberList(value, range, count: count, at)
    } json: {
      $0[keyPath: path].map { "[" + $0.map(\.description).joined(separator: ",") + "]" } ?? "null"
    }
  }

  package static func flag(_ key: String, _ path: WritableKeyPath<Root, Bool>) -> Field {
    Field(key: key) { root, value, at, _ in
      guard case .boolean(let flag) = value else {
        throw ConfigurationError("\(at): found \(value.description), expected true or false")
      }
      root[keyPath: path] = flag
    } json: {
      String($0[keyPath: path])
    }
  }

  package static func choice<E: RawRepresentable & CaseIterable>(
    _ key: String, _ path: WritableKeyPath<Root, E>
  ) -> Field where E.RawValue == String {
    Field(key: key) { root, value, at, _ in
      guard case .string(let text) = value, let choice = E(rawValue: text) else {
        let known = E.allCases.map(\.rawValue)
        var message =
          "\(at): found \(value.description), expected one of \(known.joined(separator: ", "))"
        if case .string(let text) = value, let near = nearest(to: text, among: known) {
          message += "; did you mean '\(near)'?"
        }
        throw ConfigurationError(message)
      }
      root[keyPath: path] = choice
    } json: {
      JSONText.string($0[keyPath: path].rawValue)
    }
  }

  package static func text(_ key: String, _ path: WritableKeyPath<Root, String>) -> Field {
    Field(key: key) { root, value, at, _ in
      root[keyPath: path] = try textValue(value, at)
    } json: {
      JSONText.string($0[keyPath: path])
    }
  }

  /// A text, or null for an empty one.
  package static func optionalText(
    _ key: String, _ path: WritableKeyPath<Root, String>
  ) -> Field {
    Field(key: key) { root, value, at, _ in
      root[keyPath: path] = value == .null ? "" : try textValue(value, at)
    } json: {
      $0[keyPath: path].isEmpty ? "null" : JSONText.string($0[keyPath: path])
    }
  }

  /// A text, or null for none.
  package static func optionalText(_ key: String, _ path: WritableKeyPath<Root, String?>) -> Field {
    Field(key: key) { root, value, at, _ in
      root[keyPath: path] = value == .null ? nil : try textValue(value, at)
    } json: {
      $0[keyPath: path].map(JSONText.string) ?? "null"
    }
  }

  /// One text, a list of them, or null for none.
  package static func texts(_ key: String, _ path: WritableKeyPath<Root, [String]>) -> Field {
    Field(key: key) { root, value, at, _ in
      switch value {
      case .null: root[keyPath: path] = []
      case .list(let values): root[keyPath: path] = try values.map { try textValue($0, at) }
      default: root[keyPath: path] = [try textValue(value, at)]
      }
    } json: {
      let texts = $0[keyPath: path]
      return texts.isEmpty ? "null" : "[" + texts.map(JSONText.string).joined(separator: ",") + "]"
    }
  }
}
