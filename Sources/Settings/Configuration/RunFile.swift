// The file that `pra run` reads: data, configuration, sampling and evaluation of one run.

import Files
import FoundationEssentials

/// A run as its YAML file describes it, with the options of the command line applied.
package struct RunFile: Sendable, Equatable {
  package var name: String
  package var data: DataSource
  package var configuration: ModelConfiguration
  /// The file that training starts from; nil for initial weights by the seed.
  package var start: Start?
  /// Nil if the file has no `sample`: the run then ends with training.
  package var sample: Sample?
  /// Nil if nothing is drawn while training goes on.
  package var preview: Preview?
  package var evaluate: Bool
  /// Nil if the run is evaluated by random features only.
  package var inception: InceptionEvaluation?
  /// Programs that read what the run has made.
  package var commands: [NamedCommand]
  /// The configurations to train and compare: every variant with every seed, or without `variants`
  /// and `seeds` the configuration alone.
  package var arms: [Arm]

  /// Path of the source, resolved from the run file's folder.
  /// - Parameter file: path of the run file
  package func sourcePath(besides file: String) -> String {
    Self.path(data.source, besides: file)
  }

  /// The beginning of a name that stands for a stored file: `sha256:` and 64 digits in the place of a path.
  package static let storedPrefix = "sha256:"

  /// A path in the run file, resolved from its folder.
  package static func path(_ given: String, besides file: String) -> String {
    // A pipe lies nowhere: names in it are taken from the folder of the call.
    guard !given.hasPrefix("/"), !given.hasPrefix(storedPrefix),
      !["/dev/", "/proc/"].contains(where: file.hasPrefix), let slash = file.lastIndex(of: "/")
    else { return given }
    return String(file[...slash]) + given
  }

  /// Reads a run file and applies `--set` options.
  /// - Parameter stored: returns the configuration that belongs to the weights of `init`, whose file is
  ///   resolved from the run file's folder
  /// - Throws: `ConfigurationError`
  package init(
    path: String, overrides: [Override] = [],
    stored: (_ start: Start) throws -> ModelConfiguration? = { _ in nil }
  ) throws {
    try self.init(text: try RunFileBytes.text(path), source: path, overrides: overrides) {
      var start = $0
      if !start.file.isEmpty { start.file = Self.path(start.file, besides: path) }
      return try stored(start)
    }
  }

  /// - Parameters:
  ///   - source: name of the text in messages
  ///   - stored: returns the configuration that belongs to the weights of `init`
  /// - Throws: `ConfigurationError`
  package init(
    text: String, source: String, overrides: [Override] = [],
    stored: (_ start: Start) throws -> ModelConfiguration? = { _ in nil }
  ) throws {
    do {
      try self.init(SettingValue(parsing: text, source: source), overrides, stored)
    } catch let error as ConfigurationError {
      throw error.placed(overrides, source)
    }
  }

  private init(
    _ value: SettingValue, _ overrides: [Override],
    _ stored: (Start) throws -> ModelConfiguration?
  ) throws {
    guard case .mapping(let entries) = value else {
      throw ConfigurationError(
        "found \(value.description), expected a mapping with keys among "
          + Self.names.joined(separator: ", "))
    }
    for entry in entries where !Self.names.contains(entry.key) {
      if ModelConfiguration.fields.contains(where: { $0.key == entry.key }) {
        throw ConfigurationError("\(entry.key): unknown key; did you mean 'config.\(entry.key)'?")
      }
      throw unknown(entry.key, at: entry.key, known: Self.names)
    }
    var given = Dictionary(
      uniqueKeysWithValues: entries.map { entry in
        // A value that is replaced need not be right.
        let own = overrides.filter { $0.path[0] == entry.key }.map(\.inner)
        return (entry.key, entry.value.withoutValues(of: own))
      })
    var settings: [Override] = []
    var sections: [Override] = []
    for option in overrides {
      switch option.path[0] {
      case "commands" where option.path.count > 1:
        given["commands"] = (given["commands"] ?? .null).setting(
          Array(option.path.dropFirst()), to: option.value)
      case "config" where option.path.count > 1:
        settings.append(option.inner)
      case _ where option.path.count == 1 && Self.plainNames.contains(option.path[0]):
        given[option.path[0]] = option.value
      case _ where Self.sectionNames.contains(option.path[0]): sections.append(option)
      case _ where Self.names.contains(option.path[0]):
        throw ConfigurationError("--set \(option.path.joined(separator: ".")): is no key of a run")
      default: settings.append(option)
      }
    }

    name = try Self.name(given["name"])
    var images = DataSource()
    guard let source = given["data"] else {
      throw ConfigurationError(
        "data: missing; expected {source: a tar file or an image folder}, or {run: an earlier run}")
    }
    try images.apply(source, at: "data")
    var (begun, drawn, previewed): (Start?, Sample?, Preview?)
    try Self.apply(given["init"] ?? .null, to: &begun, Start(), at: "init")
    try Self.apply(given["sample"] ?? .null, to: &drawn, Sample(), at: "sample")
    try Self.apply(given["preview"] ?? .null, to: &previewed, Preview(), at: "preview")
    for option in sections where option.path[0] != "evaluate" {
      let layer = option.inner.nested
      try option.blamed {
        switch option.path[0] {
        case "data": try images.apply(layer, at: "data")
        case "init": try Self.apply(layer, to: &begun, Start(), at: "init")
        case "preview": try Self.apply(layer, to: &previewed, Preview(), at: "preview")
        default: try Self.apply(layer, to: &drawn, Sample(), at: "sample")
        }
      }
    }
    (data, start, sample, preview) = (images, begun, drawn, previewed)
    commands = try NamedCommand.all(given["commands"], hasSamples: drawn != nil)
    try start?.validate()
    try data.checkSource()
    try data.validation.split(archives: data.validation.source == nil ? 0 : 1)
      .validate(at: "data.validation", folder: data.folder)
    let base = try begun.flatMap { try stored($0) }
    configuration = try ModelConfiguration.resolve(
      given["config"] ?? .null, overrides: settings, at: "", base: base)
    arms = try Arm.all(
      variants: given["variants"], seeds: given["seeds"], config: given["config"] ?? .null,
      overrides: settings, base: base)

    (evaluate, inception) = try InceptionEvaluation.read(
      given["evaluate"], sections.filter { $0.path[0] == "evaluate" })
    if arms.isEmpty { arms = [Arm(name: name, configuration: configuration)] }
    try checkSample()
    for arm in arms { try preview?.validate(for: arm.configuration) }
    for arm in arms { try data.check(arm.configuration.training) }
  }

  /// Applies a mapping to an optional section; null removes the section.
  private static func apply<S: Section>(
    _ layer: SettingValue, to section: inout S?, _ empty: S, at path: String
  ) throws {
    guard layer != .null else {
      section = nil
      return
    }
    var changed = section ?? empty
    try changed.apply(layer, at: path)
    section = changed
  }

  private static func name(_ value: SettingValue?) throws -> String {
    guard let value else {
      throw ConfigurationError("name: missing; expected a name for the run, as in name: emoji")
    }
    let text = try textValue(value, "name")
    guard !text.unicodeScalars.contains(where: \.isUnseen), text.utf8.count <= 200 else {
      throw ConfigurationError("name: expected at most 200 bytes without control characters")
    }
    guard text.contains(where: { !$0.isWhitespace }) else {
      throw ConfigurationError("name: found blanks alone, expected a name")
    }
    guard text.wholeMatch(of: /[0-9]+/) == nil else {
      throw ConfigurationError(
        "name: '\(text)' has digits alone, as the numbers of runs have; add a letter, as in run-\(text)"
      )
    }
    for (prefix, meaning) in [
      ("id=", "a run is named by its number"), ("sweep=", "a sweep is named"),
    ]
    where text.hasPrefix(prefix) {
      throw ConfigurationError("name: '\(text)' is how \(meaning); expected another name")
    }
    return text
  }

  private func checkSample() throws {
    if let sample {
      guard sample.count > 0 else {
        throw ConfigurationError("sample.count: missing; expected the number of images to draw")
      }
      guard sample.shards <= sample.count else {
        throw ConfigurationError(
          "sample.shards: \(sample.shards) jobs for \(sample.count) images (sample.count); some "
            + "would draw none")
      }
    } else if evaluate {
      throw ConfigurationError(
        "evaluate: true needs images to evaluate; add sample: {count: ..., shards: ...}")
    }
  }
}
