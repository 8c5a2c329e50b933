// The table of keys: for every key of a run file and of its configuration what it takes, what it is
// without it and what it means. It is made from the fields that read the files.

import Files

/// The values that a key takes, in words.
package struct Values: Sendable, Equatable {
  /// As in "integer" or "list of 2 numbers".
  package let type: String
  /// As in "from 1 to 4095"; empty where the type alone says it.
  package let range: String
  /// The words of which it is one; empty where it is none of a list.
  package let choices: [String]
  /// Whether null is taken besides.
  package let orNull: Bool
  /// The same as rules of a JSON schema, for the contracts of job kinds; empty for a key that no contract has.
  let rules: [Rule]

  init(_ type: String, _ range: String = "", orNull: Bool = false, rules: [Rule] = []) {
    (self.type, self.range, choices, self.orNull) = (type, range, [], orNull)
    self.rules = rules
  }

  init(choices: [String]) {
    (type, range, self.choices, orNull) = ("choice", "", choices, false)
    rules = [Rule("enum", JSONText.array(choices.map(JSONText.string)))]
  }

  static let section = Values("mapping")
  static let optionalSection = Values("mapping", orNull: true)
  static let flag = Values("true or false", rules: [.type("boolean")])

  /// As in "integer from 1 to 4096 pixels, or null".
  /// - Parameter unit: of the numbers
  package func words(unit: String? = nil) -> String {
    let value =
      choices.isEmpty
      ? [type, range, unit ?? ""].filter { !$0.isEmpty }.joined(separator: " ")
      : choices.dropLast().joined(separator: ", ") + " or " + choices.last!
    return value + (orNull ? ", or null" : "")
  }
}

/// A section as it is where nothing is given, under a preset or without one.
struct Defaults<Root> {
  let preset: Preset?
  let root: Root
}

/// One entry of the table of keys.
package struct Key: Sendable, Equatable {
  /// As `--set` takes it: `training.lr`, `sample.count`.
  package let name: String
  package let values: Values
  /// One sentence.
  package let meaning: String
  package let unit: String?
  /// The paper, page or program that it is from.
  package let source: String?
  package var isRequired = false
  /// Whether keys stand below it.
  package var isSection = false
  /// JSON; nil for a key that must be given, and for one that has keys below it.
  package private(set) var standard: String?
  /// Presets that have another default, with its JSON.
  package private(set) var presets: [PresetDefault] = []

  package struct PresetDefault: Sendable, Equatable {
    package let preset: Preset
    package let json: String
  }

  init(
    name: String, values: Values, meaning: String, unit: String? = nil, source: String? = nil
  ) {
    (self.name, self.values, self.meaning) = (name, values, meaning)
    (self.unit, self.source) = (unit, source)
  }

  /// - Parameter all: JSON by preset; that of the default preset, or else the first, is the default
  mutating func setDefaults(_ all: [(preset: Preset?, json: String)]) {
    let usual = ModelConfiguration().preset
    standard = (all.first { $0.preset == usual } ?? all[0]).json
    presets = all.compactMap { preset, json in
      preset.flatMap { json == standard ? nil : PresetDefault(preset: $0, json: json) }
    }
  }
}

extension Key {
  /// Keys of the configuration: below `config` in a run file, by themselves in `--set`.
  package static let settings: [Key] = ModelConfiguration.keys(
    at: "",
    Preset.allCases.map {
      var configuration = $0.configuration
      // A preset is asked for; none is the default's by itself.
      configuration.preset = ModelConfiguration().preset
      return Defaults(preset: $0, root: configuration)
    })

  /// Keys of a run file, and those of its configuration.
  package static let all: [Key] = RunFile.topKeys.flatMap(\.table) + settings

  /// The key of a name and the keys below it.
  /// - Parameters:
  ///   - name: `sampling`, `config.sampling` or `sampling.steps`
  ///   - all: the table that is searched
  /// - Throws: `ConfigurationError` that names the nearest key
  package static func under(_ name: String, among all: [Key] = Key.all) throws -> [Key] {
    if name == "config", all == Key.all { return all.filter { $0.name == name } + settings }
    let isOfConfiguration = name.hasPrefix("config.") && !all.contains { $0.name == name }
    let bare = isOfConfiguration ? String(name.dropFirst("config.".count)) : name
    let found = all.filter { $0.name == bare || $0.name.hasPrefix("\(bare).") }
    guard found.isEmpty else { return found }
    let names = all.map(\.name)
    let elsewhere = names.filter { $0.hasSuffix(".\(bare)") }
    let near = elsewhere.isEmpty ? [nearest(to: bare, among: names)].compactMap(\.self) : elsewhere
    let top = names.filter { !$0.contains(".") }
    throw ConfigurationError(
      "\(name): unknown key; "
        + (near.isEmpty
          ? "known are \(top.joined(separator: ", "))"
          : "did you mean '\(near.joined(separator: "' or '"))'?"))
  }

  /// One JSON object.
  package var json: String {
    func text(_ value: String?) -> String { value.map(JSONText.string) ?? "null" }
    return JSONText.object([
      ("key", text(name)), ("type", text(values.type)),
      ("range", text(values.range.isEmpty ? nil : values.range)),
      ("choices", JSONText.array(values.choices.map(JSONText.string))),
      ("null", String(values.orNull)), ("required", String(isRequired)),
      ("default", standard ?? "null"),
      ("presets", JSONText.object(presets.map { ($0.preset.rawValue, $0.json) })),
      ("meaning", text(meaning)), ("unit", text(unit)), ("source", text(source)),
    ])
  }
}
