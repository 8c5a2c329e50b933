// Errors that options of the command line cause, and values of a file that options replace.

extension Override {
  /// The key as the configuration's own messages name it.
  private var key: String {
    (path.first == "config" ? path.dropFirst() : path[...]).joined(separator: ".")
  }

  /// The keys of its values: its own, or those inside a mapping.
  fileprivate var leaves: [[String]] { nested.leaves }

  /// Carries out what this option asks for; an error names the option as it was given.
  package func blamed<T>(_ body: () throws -> T) throws -> T {
    do {
      return try body()
    } catch let error as ConfigurationError {
      throw named(in: error)
    }
  }

  /// The error of a value that this option has given, by the name of the option.
  private func named(in error: ConfigurationError) -> ConfigurationError {
    guard let option else { return error }
    let text = error.description
    let named = text.prefix { !":[ ".contains($0) }
    // The key as the option gives it, or with the section in whose place the option stands.
    guard named == key || named.hasSuffix(".\(key)") else {
      return ConfigurationError("\(option): \(text)")
    }
    return ConfigurationError("\(option)\(text.dropFirst(named.count))")
  }

  /// The error of settings that do not fit each other, if this option gave one of them.
  fileprivate func named(besides error: ConfigurationError) -> ConfigurationError? {
    guard let option else { return nil }
    let text = error.description
    for leaf in leaves {
      let leaf = (leaf.first == "config" ? leaf.dropFirst() : leaf[...]).joined(separator: ".")
      if text.hasPrefix("\(leaf):") || text.hasPrefix("\(leaf)[") {
        return leaf == key
          ? ConfigurationError("\(option)\(text.dropFirst(leaf.count))")
          : ConfigurationError("\(option): \(text)")
      }
    }
    return nil
  }

  /// Whether a message speaks of a key that this option gave. Words of prose are no keys: without a dot a key
  /// counts with its value alone.
  fileprivate func isSpokenOf(in error: ConfigurationError) -> Bool {
    let words = error.description.split(whereSeparator: { " ,;()'".contains($0) }).map {
      $0.last == ":" || $0.last == "." ? $0.dropLast() : $0
    }
    return leaves.contains { leaf in
      let leaf = (leaf.first == "config" ? leaf.dropFirst() : leaf[...]).joined(separator: ".")
      guard !leaf.contains(".") else { return words.contains { $0 == leaf } }
      return zip(words, words.dropFirst()).contains { $0 == leaf && $1 == value.plainText }
    }
  }
}

extension ConfigurationError {
  /// The error by the name of the option that gave the value.
  /// - Parameter options: options of the command line
  package func placed(_ options: [Override]) -> ConfigurationError {
    options.reversed().lazy.compactMap { $0.named(besides: self) }.first ?? self
  }

  /// The same, or else by the name of the file.
  func placed(_ options: [Override], _ source: String) -> ConfigurationError {
    let given = options.compactMap(\.option)
    guard !description.hasPrefix(source), !given.contains(where: description.hasPrefix) else {
      return self
    }
    let named = placed(options)
    guard named == self else { return named }
    let others = options.filter { $0.isSpokenOf(in: self) }.compactMap(\.option)
    return ConfigurationError(
      "\(source): \(description)"
        + (others.isEmpty ? "" : " (\(others.joined(separator: " and ")) asks for it)"))
  }
}

extension SettingValue {
  /// Paths of all values that are no mappings.
  fileprivate var leaves: [[String]] {
    guard case .mapping(let entries) = self else { return [[]] }
    return entries.flatMap { entry in entry.value.leaves.map { [entry.key] + $0 } }
  }

  /// The value as it stands after a key in messages.
  fileprivate var plainText: String {
    if case .string(let text) = self { return text }
    return description
  }

  /// The mapping without the values that options replace, so that nobody reads them.
  func withoutValues(of options: [Override]) -> SettingValue {
    options.reduce(self) { value, option in
      option.nested == .null
        ? .null : option.leaves.filter { !$0.isEmpty }.reduce(value) { $0.removing($1) }
    }
  }
}
