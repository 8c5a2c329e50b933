// What `pra run` reads: data, configuration, sampling and evaluation of one run.

import FoundationEssentials

/// A run as its YAML file describes it, with the options of the command line applied.
package struct RunFile: Sendable, Equatable {
  package var name: String
  package var data: DataSource
  package var configuration: ModelConfiguration
  /// Nil where the file has no `sample`: the run ends with training.
  package var sample: Sample?
  package var evaluate: Bool
  /// What is trained and compared, every variant with every seed; without `variants` and `seeds`
  /// the configuration alone.
  package var arms: [Arm]

  /// The images to ingest.
  package struct DataSource: Section {
    /// A tar, a zip, a folder of images or of archives, or archives as in `train-{000..127}.tar`; as
    /// written: relative to the run file's folder unless it begins with `/`.
    package var source = ""
    /// Only what lies below this folder of the source.
    package var folder: String?
    /// What is held out.
    package var validation = Validation()
    /// Broken images that ingest may leave out.
    package var skipLimit = 0

    package static var fields: [Field<Self>] {
      [
        .text("source", \.source), .optionalText("folder", \.folder),
        .section("validation", \.validation),
        .integer("skip_limit", \.skipLimit, 0...1_000_000_000),
      ]
    }
  }

  /// How many images are drawn, by how many jobs.
  package struct Sample: Section {
    package var count = 0
    package var shards = 1

    package static var fields: [Field<Self>] {
      [
        .integer("count", \.count, 1...1_000_000_000), .integer("shards", \.shards, 1...10_000),
      ]
    }

    /// The half-open ranges of image numbers, one per job, differing by at most one in length.
    package var ranges: [Range<Int>] {
      (0..<shards).map { $0 * count / shards..<($0 + 1) * count / shards }
    }
  }

  /// Path of the source, taken from the run file's folder.
  /// - Parameter file: path of the run file
  package func sourcePath(besides file: String) -> String {
    Self.path(data.source, besides: file)
  }

  /// A path that the run file names, taken from its folder.
  package static func path(_ given: String, besides file: String) -> String {
    guard !given.hasPrefix("/"), let slash = file.lastIndex(of: "/") else { return given }
    return String(file[...slash]) + given
  }

  /// Reads a run file and applies `--set` options.
  /// - Throws: `ConfigurationError`
  package init(path: String, overrides: [Override] = []) throws {
    let bytes: Data
    do {
      bytes = try Data(contentsOf: URL(filePath: path))
    } catch {
      // Foundation's own text is for programmers.
      let exists = FileManager.default.fileExists(atPath: path)
      throw ConfigurationError("\(path): \(exists ? "cannot be read" : "there is no such file")")
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw ConfigurationError("\(path): is not UTF-8 text")
    }
    try self.init(text: text, source: path, overrides: overrides)
  }

  /// - Parameter source: what messages call the text
  /// - Throws: `ConfigurationError`
  package init(text: String, source: String, overrides: [Override] = []) throws {
    do {
      try self.init(SettingValue(parsing: text, source: source), overrides)
    } catch let error as ConfigurationError where !error.description.hasPrefix(source) {
      throw ConfigurationError("\(source): \(error)")
    }
  }

  private static let keys = [
    "name", "data", "config", "variants", "seeds", "sample", "evaluate",
  ]

  /// Keys that an option replaces as a whole.
  private static let plainKeys = ["name", "evaluate", "variants", "seeds"]

  private init(_ value: SettingValue, _ overrides: [Override]) throws {
    guard case .mapping(let entries) = value else {
      throw ConfigurationError(
        "found \(value.description), expected a mapping with keys among "
          + Self.keys.joined(separator: ", "))
    }
    for entry in entries where !Self.keys.contains(entry.key) {
      if ModelConfiguration.fields.contains(where: { $0.key == entry.key }) {
        throw ConfigurationError("\(entry.key): unknown key; did you mean 'config.\(entry.key)'?")
      }
      throw unknown(entry.key, at: entry.key, known: Self.keys)
    }
    var given = Dictionary(uniqueKeysWithValues: entries.map { ($0.key, $0.value) })
    var settings: [Override] = []
    var sections: [Override] = []
    for option in overrides {
      switch option.path[0] {
      case "config" where option.path.count > 1:
        settings.append(Override(path: Array(option.path.dropFirst()), value: option.value))
      case _ where option.path.count == 1 && Self.plainKeys.contains(option.path[0]):
        given[option.path[0]] = option.value
      case "data", "sample": sections.append(option)
      case _ where option.path[0] == "config" || Self.plainKeys.contains(option.path[0]):
        throw ConfigurationError("--set \(option.path.joined(separator: ".")): is no key of a run")
      default: settings.append(option)
      }
    }

    name = try Self.name(given["name"])
    data = DataSource()
    guard let source = given["data"] else {
      throw ConfigurationError("data: missing; expected {source: a tar file or an image folder}")
    }
    try data.apply(source, at: "data")
    var drawn: Sample?
    if let sample = given["sample"], sample != .null {
      drawn = Sample()
      try drawn!.apply(sample, at: "sample")
    }
    for option in sections {
      let layer = Override(path: Array(option.path.dropFirst()), value: option.value).nested
      if option.path[0] == "data" {
        try data.apply(layer, at: "data")
      } else if layer == .null {
        drawn = nil
      } else {
        var changed = drawn ?? Sample()
        try changed.apply(layer, at: "sample")
        drawn = changed
      }
    }
    sample = drawn
    guard !data.source.isEmpty else {
      throw ConfigurationError("data.source: missing; expected a tar file or an image folder")
    }
    try data.validation.split(archives: data.validation.source == nil ? 0 : 1)
      .validate(at: "data.validation", folder: data.folder)
    configuration = try ModelConfiguration.resolve(
      given["config"] ?? .null, overrides: settings, at: "")
    arms = try Arm.all(
      variants: given["variants"], seeds: given["seeds"], config: given["config"] ?? .null,
      overrides: settings)

    switch given["evaluate"] {
    case .boolean(let flag): evaluate = flag
    case nil: evaluate = false
    case .some(let other):
      throw ConfigurationError("evaluate: found \(other.description), expected true or false")
    }
    if arms.isEmpty { arms = [Arm(name: name, configuration: configuration)] }
    try checkSample()
  }

  private static func name(_ value: SettingValue?) throws -> String {
    guard let value else {
      throw ConfigurationError("name: missing; expected a name for the run, as in name: emoji")
    }
    let text = try textValue(value, "name")
    let isPrintable = text.unicodeScalars.allSatisfy {
      $0.properties.generalCategory != .control && $0.properties.generalCategory != .format
    }
    guard isPrintable, text.utf8.count <= 200 else {
      throw ConfigurationError("name: expected at most 200 bytes without control characters")
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
