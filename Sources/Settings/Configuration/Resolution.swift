// Makes a complete configuration from a file and options; writes it as canonical JSON and reads
// that back.

/// One `--set dotted.key=value`.
package struct Override: Sendable, Equatable {
  package let path: [String]
  package let value: SettingValue
  /// The option as messages name it, such as `--set training.total` or `--total`; nil for a setting that no
  /// option gave.
  package let option: String?

  /// - Parameter option: what messages name in the place of `--set` and the key
  /// - Throws: `ConfigurationError` if `=` or the key is missing
  package init(_ text: String, option: String? = nil) throws {
    // A setting may have a hundred thousand characters, and a message has a line.
    let shown = text.utf8.count > 200 ? "\(text.prefix(200))..." : text
    guard let equals = text.firstIndex(of: "=") else {
      throw ConfigurationError("--set \(shown): expected key=value, as in training.total=200")
    }
    path = text[..<equals].split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard path.allSatisfy({ !$0.isEmpty }) else {
      throw ConfigurationError("--set \(shown): the key before '=' is empty or has an empty part")
    }
    value = try SettingValue(
      parsing: String(text[text.index(after: equals)...]), source: "--set \(shown)")
    self.option = option ?? "--set \(path.joined(separator: "."))"
  }

  /// - Parameters:
  ///   - path: parts of the key, at least one
  ///   - option: the option that gave it
  package init(path: [String], value: SettingValue, option: String? = nil) {
    (self.path, self.value, self.option) = (path, value, option)
  }

  /// The same inside the section that the first part of the key names.
  package var inner: Override {
    Override(path: Array(path.dropFirst()), value: value, option: option)
  }

  /// The value, nested in one mapping per part of the key.
  package var nested: SettingValue {
    path.reversed().reduce(value) { .mapping([SettingValue.Entry(key: $1, value: $0)]) }
  }
}

extension ModelConfiguration {
  /// Applies the preset, then the file, then the options, and checks the result.
  /// - Parameters:
  ///   - settings: the mapping of a file, or `.null` for an empty one
  ///   - path: path of the mapping in its file, for messages
  ///   - base: takes the preset's place if no layer names one
  /// - Throws: `ConfigurationError`
  package static func resolve(
    _ settings: SettingValue = .null, overrides: [Override] = [], at path: String = "",
    base: ModelConfiguration? = nil
  ) throws -> ModelConfiguration {
    // A value that is replaced need not be right.
    let file = settings.withoutValues(of: overrides)
    let given = overrides.enumerated().map { place, option in
      let later = Array(overrides[(place + 1)...])
      return (
        option: option,
        value: option.option == nil ? option.nested.withoutValues(of: later) : option.nested
      )
    }
    let layers = (file == .null ? [] : [file]) + given.map(\.value)
    var chosen = ModelConfiguration()
    var namesPreset = false
    for (place, layer) in layers.enumerated() {
      guard case .mapping(let entries) = layer else { continue }
      let option = place - (layers.count - overrides.count)
      for entry in entries where entry.key == "preset" {
        let preset = SettingValue.mapping([entry])
        option < 0
          ? try chosen.apply(preset, at: path)
          : try overrides[option].blamed { try chosen.apply(preset, at: path) }
        namesPreset = true
      }
    }
    var resolved = chosen.preset.configuration
    resolved.sampling.weights = ""
    if let base, !namesPreset {
      resolved = base
      // A new list of averages may not contain the one that was sampled with.
      if layers.contains(where: { $0.sets("training", "ema") }) { resolved.sampling.weights = "" }
    }
    if file != .null { try resolved.apply(file, at: path) }
    for (option, value) in given { try option.blamed { try resolved.apply(value, at: path) } }
    if resolved.sampling.weights.isEmpty { resolved.sampling.weights = resolved.largestAverage }
    if resolved.training.epochs != nil, layers.contains(where: { $0.sets("training", "total") }) {
      throw ConfigurationError(
        "training.total: has no effect while training.epochs is "
          + "\(shortestDecimal(resolved.training.epochs!)); set training.epochs to null as well")
    }
    try resolved.validate()
    return resolved
  }

  /// Parses YAML or JSON text and resolves it.
  /// - Parameter source: name of the text in messages
  package static func resolve(
    text: String, source: String, overrides: [Override] = []
  ) throws -> ModelConfiguration {
    try resolve(SettingValue(parsing: text, source: source), overrides: overrides)
  }

  /// The complete configuration as JSON: nested, keys sorted bytewise, no spaces. Equal
  /// configurations have equal texts.
  package var canonicalJSON: String { json }

  /// Reads a complete configuration back, in any layout of JSON or YAML.
  /// - Throws: `ConfigurationError` naming a missing, unknown or wrong key
  package init(canonicalJSON text: String, source: String = "stored configuration") throws {
    self.init()
    try apply(SettingValue(parsing: text, source: source), at: "", complete: true)
    try validate()
  }
}

extension SettingValue {
  /// Whether the mapping gives a value other than null to section.key.
  fileprivate func sets(_ section: String, _ key: String) -> Bool {
    guard case .mapping(let entries) = self else { return false }
    return entries.contains { entry in
      guard entry.key == section, case .mapping(let inner) = entry.value else { return false }
      return inner.contains { $0.key == key && $0.value != .null }
    }
  }
}
