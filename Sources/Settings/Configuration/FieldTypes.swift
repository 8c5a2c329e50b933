// The types of keys: what each takes, how it is read and how it is written.

import Files

extension Field where Root: Section {
  package static func integer(
    _ key: String, _ path: WritableKeyPath<Root, Int>, _ range: ClosedRange<Int>,
    _ meaning: String = ""
  ) -> Field {
    Field(key, .integer(range), meaning) { root, value, at, _ in
      root[keyPath: path] = try integerValue(value, range, at)
    } json: {
      String($0[keyPath: path])
    }
  }

  package static func optionalInteger(
    _ key: String, _ path: WritableKeyPath<Root, Int?>, _ range: ClosedRange<Int>,
    _ meaning: String = ""
  ) -> Field {
    Field(key, .integer(range, orNull: true), meaning) { root, value, at, _ in
      root[keyPath: path] = value == .null ? nil : try integerValue(value, range, at)
    } json: {
      $0[keyPath: path].map(String.init) ?? "null"
    }
  }

  package static func integers(
    _ key: String, _ path: WritableKeyPath<Root, [Int]>, _ range: ClosedRange<Int>,
    _ meaning: String = ""
  ) -> Field {
    Field(key, .list(of: .integer(range), "list of integers"), meaning) { root, value, at, _ in
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

  package static func seed(
    _ key: String, _ path: WritableKeyPath<Root, UInt64>, _ meaning: String = ""
  ) -> Field {
    let values = Values.seed
    return Field(key, values, meaning) { root, value, at, _ in
      guard case .integer(let text) = value, let seed = UInt64(text) else {
        throw ConfigurationError(
          "\(at): found \(value.description), expected an integer \(values.range)")
      }
      root[keyPath: path] = seed
    } json: {
      String($0[keyPath: path])
    }
  }

  package static func number(
    _ key: String, _ path: WritableKeyPath<Root, Double>, _ range: Bounds, _ meaning: String = ""
  ) -> Field {
    Field(key, .number(range), meaning) { root, value, at, _ in
      root[keyPath: path] = try numberValue(value, range, at)
    } json: {
      $0[keyPath: path].description
    }
  }

  package static func optionalNumber(
    _ key: String, _ path: WritableKeyPath<Root, Double?>, _ range: Bounds, _ meaning: String = ""
  ) -> Field {
    Field(key, .number(range, orNull: true), meaning) { root, value, at, _ in
      root[keyPath: path] = value == .null ? nil : try numberValue(value, range, at)
    } json: {
      $0[keyPath: path]?.description ?? "null"
    }
  }

  package static func numbers(
    _ key: String, _ path: WritableKeyPath<Root, [Double]>, _ range: Bounds, count: Int? = nil,
    _ meaning: String = ""
  ) -> Field {
    Field(key, .numbers(range, count: count), meaning) { root, value, at, _ in
      root[keyPath: path] = try numberList(value, range, count: count, at)
    } json: {
      "[" + $0[keyPath: path].map(\.description).joined(separator: ",") + "]"
    }
  }

  package static func optionalNumbers(
    _ key: String, _ path: WritableKeyPath<Root, [Double]?>, _ range: Bounds, count: Int,
    _ meaning: String = ""
  ) -> Field {
    let values = Values.numbers(range, count: count, orNull: true)
    return Field(key, values, meaning) { root, value, at, _ in
      root[keyPath: path] = value == .null ? nil : try numberList(value, range, count: count, at)
    } json: {
      $0[keyPath: path].map { "[" + $0.map(\.description).joined(separator: ",") + "]" } ?? "null"
    }
  }

  package static func flag(
    _ key: String, _ path: WritableKeyPath<Root, Bool>, _ meaning: String = ""
  ) -> Field {
    Field(key, .flag, meaning) { root, value, at, _ in
      guard case .boolean(let flag) = value else {
        throw ConfigurationError("\(at): found \(value.description), expected true or false")
      }
      root[keyPath: path] = flag
    } json: {
      String($0[keyPath: path])
    }
  }

  package static func optionalFlag(
    _ key: String, _ path: WritableKeyPath<Root, Bool?>, _ meaning: String = ""
  ) -> Field {
    Field(
      key, Values("true or false", orNull: true, rules: [.type("boolean", orNull: true)]), meaning
    ) { root, value, at, _ in
      switch value {
      case .null: root[keyPath: path] = nil
      case .boolean(let flag): root[keyPath: path] = flag
      default:
        throw ConfigurationError(
          "\(at): found \(value.description), expected true, false or null")
      }
    } json: {
      $0[keyPath: path].map { String($0) } ?? "null"
    }
  }

  package static func choice<E: RawRepresentable & CaseIterable>(
    _ key: String, _ path: WritableKeyPath<Root, E>, _ meaning: String = ""
  ) -> Field where E.RawValue == String {
    let known = E.allCases.map(\.rawValue)
    return Field(key, Values(choices: known), meaning) { root, value, at, _ in
      guard case .string(let text) = value, let choice = E(rawValue: text) else {
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

  package static func text(
    _ key: String, _ path: WritableKeyPath<Root, String>, _ meaning: String = ""
  ) -> Field {
    Field(key, .text, meaning) { root, value, at, _ in
      root[keyPath: path] = try textValue(value, at)
    } json: {
      JSONText.string($0[keyPath: path])
    }
  }

  /// The name or the number of something in the database, as text; null for an empty one.
  package static func reference(
    _ key: String, _ path: WritableKeyPath<Root, String>, _ meaning: String = ""
  ) -> Field {
    let values = Values("text or integer", orNull: true, rules: [.type("string", orNull: true)])
    return Field(key, values, meaning) { root, value, at, _ in
      switch value {
      case .null: root[keyPath: path] = ""
      case .integer(let text): root[keyPath: path] = text
      default: root[keyPath: path] = try textValue(value, at)
      }
    } json: {
      $0[keyPath: path].isEmpty ? "null" : JSONText.string($0[keyPath: path])
    }
  }

  /// A text, or null for an empty one.
  package static func optionalText(
    _ key: String, _ path: WritableKeyPath<Root, String>, _ meaning: String = ""
  ) -> Field {
    Field(key, .optionalText, meaning) { root, value, at, _ in
      root[keyPath: path] = value == .null ? "" : try textValue(value, at)
    } json: {
      $0[keyPath: path].isEmpty ? "null" : JSONText.string($0[keyPath: path])
    }
  }

  /// A text, or null for none.
  package static func optionalText(
    _ key: String, _ path: WritableKeyPath<Root, String?>, _ meaning: String = ""
  ) -> Field {
    Field(key, .optionalText, meaning) { root, value, at, _ in
      root[keyPath: path] = value == .null ? nil : try textValue(value, at)
    } json: {
      $0[keyPath: path].map(JSONText.string) ?? "null"
    }
  }

  /// One text, a list of them, or null for none.
  package static func texts(
    _ key: String, _ path: WritableKeyPath<Root, [String]>, _ meaning: String = ""
  ) -> Field {
    Field(key, .texts, meaning) { root, value, at, _ in
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
